"""The report of an automation, over the journeys that were entered in a period: what became of them, and what it is
worth against those who were held out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from automations.graph.nodes import Step
from automations.models import Automation, Ending, JourneyStatus
from automations.numbers import EVER, Period
from automations.versions import current_of, edited, published
from retargeting.chances import Lift, Rate, lift

ENTERED = "journey.automation_id = %(automation)s AND journey.entered_at >= %(start)s AND journey.entered_at < %(end)s"
TOTALS = f"""
    SELECT status, ending, count(*), count(goal_at) FROM automations_journey AS journey WHERE {ENTERED} GROUP BY 1, 2
"""  # noqa: S608  (constants and placeholders)
FUNNEL = f"""
    SELECT passage.step, passage.way, count(DISTINCT journey.id), count(DISTINCT journey.id) FILTER (
        WHERE journey.goal_at IS NOT NULL AND journey.goal_at >= passage.passed_at
    )
    FROM automations_journey AS journey JOIN automations_passage AS passage ON passage.journey_id = journey.id
    WHERE {ENTERED} GROUP BY 1, 2
"""  # noqa: S608
TIMES = f"""
    SELECT percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY extract(epoch FROM goal_at - since)),
        count(*) FILTER (WHERE goal_at - since < interval '1 hour'),
        count(*) FILTER (WHERE goal_at - since < interval '1 day'),
        count(*) FILTER (WHERE goal_at - since < interval '7 days'), count(*)
    FROM automations_journey AS journey WHERE {ENTERED} AND goal_at IS NOT NULL AND status <> 'held_out'
"""  # noqa: S608
BY_DAY = f"""
    SELECT date_trunc('day', entered_at AT TIME ZONE %(zone)s)::date, count(*), count(goal_at)
    FROM automations_journey AS journey WHERE {ENTERED} AND status <> 'held_out' GROUP BY 1 ORDER BY 1
"""  # noqa: S608
FAR = (datetime.fromisoformat("1970-01-01T00:00:00+00:00"), datetime.fromisoformat("9000-01-01T00:00:00+00:00"))


@dataclass(frozen=True, slots=True)
class Converted:
    """Journeys, and how many of them reached the goal in its time."""

    journeys: int = 0
    reached: int = 0

    @property
    def rate(self) -> float | None:
        return self.reached / self.journeys if self.journeys else None


@dataclass(frozen=True, slots=True)
class StepLine:
    """How many journeys passed the step, and by which branch, with what became of them after it."""

    step: Step
    depth: int
    passed: Converted
    ways: dict[str, Converted]


@dataclass(frozen=True, slots=True)
class TimeToGoal:
    """Quartiles, and how many reached it within an hour, a day, a week, and at all."""

    quartiles: tuple[timedelta, timedelta, timedelta] | None
    within_hour: int
    within_day: int
    within_week: int
    reached: int


@dataclass(frozen=True, slots=True)
class Report:
    """`treated` are all but those held out. `days` has (day, entries, goals reached by those who entered on it)."""

    entries: int
    active: int
    completed: int
    endings: dict[Ending, int]
    treated: Converted
    held_out: Converted
    steps: list[StepLine]
    time_to_goal: TimeToGoal
    days: list[tuple[Any, int, int]]

    @property
    def lift(self) -> Lift | None:
        """Of journeys that reached the goal, against those held out; None where one of the two is empty."""
        if not self.treated.journeys or not self.held_out.journeys:
            return None
        return lift(*(Rate(each.reached, each.journeys) for each in (self.treated, self.held_out)))


def report(automation: Automation, period: Period = EVER, *, zone: str = "UTC") -> Report:
    params = {
        "automation": automation.pk,
        "start": period.start or FAR[0],
        "end": period.end or FAR[1],
        "zone": zone,
    }
    totals = _rows(TOTALS, params)
    by_status: dict[str, int] = {}
    endings: dict[Ending, int] = {}
    for status, ending, number, _ in totals:
        by_status[status] = by_status.get(status, 0) + number
        if ending and status != JourneyStatus.HELD_OUT:
            endings[Ending(ending)] = endings.get(Ending(ending), 0) + number
    held_out = [row for row in totals if row[0] == JourneyStatus.HELD_OUT]
    treated = [row for row in totals if row[0] != JourneyStatus.HELD_OUT]
    return Report(
        entries=sum(row[2] for row in totals),
        active=by_status.get(JourneyStatus.WAITING, 0),
        completed=by_status.get(JourneyStatus.COMPLETED, 0),
        endings=endings,
        treated=_summed(treated),
        held_out=_summed(held_out),
        steps=_steps(automation, _rows(FUNNEL, params)),
        time_to_goal=_time_to_goal(_rows(TIMES, params)[0]),
        days=_rows(BY_DAY, params),
    )


def _rows(query: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return cursor.fetchall()


def _summed(rows: list[tuple[Any, ...]]) -> Converted:
    return Converted(sum(row[2] for row in rows), sum(row[3] for row in rows))


def _steps(automation: Automation, rows: list[tuple[Any, ...]]) -> list[StepLine]:
    """The steps of the version that runs, in their order. What only earlier versions had is not in the funnel."""
    ways: dict[str, dict[str, Converted]] = {}
    for step, way, number, reached in rows:
        ways.setdefault(step, {})[way] = Converted(number, reached)
    current = current_of(automation)
    if current is None:
        return [StepLine(step, 0, Converted(), {}) for step in edited(automation).walk()]
    definition, flow = published(current.pk)
    return [
        StepLine(
            step,
            flow.places[step.key].depth,
            Converted(
                sum(each.journeys for each in ways.get(step.key, {}).values()),
                sum(each.reached for each in ways.get(step.key, {}).values()),
            ),
            {branch.key: ways.get(step.key, {}).get(branch.key, Converted()) for branch in step.branches},
        )
        for step in definition.walk()
    ]


def _time_to_goal(row: tuple[Any, ...]) -> TimeToGoal:
    quartiles = row[0]
    if quartiles is None or quartiles[0] is None:
        return TimeToGoal(None, 0, 0, 0, 0)
    first, second, third = (timedelta(seconds=round(float(value))) for value in quartiles)
    return TimeToGoal((first, second, third), *row[1:])
