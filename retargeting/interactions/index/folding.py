"""Folding: rows become buckets, in the background, and nobody waits for it.

One fold is one transaction: it takes the rows between the old mark and the new one, adds them to their buckets and
moves the mark. So a fold that is killed has not happened, one that is repeated finds nothing to do, and a reader sees
each row once: in the buckets or above the mark.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from retargeting.bitmaps import binary_cursor, ids_of_array
from retargeting.interactions.columns import folding as columns
from retargeting.interactions.index import state as states
from retargeting.interactions.index import storage
from retargeting.interactions.index.layout import DAY, HOUR, TICK, Kept, day_of, hours_in_month, month_of
from retargeting.interactions.index.slices import Ids
from retargeting.interactions.index.storage import Delta, Key

GROUPS_AT_ONCE = 2_000
IDS_AT_ONCE = 4_000_000
"""Buckets are written when so many ids have come together, so that memory stays flat however much there is to fold."""

IDS_A_BUCKET = 200
"""What a bucket takes beside its ids, in ids."""

GROUPS = """
    SELECT orchestration_id, step_id, channel, event, machine,
           floor(extract(epoch FROM occurred_at) / 3600)::int4,
           min(occurred_at), max(occurred_at), array_send(array_agg(profile_id))
    FROM interactions_messageevent
    WHERE occurred_at >= %s AND occurred_at < %s AND transaction >= %s AND transaction < %s
    GROUP BY 1, 2, 3, 4, 5, 6
"""


class Group(NamedTuple):
    """Events that lie in the same buckets: those of one hour that only differ in whose they are and in the moment."""

    orchestration_id: int
    step_id: int
    channel: int
    event: int
    machine: bool
    hour: int
    first_at: datetime
    last_at: datetime
    ids: Ids


@contextlib.contextmanager
def changing_buckets(*locking: str) -> Iterator[bool]:
    """A transaction with one view of the database that may change buckets; False when another one is at it.

    Whoever saw an older mark than the one it would move fails on writing it, so the view may be taken before the lock.
    `locking` is executed before it is taken.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            if len(connection.savepoint_ids) == 0:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            for statement in locking:
                cursor.execute(statement)
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [states.FOLD_LOCK])
            row = cursor.fetchone()
        yield bool(row and row[0])


@contextlib.contextmanager
def in_turn() -> Iterator[None]:
    """Wait for whoever changes buckets, and keep others from it: for what is asked for by hand, and not given up."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [states.FOLD_LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [states.FOLD_LOCK])


def fold(*, below: int | None = None) -> int:
    """Fold what is final, or of it only the transactions `below` a number; returns how many events that were.

    0 when there is nothing to do or when another process folds.
    """
    with changing_buckets() as alone:
        if not alone:
            return 0
        state = states.read()
        finished = min(filter(None, [states.finished_below(), below]))
        arrived = _arrived(finished) if finished > state.mark else None
        events = columns.portion(state.event_mark, finished) if finished > state.event_mark else None
        if arrived is None and events is None:
            return 0
        if state.generation is None:
            state = states.start(timezone.now())
        state = replace(state, fold=state.fold + 1)
        folded = 0
        if arrived is not None:
            folded += add_rows(state.kept, state.fold, *arrived, state.mark, finished)
            state = replace(state, mark=finished)
        if events is not None:
            folded += columns.add_rows(state.fold, events)
            state = replace(state, event_mark=events.mark)
        states.write(state)
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM interactions_arrival WHERE transaction < CASE WHEN custom THEN %s ELSE %s END",
                [state.event_mark, state.mark],
            )
    return folded


def fold_all() -> int:
    """Fold until nothing is left that is final; returns how many events."""
    folded = 0
    while count := fold():
        folded += count
    return folded


def _arrived(mark: int) -> tuple[datetime, datetime] | None:
    """Where in time lies what is to be folded (half-open), which leads to its partitions; None if there is nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(first_at), max(last_at) FROM interactions_arrival WHERE NOT custom AND transaction < %s",
            [mark],
        )
        first_at, last_at = cursor.fetchone() or (None, None)
    return None if first_at is None or last_at is None else (first_at, last_at + TICK)


def add_rows(kept: Kept, number: int, start: datetime, end: datetime, old_mark: int, mark: int) -> int:
    """Add the rows of start ≤ t < end and of old_mark ≤ transaction < mark to each bucket that they belong to.

    Returns how many they are. The caller holds the fold lock; `number` is the fold's.
    """
    return add_groups(kept, number, _groups(start, end, old_mark, mark))


def add_groups(kept: Kept, number: int, groups: Iterable[Group]) -> int:
    """As `add_rows`, of rows that are grouped already."""
    deltas: dict[Key, Delta] = {}
    waiting = events = 0
    for group in groups:
        for key in _buckets(group, kept):
            delta = deltas.get(key)
            if delta is None:
                delta = deltas[key] = Delta(group.first_at, group.last_at)
                waiting += IDS_A_BUCKET
            delta.add(group.first_at, group.last_at)
            delta.ids.append(group.ids)
        events += len(group.ids)
        waiting += len(group.ids)
        if waiting >= IDS_AT_ONCE:
            storage.add(deltas, number)
            deltas, waiting = {}, 0
    storage.add(deltas, number)
    return events


def _groups(*bounds: Any) -> Iterator[Group]:
    """Through a cursor of the server, so that not all ids are in memory at once."""
    connection.ensure_connection()
    with binary_cursor() as db:
        # Sorted or hashed makes no difference to the result; without this a wrong guess reads a whole month.
        db.execute("SELECT set_config('enable_seqscan', 'off', true)")
        db.execute(f"DECLARE groups NO SCROLL CURSOR FOR {GROUPS}", bounds)
        db.execute("SELECT set_config('enable_seqscan', 'on', true)")
        while True:
            rows = db.execute(f"FETCH {GROUPS_AT_ONCE} FROM groups", binary=True).fetchall()
            if not rows:
                break
            for row in rows:
                yield Group._make((*row[:-1], ids_of_array(row[-1])))
        db.execute("CLOSE groups")


def _buckets(group: Group, kept: Kept) -> Iterator[Key]:
    """The buckets that its events are in."""
    orchestration, step, channel, event, machine, hour, *_ = group
    day = day_of(hour)
    if hour >= kept.hours_from:
        yield Key(orchestration, event, HOUR, hour, step, channel, machine)
    if day < kept.days_until:
        yield Key(orchestration, event, DAY, day, step, channel, machine)
    if day < kept.months_until:
        month = month_of(hour)
        yield Key(0, event, hours_in_month(month), month, 0, channel, machine)
