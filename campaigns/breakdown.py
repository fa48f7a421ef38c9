"""The report of a campaign by one trait of its deliveries: when sent, language, address domain, variant, provider.

A slice is the people of one value, such as those who got variant B. It narrows every number of the report, the people
behind it and the follow-up to them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pyroaring import BitMap

from campaigns.models import Campaign
from campaigns.outcomes import outcomes_of
from campaigns.trial import last_run, tried
from retargeting.audiences.engine import evaluate
from retargeting.bitmaps import binary_cursor, bitmap_of_ids, ids_of_array
from retargeting.channels.registry import PROVIDERS
from retargeting.conditions.nodes import Channel, Opens
from retargeting.messaging.models import Dispatch

SHOWN = ("sent", "delivered", "opened", "clicked", "bounced", "unsubscribed", "complained")
MOST_ROWS = 100

# Each gives (value, ids as one binary array); the one parameter is the campaign's id.
FROM = """
    FROM messaging_delivery AS delivery JOIN messaging_dispatch AS dispatch ON dispatch.id = delivery.dispatch_id
"""
SENT = "delivery.status = 'sent' AND dispatch.orchestration_id = %s"
PEOPLE = "array_send(array_agg(delivery.profile_id))"
BY_LANGUAGE = f"""
    SELECT profile.language, {PEOPLE} {FROM}
    JOIN profiles_profile AS profile ON profile.id = delivery.profile_id WHERE {SENT} GROUP BY 1
"""  # made of our own words
BY_DOMAIN = f"SELECT lower(split_part(delivery.address, '@', 2)), {PEOPLE} {FROM} WHERE {SENT} GROUP BY 1"
BY_PROVIDER = f"SELECT delivery.provider, {PEOPLE} {FROM} WHERE {SENT} GROUP BY 1"
# Without deliveries that have no variant the index alone answers.
BY_VARIANT = f"SELECT delivery.variant, {PEOPLE} {FROM} WHERE {SENT} AND delivery.variant <> '' GROUP BY 1"

HOUR = "to_char(delivery.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:00')"
BY_HOUR = f"SELECT {HOUR}, {PEOPLE} {FROM} WHERE {SENT} GROUP BY 1"
MOST_HOURS = 48
"""What took longer is shown by days."""

Groups = Callable[[Campaign], Mapping[str, BitMap]]


@dataclass(frozen=True, slots=True)
class Trait:
    """`groups` gives the people by value; `names` what values are called, where that is not what they are.

    `channels` are those on which it says something; None: all. `fits` narrows that further. Rows are `in_order` of the
    value where that is one, else those of most people come first.
    """

    key: str
    label: str
    unknown: str
    groups: Groups
    names: Callable[[Campaign], Mapping[str, str]] = lambda campaign: {}
    channels: frozenset[Channel] | None = None
    in_order: bool = False
    fits: Callable[[Campaign], bool] = lambda campaign: True

    def name_of(self, campaign: Campaign, value: str) -> str:
        return self.names(campaign).get(value, value) or self.unknown


def _asked(query: str) -> Groups:
    def groups(campaign: Campaign) -> dict[str, BitMap]:
        with binary_cursor() as cursor:
            cursor.execute(query, [campaign.pk], binary=True)
            return {value or "": bitmap_of_ids(ids_of_array(ids)) for value, ids in cursor.fetchall()}

    return groups


def _by_time(campaign: Campaign) -> Mapping[str, BitMap]:
    """By the hour in UTC at which it was sent, or by the day where that was for longer."""
    hours = _asked(BY_HOUR)(campaign)
    if len(hours) <= MOST_HOURS:
        return hours
    days: dict[str, BitMap] = {}
    for hour, people in hours.items():
        days[hour[:10]] = days.get(hour[:10], BitMap()) | people
    return days


def variant_names(campaign: Campaign) -> dict[str, str]:
    """“B Urgent”, as it was called in the last run that had it."""
    runs = Dispatch.objects.filter(orchestration=campaign.pk).order_by("pk").values_list("variants", flat=True)
    return {each["key"]: f"{each['key'].upper()} {each['name']}" for variants in runs for each in variants}


def _tried(campaign: Campaign) -> Mapping[str, BitMap]:
    run = last_run(campaign)
    return tried(run.dispatch) if run else {}


TRAITS = {
    trait.key: trait
    for trait in (
        Trait(
            "variant",
            "Variant",
            "none",
            _asked(BY_VARIANT),
            variant_names,
            fits=lambda campaign: bool(variant_names(campaign)),
        ),
        Trait("sent_at", "Time of sending", "not known", _by_time, in_order=True),
        Trait("language", "Language", "not known", _asked(BY_LANGUAGE)),
        Trait("domain", "Address domain", "none", _asked(BY_DOMAIN), channels=frozenset({Channel.EMAIL})),
        Trait(
            "provider",
            "Provider",
            "not known",
            _asked(BY_PROVIDER),
            lambda campaign: {key: provider.label for key, provider in PROVIDERS.items()},
        ),
    )
}
TRIED = Trait("tried", "Tried variant", "none", _tried, variant_names)
"""Who tried a variant in the last run; a slice of the card that compares them, no table of its own."""


@dataclass(frozen=True, slots=True)
class Slice:
    trait: Trait
    value: str
    name: str
    people: BitMap


@dataclass(frozen=True, slots=True)
class Row:
    """`people` are by the key of an outcome."""

    value: str
    name: str
    people: Mapping[str, int]

    def share(self, key: str) -> float | None:
        """Of those it was sent to; None where that is nobody."""
        sent = self.people["sent"]
        return self.people[key] / sent if sent else None


def traits_of(campaign: Campaign) -> list[Trait]:
    channel = Channel(campaign.channel)
    return [
        trait
        for trait in TRAITS.values()
        if (trait.channels is None or channel in trait.channels) and trait.fits(campaign)
    ]


def columns_of(campaign: Campaign) -> list[str]:
    """Keys of the outcomes that the table has, `sent` first."""
    known = {outcome.key for outcome in outcomes_of(campaign.channel)}
    return [key for key in SHOWN if key in known]


def breakdown(campaign: Campaign, trait: Trait, *, opens: Opens = Opens.HUMAN) -> list[Row]:
    """Most people first. They are counted as everywhere else in the report, in sets that the engine has evaluated."""
    outcomes = {outcome.key: outcome for outcome in outcomes_of(campaign.channel)}
    sets = {key: evaluate(outcomes[key].tree(campaign, opens)).members for key in columns_of(campaign)}
    names, rows = trait.names(campaign), []
    for value, people in trait.groups(campaign).items():
        counts = {key: members.intersection_cardinality(people) for key, members in sets.items()}
        if counts["sent"]:
            rows.append(Row(value, names.get(value, value) or trait.unknown, counts))
    order = (lambda row: row.value) if trait.in_order else (lambda row: (-row.people["sent"], row.value))
    return sorted(rows, key=order)[:MOST_ROWS]


def slice_of(campaign: Campaign, key: str, value: str) -> Slice | None:
    """Nobody of a value that nobody has; None for a trait that does not exist on its channel."""
    trait = TRIED if key == TRIED.key else {trait.key: trait for trait in traits_of(campaign)}.get(key)
    if trait is None:
        return None
    return Slice(trait, value, trait.name_of(campaign, value), trait.groups(campaign).get(value, BitMap()))
