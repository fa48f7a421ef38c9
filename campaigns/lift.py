"""Whether a campaign brings its goal about: those who were to get it, against those whom a lot left out.

Compared are people of whom the lots were drawn, and who would have been written to otherwise: whoever has no usable
address is in neither group. Whoever was to get it counts as such even where a later rule or the provider stopped the
message, for nobody knows which of the held out that would have hit as well. Both have the same time: from the start
of the first run to so many days after the end of the last one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone
from pyroaring import BitMap

from campaigns.breakdown import Slice, Trait
from campaigns.models import Campaign
from campaigns.outcomes import OUTCOMES
from retargeting import chances
from retargeting.audiences.engine import evaluate
from retargeting.bitmaps import bitmap_of
from retargeting.chances import Rate
from retargeting.conditions.nodes import EVERYONE
from retargeting.interactions.reading import Window, snapshot
from retargeting.messaging.models import Delivery, DeliveryStatus, SkipReason

TO_GET = "to_get"
HELD_OUT = (SkipReason.HOLDOUT, SkipReason.CONTROL_GROUP)
LABELS = {
    TO_GET: "Were to get it",
    SkipReason.HOLDOUT: "Holdout of the campaign",
    SkipReason.CONTROL_GROUP: "Control group",
}
# Rules that are asked after the lots were drawn.
AFTER_THE_LOTS = (SkipReason.QUIET_HOURS, SkipReason.CAPPED, SkipReason.RENDER_ERROR)
# Not sent, or not yet, after the lots were drawn.
STOPPED = (
    DeliveryStatus.SENDING,
    DeliveryStatus.RETRY,
    DeliveryStatus.DEFERRED,
    DeliveryStatus.UNCERTAIN,
    DeliveryStatus.FAILED,
)


@dataclass(frozen=True, slots=True)
class Goal:
    event: str
    days: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Those who were to get it against one group that was not."""

    key: str
    label: str
    lift: chances.Lift

    @property
    def rate(self) -> Rate:
        """Of that group."""
        return self.lift.other

    @property
    def is_clear(self) -> bool:
        return self.lift.is_clear


@dataclass(frozen=True, slots=True)
class Lift:
    """`ends` is when the last of them has had the time of the goal; None while messages still go out."""

    goal: Goal
    starts: datetime
    ends: datetime | None
    rate: Rate
    comparisons: list[Comparison]

    @property
    def is_over(self) -> bool:
        return self.ends is not None and self.ends <= timezone.now()


def goal_of(campaign: Campaign) -> Goal | None:
    return Goal(campaign.goal_event, campaign.goal_days) if campaign.goal_event else None


def has_held_out(campaign: Campaign) -> bool:
    held = Delivery.objects.filter(dispatch__orchestration=campaign.pk, status=DeliveryStatus.SKIPPED)
    return held.filter(reason__in=HELD_OUT).exists()


def groups(campaign: Campaign) -> dict[str, BitMap]:
    """The people who were to get it, and those of each group that was not; nobody is in two."""
    live = evaluate(EVERYONE).members
    deliveries = Delivery.objects.filter(dispatch__orchestration=campaign.pk)
    skipped = deliveries.filter(status=DeliveryStatus.SKIPPED)
    stopped = _people(deliveries.filter(status__in=STOPPED)) | _people(skipped.filter(reason__in=AFTER_THE_LOTS))
    to_get = (evaluate(OUTCOMES["sent"].tree(campaign)).members | stopped) & live
    holdout, control = (_people(skipped.filter(reason=reason)) & live for reason in HELD_OUT)
    # The control group may have been drawn anew between two runs: whoever got a message is not one without.
    holdout, control = holdout - to_get, control - to_get - holdout
    return {TO_GET: to_get, SkipReason.HOLDOUT: holdout, SkipReason.CONTROL_GROUP: control}


def _people(deliveries: QuerySet[Delivery]) -> BitMap:
    return bitmap_of(deliveries.values_list("profile_id"))


def lift(campaign: Campaign, goal: Goal) -> Lift | None:
    """None before anything was sent, and where nobody is held out."""
    window = window_of(campaign, goal)
    if window is None or window.start is None:
        return None
    people = groups(campaign)
    reached = _reached(goal, window)
    rates = {key: Rate(reached.intersection_cardinality(members), len(members)) for key, members in people.items()}
    written_to = rates.pop(TO_GET)
    compared = [
        Comparison(key, LABELS[key], chances.lift(written_to, rate)) for key, rate in rates.items() if rate.people
    ]
    return Lift(goal, window.start, window.end, written_to, compared) if compared and written_to.people else None


def window_of(campaign: Campaign, goal: Goal) -> Window | None:
    """When the goal counts; open while a run is under way."""
    runs = campaign.runs.exclude(dispatch__started_at=None).order_by("number")
    times = list(runs.values_list("dispatch__started_at", "dispatch__finished_at"))
    if not times:
        return None
    last = times[-1][1]
    return Window(times[0][0], last + timedelta(days=goal.days) if last else None)


def _reached(goal: Goal, window: Window) -> BitMap:
    with snapshot() as events:
        return events.people_with_event(goal.event, window)


TRAIT = Trait("goal", "Goal", "none", groups, lambda campaign: LABELS)
"""For slices alone; the card that compares the groups is no table of outcomes."""


def behind(campaign: Campaign, goal: Goal, group: str, *, reached: bool | None = None) -> Slice | None:
    """The people behind a number: a group, or those of it who did it or who did not. None for no such group."""
    people, window = groups(campaign).get(group), window_of(campaign, goal)
    if people is None or window is None:
        return None
    name = LABELS[group].lower()
    if reached is not None:
        did = _reached(goal, window)
        people = people & did if reached else people - did
        name += f", {'did' if reached else 'did not'} {goal.event}"
    return Slice(TRAIT, group, name, people)
