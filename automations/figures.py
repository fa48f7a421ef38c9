"""How many people are where: the live numbers of the canvas, and the people behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from automations.models import Automation, Journey, JourneyStatus, Passage
from retargeting.orchestrations import figures
from retargeting.orchestrations.figures import Figures


@dataclass(frozen=True, slots=True)
class StepFigures:
    """`waiting` are there now; `passed` came by since the begin of the period, and `ways` says by which branch."""

    waiting: int = 0
    passed: int = 0
    ways: Mapping[str, int] = field(default_factory=dict)
    messages: Figures = field(default_factory=Figures)


@dataclass(frozen=True, slots=True)
class Whole:
    entered: int
    active: int
    completed: int
    goals: int


def of_automation(automation: Automation, since: datetime) -> Whole:
    """Entries since then, and what became of them until now."""
    entered = automation.journeys.filter(entered_at__gte=since)
    counted = entered.aggregate(
        entered=Count("pk", filter=~Q(status=JourneyStatus.HELD_OUT)),
        completed=Count("pk", filter=Q(status=JourneyStatus.COMPLETED)),
        goals=Count("pk", filter=Q(goal_at__isnull=False)),
    )
    return Whole(active=waiting_in(automation).count(), **counted)


def waiting_in(automation: Automation) -> QuerySet[Journey]:
    # By version, as the index has them.
    versions = list(automation.versions.values_list("pk", flat=True))
    return Journey.objects.filter(version__in=versions, status=JourneyStatus.WAITING)


def passed_in(automation: Automation, since: datetime) -> QuerySet[Passage]:
    versions = list(automation.versions.values_list("pk", flat=True))
    return Passage.objects.filter(version__in=versions, passed_at__gte=since)


def of_steps(automation: Automation, since: datetime) -> dict[str, StepFigures]:
    """By the key of the step, over all versions; what nobody came to is not there."""
    waiting = dict(waiting_in(automation).order_by().values_list("step").annotate(n=Count("pk")))
    ways: dict[str, dict[str, int]] = {}
    rows = passed_in(automation, since).order_by().values_list("step", "way").annotate(n=Count("pk"))
    for step, way, number in rows:
        ways.setdefault(step, {})[way] = number
    steps = dict(automation.message_steps.values_list("key", "pk"))
    sent = figures.of_steps(list(steps.values()))
    return {
        key: StepFigures(
            waiting.get(key, 0),
            sum(ways.get(key, {}).values()),
            ways.get(key, {}),
            sent[steps[key]] if key in steps else Figures(),
        )
        for key in {*waiting, *ways, *steps}
    }
