"""The report of a campaign by one trait of its people: their language, or the domain of the address it went to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyroaring import BitMap

from campaigns.models import Campaign
from campaigns.outcomes import outcomes_of
from retargeting.audiences.engine import evaluate
from retargeting.bitmaps import binary_cursor, ids_of_array
from retargeting.conditions.nodes import Channel, Opens

SHOWN = ("sent", "delivered", "opened", "clicked", "bounced", "unsubscribed", "complained")
MOST_ROWS = 100

# Each gives (value, ids as one binary array); the one parameter is the campaign's id.
SENT = "delivery.status = 'sent' AND dispatch.orchestration_id = %s"
BY_LANGUAGE = f"""
    SELECT profile.language, array_send(array_agg(profile.id))
    FROM messaging_delivery AS delivery
    JOIN messaging_dispatch AS dispatch ON dispatch.id = delivery.dispatch_id
    JOIN profiles_profile AS profile ON profile.id = delivery.profile_id
    WHERE {SENT} GROUP BY 1
"""  # noqa: S608  # made of our own words
BY_DOMAIN = f"""
    SELECT lower(split_part(delivery.address, '@', 2)), array_send(array_agg(delivery.profile_id))
    FROM messaging_delivery AS delivery
    JOIN messaging_dispatch AS dispatch ON dispatch.id = delivery.dispatch_id
    WHERE {SENT} GROUP BY 1
"""  # noqa: S608  # made of our own words


@dataclass(frozen=True, slots=True)
class Trait:
    """`channels` are those on which it says something; None: all."""

    key: str
    label: str
    unknown: str
    query: str
    channels: frozenset[Channel] | None = None


TRAITS = {
    trait.key: trait
    for trait in (
        Trait("language", "Language", "not known", BY_LANGUAGE),
        Trait("domain", "Address domain", "none", BY_DOMAIN, frozenset({Channel.EMAIL})),
    )
}


@dataclass(frozen=True, slots=True)
class Row:
    """`people` are by the key of an outcome."""

    value: str
    people: Mapping[str, int]

    def share(self, key: str) -> float | None:
        """Of those it was sent to; None where that is nobody."""
        sent = self.people["sent"]
        return self.people[key] / sent if sent else None


def traits_of(campaign: Campaign) -> list[Trait]:
    channel = Channel(campaign.channel)
    return [trait for trait in TRAITS.values() if trait.channels is None or channel in trait.channels]


def columns_of(campaign: Campaign) -> list[str]:
    """Keys of the outcomes that the table has, `sent` first."""
    known = {outcome.key for outcome in outcomes_of(campaign.channel)}
    return [key for key in SHOWN if key in known]


def breakdown(campaign: Campaign, trait: Trait, *, opens: Opens = Opens.HUMAN) -> list[Row]:
    """Most people first. They are counted as everywhere else in the report, in sets that the engine has evaluated."""
    outcomes = {outcome.key: outcome for outcome in outcomes_of(campaign.channel)}
    sets = {key: evaluate(outcomes[key].tree(campaign, opens)).members for key in columns_of(campaign)}
    rows = []
    for value, people in _groups(campaign, trait):
        counts = {key: members.intersection_cardinality(people) for key, members in sets.items()}
        if counts["sent"]:
            rows.append(Row(value, counts))
    return sorted(rows, key=lambda row: (-row.people["sent"], row.value))[:MOST_ROWS]


def _groups(campaign: Campaign, trait: Trait) -> list[tuple[str, BitMap]]:
    with binary_cursor() as cursor:
        cursor.execute(trait.query, [campaign.pk], binary=True)
        return [(value or trait.unknown, BitMap(ids_of_array(ids))) for value, ids in cursor.fetchall()]
