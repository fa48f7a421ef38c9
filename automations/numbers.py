"""What is going on in an automation: the live numbers of its steps, and the people behind each.

Periods are from ≤ t < to; None is open. Numbers are exact, and come from the same place as the people they lead to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from django.db.models import Count, Q, QuerySet
from pyroaring import BitMap

from automations.models import Automation, Ending, Journey, JourneyStatus, Passage, StepTrouble, VersionStatus
from retargeting.bitmaps import bitmap_of
from retargeting.conditions.nodes import Interaction
from retargeting.interactions.reading import Events, Selector, Window, snapshot
from retargeting.orchestrations.models import MessageStep


class Period(NamedTuple):
    start: datetime | None = None
    end: datetime | None = None


EVER = Period()


class What(StrEnum):
    """A number of a step. The first three count journeys, the others people."""

    WAITING = "waiting"
    PASSED = "passed"
    LEFT = "left"
    SENT = "sent"
    OPENED = "opened"
    CLICKED = "clicked"
    SKIPPED = "skipped"


REACTIONS = {
    What.SENT: Interaction.SENT,
    What.OPENED: Interaction.OPENED,
    What.CLICKED: Interaction.CLICKED,
    What.SKIPPED: Interaction.SKIPPED,
}
BY_PEOPLE = {Interaction.OPENED, Interaction.CLICKED}
"""Of these, those by machines are left out."""


@dataclass(slots=True)
class StepNumbers:
    """`ways` has how many went on by which branch; `trouble` says why people are held back just now."""

    counts: dict[What, int] = field(default_factory=lambda: dict.fromkeys(What, 0))
    ways: dict[str, int] = field(default_factory=dict)
    trouble: str = ""

    def __getitem__(self, what: What) -> int:
        return self.counts[what]


def of_steps(automation: Automation, period: Period = EVER) -> dict[str, StepNumbers]:
    """The numbers of every step that any version of the automation has had, by its key. `waiting` is always now."""
    found: dict[str, StepNumbers] = {}

    def of(key: str) -> StepNumbers:
        return found.setdefault(key, StepNumbers())

    for key, number in _counted(waiting(automation)):
        of(key).counts[What.WAITING] = number
    passed = passages(automation, period)
    for key, way, number in passed.values_list("step", "way").order_by().annotate(n=Count("pk")):
        of(key).ways[way] = number
        of(key).counts[What.PASSED] += number
    for key, number in _counted(left(automation, period)):
        of(key).counts[What.LEFT] = number
    for key, counts in _reactions(automation, period):
        of(key).counts.update(counts)
    troubles = StepTrouble.objects.filter(version__automation=automation).exclude(version__status=VersionStatus.DRAFT)
    for key, message in troubles.values_list("step", "message"):
        of(key).trouble = message
    return found


@dataclass(frozen=True, slots=True)
class Whole:
    """Of the journeys that began in a period, and those that are on the way now."""

    entered: int
    active: int
    completed: int
    goals: int


def of_whole(automation: Automation, period: Period = EVER) -> Whole:
    """Without those who are held out."""
    counted = entered(automation, period).aggregate(
        entered=Count("pk"),
        completed=Count("pk", filter=Q(status=JourneyStatus.COMPLETED)),
        goals=Count("pk", filter=Q(goal_at__isnull=False)),
    )
    return Whole(active=waiting(automation).count(), **counted)


def entered(automation: Automation, period: Period = EVER) -> QuerySet[Journey]:
    """Those who began in the period, without those who are held out."""
    begun = Journey.objects.filter(automation=automation).exclude(status=JourneyStatus.HELD_OUT)
    return _within(begun, "entered_at", period)


def waiting(automation: Automation, step: str | None = None) -> QuerySet[Journey]:
    """Those who are on the way now."""
    found = Journey.objects.filter(version__in=_versions(automation), status=JourneyStatus.WAITING)
    return found if step is None else found.filter(step=step)


def passages(
    automation: Automation, period: Period = EVER, step: str | None = None, way: str = ""
) -> QuerySet[Passage]:
    found = Passage.objects.filter(version__in=_versions(automation))
    if step is not None:
        found = found.filter(step=step)
    if way:
        found = found.filter(way=way)
    return _within(found, "passed_at", period)


def left(
    automation: Automation, period: Period = EVER, step: str | None = None, ending: Ending | None = None
) -> QuerySet[Journey]:
    """Those whose journey ended before they came to the end."""
    found = Journey.objects.filter(automation=automation, status=JourneyStatus.LEFT, ended_at__isnull=False)
    if step is not None:
        found = found.filter(step=step)
    if ending is not None:
        found = found.filter(ending=ending)
    return _within(found, "ended_at", period)


def people(automation: Automation, step: str, what: What, period: Period = EVER, *, way: str = "") -> BitMap:
    """Who is behind a number: profile ids."""
    match what:
        case What.WAITING:
            return bitmap_of(waiting(automation, step).values_list("profile_id"))
        case What.PASSED:
            return bitmap_of(passages(automation, period, step, way).values_list("profile_id"))
        case What.LEFT:
            return bitmap_of(left(automation, period, step).values_list("profile_id"))
    ids = list(automation.message_steps.filter(key=step).values_list("pk", flat=True))
    with snapshot() as events:
        return _who(events, automation, ids, REACTIONS[what], period) if ids else BitMap()


def _reactions(automation: Automation, period: Period) -> Iterator[tuple[str, Mapping[What, int]]]:
    steps = list(MessageStep.objects.filter(orchestration=automation).exclude(key=""))
    with snapshot() as events:
        for step in steps:
            yield (
                step.key,
                {what: len(_who(events, automation, [step.pk], event, period)) for what, event in REACTIONS.items()},
            )


def _who(events: Events, automation: Automation, steps: Collection[int], event: Interaction, period: Period) -> BitMap:
    machine = False if event in BY_PEOPLE else None
    selector = Selector(event, machine=machine, orchestrations=(automation.pk,), steps=tuple(steps))
    return events.people_with(selector, Window(period.start, period.end))


def _versions(automation: Automation) -> list[int]:
    return list(automation.versions.exclude(status=VersionStatus.DRAFT).values_list("pk", flat=True))


def _counted(journeys: QuerySet[Journey]) -> Iterator[tuple[str, int]]:
    yield from journeys.values_list("step").order_by().annotate(n=Count("pk"))


def _within(found: QuerySet, column: str, period: Period) -> QuerySet:
    if period.start is not None:
        found = found.filter(**{f"{column}__gte": period.start})
    if period.end is not None:
        found = found.filter(**{f"{column}__lt": period.end})
    return found
