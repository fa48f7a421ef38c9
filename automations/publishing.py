"""From draft to current version: what becomes of the people who are on their way; pausing, resuming, stopping.

The engine holds an automation in its state while it moves people through it, so what is paused or stopped moves nobody
once that is confirmed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection, models, transaction
from django.db.models import Count, F
from django.utils import timezone

from automations.actions import AutomationError, locked
from automations.engine.snapshots import begin_reading
from automations.graph import codec
from automations.graph.nodes import Definition, Delay, ScheduleTrigger, SegmentTrigger
from automations.models import (
    Automation,
    AutomationStatus,
    Ending,
    Journey,
    JourneyStatus,
    StepDispatch,
    TriggerState,
    Version,
    VersionStatus,
    Way,
)
from automations.readiness import Problem, problems
from automations.versions import current_of, draft_of
from retargeting.accounts.actions import Actor, note
from retargeting.accounts.models import User
from retargeting.conditions.nodes import Duration
from retargeting.messaging import dispatches
from retargeting.messaging.models import Dispatch
from retargeting.messaging.recurring import first_run, next_run


class NotReady(AutomationError):
    """The draft has gaps: `problems`, without warnings."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__(" ".join(problem.message for problem in problems))


class People(models.TextChoices):
    """What becomes of people on their way when a version is published."""

    FINISH = "finish", "They finish the version they are on"
    MOVE = "move", "They move to the step of the same name"
    END = "end", "Their journeys end"


@dataclass(frozen=True, slots=True)
class Effects:
    """How many each choice would concern: see People. `finished` have come to the end and could get appended steps."""

    on_the_way: int
    same_step: int
    finished: int

    @property
    def without_step(self) -> int:
        return self.on_the_way - self.same_step


def effects(automation: Automation, definition: Definition) -> Effects:
    """What publishing `definition` would mean for people. On the way are those on any version."""
    by_step = _on_the_way(automation).values_list("step").order_by().annotate(n=Count("pk"))
    counts = dict(by_step)
    keys = {step.key for step in definition.walk()}
    same = sum(n for step, n in counts.items() if step in keys)
    return Effects(sum(counts.values()), same, sum(n for _, n, _ in _appendable(automation, definition)))


def _on_the_way(automation: Automation) -> models.QuerySet[Journey]:
    return Journey.objects.filter(
        version__in=list(automation.versions.values_list("pk", flat=True)), status=JourneyStatus.WAITING
    )


@transaction.atomic
def publish(
    *,
    actor: Actor,
    automation: Automation,
    people: People = People.FINISH,
    others: People = People.FINISH,
    reach_finished: bool = False,
) -> Version:
    """Make the draft the current version; people enter it from now on.

    Those on the way do what `people` says; where they move, those whose step is gone do what `others` says (finish or
    end). `reach_finished` brings those who had come to the end to the steps that were appended there. A stopped
    automation begins again. Raises NotReady or AutomationError.
    """
    if others == People.MOVE:
        raise ValueError("those who cannot move cannot move")
    automation = locked(automation)
    if automation.archived_at is not None:
        raise AutomationError(f"{automation} is archived: bring it back first.")
    draft, former = draft_of(automation), current_of(automation)
    if draft is None:
        raise AutomationError(f"{automation} has no draft: there is nothing new to publish.")
    definition = codec.decode(draft.definition)
    if left := [problem for problem in problems(automation.pk, definition) if not problem.warning]:
        raise NotReady(left)
    now = timezone.now()
    if former is not None:
        Version.STATES.transition(former, VersionStatus.FORMER)
    Version.STATES.transition(
        draft,
        VersionStatus.CURRENT,
        published_at=now,
        published_by=actor if isinstance(actor, User) else None,
        earlier=[],
    )
    _begin_trigger(draft, definition, former)
    begin_reading()
    said = _settle(automation, draft, definition, people, others, now)
    if reach_finished:
        said.append(f"{_reach_finished(automation, draft, definition, now):,} who had finished go on")
    begun = Automation.STATES.transition(
        automation,
        AutomationStatus.RUNNING,
        sources=[AutomationStatus.DRAFT, AutomationStatus.STOPPED],
        started_at=now,
    )
    what = f"Published version {draft.number} of {automation}" + (", which begins" if begun else "")
    note(actor=actor, verb="publish", instance=automation, summary=f"{what}{''.join(f'; {each}' for each in said)}.")
    return draft


def _begin_trigger(version: Version, definition: Definition, former: Version | None) -> None:
    """A segment that was watched already goes on from where it was: nobody enters twice by it."""
    state = TriggerState(version=version)
    before = codec.decode(former.definition).trigger if former else None
    known = TriggerState.objects.filter(version=former).first() if former else None
    match definition.trigger:
        case SegmentTrigger(segment, on) if known and isinstance(before, SegmentTrigger):
            if (before.segment, before.on) == (segment, on):
                state.members = known.members
        case ScheduleTrigger() if known and before == definition.trigger:
            state.next_at, state.runs = known.next_at, known.runs
        case ScheduleTrigger(at, zone, repeat):
            state.next_at = first_run(repeat, at, ZoneInfo(zone))
            if repeat is not None and at <= timezone.now():
                state.next_at = next_run(repeat, at, ZoneInfo(zone), runs=0, now=timezone.now())
    state.save()


def _settle(
    automation: Automation, version: Version, definition: Definition, people: People, others: People, now: datetime
) -> list[str]:
    """Do with those on the way what was chosen; says how many of each."""
    waiting = _on_the_way(automation).exclude(version=version)
    said = []
    if people == People.MOVE:
        keys = [step.key for step in definition.walk()]
        moved = waiting.filter(step__in=keys).update(version=version)
        _wait_by_new_rules(version, definition)
        said.append(f"{moved:,} on the way moved to it")
    if people == People.END or (people == People.MOVE and others == People.END):
        said.append(f"{end_journeys(waiting, Ending.VERSION, now):,} journeys ended")
    elif left := waiting.count():
        said.append(f"{left:,} on the way finish the version they are on")
    return said


def _wait_by_new_rules(version: Version, definition: Definition) -> None:
    """Those who wait in a delay of a certain length wait that long in all. Who only comes to it has not begun to."""
    for step in definition.walk():
        if isinstance(step.action, Delay) and step.action.duration is not None:
            due = F("arrived_at") + _span(step.action.duration)
            waiting = Journey.objects.filter(version=version, step=step.key, status=JourneyStatus.WAITING)
            waiting.filter(way=Way.WAITS).update(due_at=due)


def _span(duration: Duration) -> timedelta:
    return timedelta(**{f"{duration.unit}s": duration.amount})


def end_journeys(journeys: models.QuerySet[Journey], ending: Ending, now: datetime) -> int:
    """Let those of `journeys` that wait leave; returns how many."""
    waiting = journeys.filter(status=JourneyStatus.WAITING)
    return waiting.update(status=JourneyStatus.LEFT, ending=ending, ended_at=now, due_at=None)


# Steps that were appended at the end, for those who had come to it.

_APPENDABLE = """
    FROM automations_journey AS journey
    WHERE journey.version_id = %s AND journey.automation_id = %s AND journey.ended_at IS NOT NULL
        AND journey.status = 'completed' AND journey.ending = 'finished'
        AND NOT EXISTS (
            SELECT FROM automations_journey AS other
            WHERE other.profile_id = journey.profile_id AND other.automation_id = journey.automation_id
                AND other.id > journey.id
        )
"""


def _appendable(automation: Automation, definition: Definition) -> Iterable[tuple[Version, int, str]]:
    """The versions whose end was only appended to, how many came to that end, and the first of the appended steps.

    Whoever has entered again since then is left alone.
    """
    for version in automation.versions.exclude(status=VersionStatus.DRAFT):
        before = codec.decode(version.definition).steps
        keys = [step.key for step in definition.steps]
        if len(keys) > len(before) and keys[: len(before)] == [step.key for step in before]:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT count(*) {_APPENDABLE}", [version.pk, automation.pk])
                [(number,)] = cursor.fetchall()
            yield version, number, keys[len(before)]


def _reach_finished(automation: Automation, version: Version, definition: Definition, now: datetime) -> int:
    reached = 0
    for former, _, step in _appendable(automation, definition):
        if former.pk == version.pk:
            continue
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE automations_journey SET status = 'waiting', ending = '', ended_at = NULL, version_id = %s, "  # noqa: S608  (ours)
                f"step = %s, way = '', arrived_at = %s, due_at = %s WHERE id IN (SELECT journey.id {_APPENDABLE})",
                [version.pk, step, now, now, former.pk, automation.pk],
            )
            reached += cursor.rowcount
    return reached


# Pausing, resuming, stopping.


@transaction.atomic
def pause(*, actor: Actor, automation: Automation) -> None:
    """Nobody enters and nobody moves on; messages that are on their way wait too. What happens meanwhile counts."""
    if not Automation.STATES.transition(automation, AutomationStatus.PAUSED):
        raise AutomationError(f"{automation} does not run: there is nothing to pause.")
    for dispatch in _dispatches(automation, ["sending"]):
        dispatches.pause(dispatch=dispatch)
    waiting = _on_the_way(automation).count()
    note(actor=actor, verb="pause", instance=automation, summary=f"Paused {automation}: {waiting:,} people wait.")


@transaction.atomic
def resume(*, actor: Actor, automation: Automation) -> None:
    """Go on. Whose time has come meanwhile goes on at once."""
    if not Automation.STATES.transition(automation, AutomationStatus.RUNNING, sources=[AutomationStatus.PAUSED]):
        raise AutomationError(f"{automation} is not paused.")
    for dispatch in _dispatches(automation, ["paused"]):
        dispatches.resume(dispatch=dispatch)
    waiting = _on_the_way(automation).count()
    note(actor=actor, verb="resume", instance=automation, summary=f"Resumed {automation}: {waiting:,} people go on.")


@transaction.atomic
def stop(*, actor: Actor, automation: Automation) -> int:
    """End every journey and let nobody in; returns how many ended. Publishing a new draft begins it again."""
    if not Automation.STATES.transition(automation, AutomationStatus.STOPPED):
        raise AutomationError(f"{automation} does not run: there is nothing to stop.")
    now = timezone.now()
    ended = end_journeys(_on_the_way(automation), Ending.STOPPED, now)
    for dispatch in _dispatches(automation, ["sending", "paused"]):
        dispatches.cancel(dispatch=dispatch)
    current = current_of(automation)
    if current is not None and draft_of(automation) is None:
        # What begins again is published again, and that takes a draft.
        Version.objects.create(automation=automation, number=current.number + 1, definition=current.definition)
    note(actor=actor, verb="stop", instance=automation, summary=f"Stopped {automation}: {ended:,} journeys ended.")
    return ended


def _dispatches(automation: Automation, statuses: Collection[str]) -> list[Dispatch]:
    sending = StepDispatch.objects.filter(version__automation=automation, dispatch__status__in=statuses)
    return [each.dispatch for each in sending.select_related("dispatch")]
