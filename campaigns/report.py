"""What became of a campaign, in numbers. People are counted by the engine that also answers conditions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from django.db.models import Count, Sum

from campaigns.models import Campaign
from campaigns.outcomes import Outcome, outcomes_of
from retargeting.audiences.engine import evaluate
from retargeting.conditions.nodes import Group, Interaction, Match, Opens
from retargeting.interactions import statistics
from retargeting.messaging.models import Delivery, DeliveryStatus, SkipReason

OVER_TIME = (Interaction.SENT, Interaction.OPENED, Interaction.CLICKED)


@dataclass(frozen=True, slots=True)
class Report:
    """`people` maps the key of an outcome to its number of people, `events` an event to how often it happened.

    `deliveries` counts by status, `skips` and `failures` by reason. `waiting` are those of the audience with no
    delivery yet: still to come, or never to come when the campaign was canceled.
    """

    matched: int
    people: Mapping[str, int]
    events: Mapping[Interaction, int]
    deliveries: Mapping[str, int]
    skips: Mapping[str, int]
    failures: Mapping[str, int]

    @property
    def waiting(self) -> int:
        return max(0, self.matched - sum(self.deliveries.values()))

    def rate(self, key: str) -> float | None:
        """The share of those it was sent to; None before anything was sent."""
        sent = self.people.get("sent", 0)
        return self.people.get(key, 0) / sent if sent else None


def report(campaign: Campaign, *, opens: Opens = Opens.HUMAN) -> Report:
    outcomes = outcomes_of(campaign.channel)
    people = _people(campaign, outcomes, opens)
    totals = statistics.totals([campaign.pk], machines=opens is not Opens.HUMAN)[campaign.pk]
    counted: dict[str, int] = {}
    reasons: dict[str, dict[str, int]] = {DeliveryStatus.SKIPPED: {}, DeliveryStatus.FAILED: {}}
    rows = Delivery.objects.filter(dispatch__orchestration=campaign.pk).values("status", "reason")
    for row in rows.annotate(number=Count("id")).order_by():
        counted[row["status"]] = counted.get(row["status"], 0) + row["number"]
        if row["status"] in reasons:
            reasons[row["status"]][row["reason"]] = row["number"]
    return Report(
        matched=campaign.runs.aggregate(matched=Sum("matched"))["matched"] or 0,
        people=people,
        events={event: total.events for event, total in totals.items()},
        deliveries=counted,
        skips={label: reasons[DeliveryStatus.SKIPPED][reason] for reason, label in SkipReason.choices
               if reason in reasons[DeliveryStatus.SKIPPED]},
        failures=reasons[DeliveryStatus.FAILED],
    )  # fmt: skip


def _people(campaign: Campaign, outcomes: list[Outcome], opens: Opens) -> dict[str, int]:
    """All outcomes in one evaluation: each is a group of its own below one that only holds them together."""
    counts = evaluate(Group(Match.ANY, tuple(outcome.tree(campaign, opens) for outcome in outcomes))).counts
    return {outcome.key: counts[f"/conditions/{index}"] for index, outcome in enumerate(outcomes)}


def over_time(
    campaign: Campaign, *, time_zone: str, machines: bool = False
) -> list[tuple[datetime, Interaction, int]]:
    """Sent, opened and clicked by hour during the first two days of its life, by day after that."""
    hours = statistics.by_hour(campaign.pk, OVER_TIME, time_zone=time_zone, machines=machines)
    zone, days = ZoneInfo(time_zone), Counter[tuple[datetime, Interaction]]()
    for moment, event, number in hours:
        midnight = datetime.combine(moment.astimezone(zone).date(), time.min, tzinfo=zone)
        days[midnight, event] += number
    if len({moment for moment, _ in days}) <= 2:
        return hours
    return [(moment, event, number) for (moment, event), number in days.items()]
