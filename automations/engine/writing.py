"""The one place that moves journeys: a decision becomes true in one transaction, or not at all.

1. The automation is held in its state: what is paused or stopped moves nobody once that is confirmed.
2. The rows are locked that are still as they were when the decision was made. Whoever was taken out, moved or ended
   meanwhile, or is in the hands of another worker, is left alone.
3. Messages, updates and calls are written down for those, their steps as passed, and where they are now. Whoever came
   by a step of the same name in a former version is not sent its message, or reported by its call, again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.utils import timezone

from automations.engine.batch import Batch, Mask, Rows, only
from automations.engine.deciding import HELD_FOR, Decision, Stay
from automations.engine.locks import hold_off_reading
from automations.engine.mailing import send
from automations.graph.nodes import Message, Step, UpdateProfile, Webhook
from automations.models import AutomationStatus, StepTrouble, Version, VersionStatus, Way
from retargeting.profiles.actions import set_attributes

LOCK = """
    SELECT journey.id FROM unnest(%s::bigint[], %s::bigint[]) AS item (id, written)
    JOIN automations_journey AS journey USING (id)
    WHERE journey.version_id = %s AND journey.step = %s AND journey.status = 'waiting'
        AND journey.xmin::text::bigint = item.written
    ORDER BY journey.id FOR UPDATE OF journey SKIP LOCKED
"""
PASSED = """
    INSERT INTO automations_passage (journey_id, lap, version_id, step, way, profile_id, passed_at)
    SELECT id, lap, version_id, %s, %s, profile_id, %s FROM automations_journey WHERE id = ANY(%s)
"""
PASSED_BEFORE = """
    SELECT journey.id FROM automations_journey AS journey
    JOIN automations_passage AS passage ON passage.journey_id = journey.id AND passage.lap = journey.lap
    WHERE journey.id = ANY(%s) AND passage.step = %s
"""
STAY = """
    UPDATE automations_journey SET step = %s, way = %s, arrived_at = %s, due_at = %s WHERE id = ANY(%s)
"""
# Where they are already, they have been since they came; what has ended a wait stays as it is.
HOLD = """
    UPDATE automations_journey SET due_at = %s, arrived_at = CASE WHEN step = %s THEN arrived_at ELSE %s END,
        way = CASE WHEN step = %s THEN way ELSE '' END, step = %s
    WHERE id = ANY(%s)
"""
END = """
    UPDATE automations_journey
    SET status = 'completed', ending = %s, ended_at = %s, due_at = NULL, step = %s, way = '' WHERE id = ANY(%s)
"""
CALL = """
    INSERT INTO automations_webhookcall
        (journey_id, lap, version_id, step, profile_id, status, attempt, due_at, created_at, detail)
    SELECT id, lap, version_id, %s, profile_id, 'pending', 0, %s, %s, '' FROM automations_journey WHERE id = ANY(%s)
"""


@transaction.atomic
def write(batch: Batch, decision: Decision) -> int:
    """Make the decision true for those who are still where they were; returns how many that are."""
    if not runs(batch.automation):
        return 0
    if any(stay.event for stay in decision.stays):
        hold_off_reading()
    held = _lock(batch)
    if not held.any():
        return 0
    for step, rows in decision.acts:
        _act(batch, step, only(rows, held)[0])
    now = timezone.now()
    for key, way, rows in decision.passed:
        _execute(PASSED, [key, way, now], batch, only(rows, held)[0])
    for stay in decision.stays:
        _stay(batch, stay, only(stay.rows, held)[0], now)
    last = _last_steps(decision)
    for ending, rows in decision.ends:
        for key in sorted(set(last[rows].tolist())):
            _execute(END, [ending, now, key], batch, only(rows[last[rows] == key], held)[0])
    for key, rows in decision.held:
        _execute(HOLD, [now + HELD_FOR, key, now, key, key], batch, only(rows, held)[0])
    _note_troubles(batch, decision, now)
    return int(np.count_nonzero(held))


def meet(batch: Batch, holds: Mask) -> int:
    """Have those for whom the condition holds that they wait for go on now. Needs a transaction."""
    if not runs(batch.automation):
        return 0
    rows = only(batch.all, _lock(batch) & holds)[0]
    now = timezone.now()
    _execute("UPDATE automations_journey SET way = %s, due_at = %s WHERE id = ANY(%s)", [Way.MET, now], batch, rows)
    return len(rows)


@transaction.atomic
def put_off(batch: Batch, message: str) -> None:
    """Leave everybody where they are for a while, and say why."""
    decision = Decision(held=[(batch.step, batch.all)], troubles={batch.step: message})
    write(batch, decision)


def runs(automation_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT status FROM automations_automation WHERE orchestration_ptr_id = %s FOR SHARE", [automation_id]
        )
        row = cursor.fetchone()
    return row is not None and row[0] == AutomationStatus.RUNNING


def _lock(batch: Batch) -> Mask:
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [batch.ids.tolist(), batch.written.tolist(), batch.version, batch.step])
        found = np.array([id for (id,) in cursor.fetchall()], dtype=np.int64)
    mask: Mask = np.isin(batch.ids, found)
    return mask


def _act(batch: Batch, step: Step, rows: Rows) -> None:
    if not len(rows):
        return
    match step.action:
        case Message() as message:
            send(batch, step.key, message, _for_the_first_time(batch, step, rows))
        case UpdateProfile(attributes):
            set_attributes(ids=batch.profiles[rows].tolist(), values=attributes)
        case Webhook():
            now = timezone.now()
            _execute(CALL, [step.key, now, now], batch, _for_the_first_time(batch, step, rows))


def _for_the_first_time(batch: Batch, step: Step, rows: Rows) -> Rows:
    """Those who have not passed a step of that name. In one version nobody comes by twice in the same lap."""
    if not Version.objects.filter(automation=batch.automation, status=VersionStatus.FORMER).exists():
        return rows
    with connection.cursor() as cursor:
        cursor.execute(PASSED_BEFORE, [batch.ids[rows].tolist(), step.key])
        before = np.array([id for (id,) in cursor.fetchall()], dtype=np.int64)
    return rows[~np.isin(batch.ids[rows], before)]


def _stay(batch: Batch, stay: Stay, rows: Rows, now: datetime) -> None:
    # An event counts from the moment at which the wait for it is written, which is a little after the decision.
    arrived = now if stay.event else batch.now
    due = stay.due + (arrived - batch.now) if stay.event else stay.due
    _execute(STAY, [stay.step, Way.WAITS if stay.waits else Way.ARRIVES, arrived, due], batch, rows)


def _last_steps(decision: Decision) -> np.ndarray:
    """The key of the step at which each row that comes to an end has been last."""
    size = 1 + max((int(rows.max()) for _, _, rows in decision.passed if len(rows)), default=0)
    last = np.full(size, "", dtype=object)
    for key, _, rows in decision.passed:
        last[rows] = key
    return last


def _execute(statement: str, params: list[Any], batch: Batch, rows: Rows) -> None:
    if len(rows):
        with connection.cursor() as cursor:
            cursor.execute(statement, [*params, batch.ids[rows].tolist()])


def _note_troubles(batch: Batch, decision: Decision, now: datetime) -> None:
    for step, message in decision.troubles.items():
        StepTrouble.objects.update_or_create(
            version_id=batch.version, step=step, defaults={"message": message}, create_defaults={
                "message": message, "since": now,
            }
        )  # fmt: skip
    StepTrouble.objects.filter(version=batch.version, step__in=decision.done).delete()
