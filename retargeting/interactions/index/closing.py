"""What time does to buckets: a day that is over gets its own, so does a month, and old hours go."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db import connection

from retargeting.bitmaps import binary_cursor
from retargeting.interactions.index import state as states
from retargeting.interactions.index import storage
from retargeting.interactions.index.folding import changing_buckets
from retargeting.interactions.index.layout import DAY, HOUR, day_of, hour_of, hours_in_month
from retargeting.interactions.index.state import CLOSING_HOURS, HOURS_KEPT_DAYS
from retargeting.interactions.index.storage import Delta, Key


def close(now: datetime) -> int:
    """Do what is due, one day or month a transaction, so that a fold waits for little; returns how many those were."""
    steps = 0
    while _step(day_of(hour_of(now) - CLOSING_HOURS)):
        steps += 1
    return steps


def _step(days_until: int) -> bool:
    """Close one day before `days_until`, one month, or let hours go; False when nothing is due."""
    with changing_buckets() as alone:
        state = states.read()
        if not alone or state.generation is None:
            return False
        kept, number = state.kept, state.fold + 1
        month_end = kept.months_until + hours_in_month(kept.months_until)
        hours_from = kept.days_until - HOURS_KEPT_DAYS * DAY
        if kept.days_until < days_until:
            _sum_up(number, HOUR, Key(0, 0, DAY, kept.days_until, 0, 0, False))
            kept = replace(kept, days_until=kept.days_until + DAY)
        elif month_end <= kept.days_until:
            _sum_up(number, DAY, Key(0, 0, month_end - kept.months_until, kept.months_until, 0, 0, False))
            kept = replace(kept, months_until=month_end)
        elif kept.hours_from < hours_from:
            _drop_hours(hours_from)
            kept = replace(kept, hours_from=hours_from)
        else:
            return False
        states.write(replace(state, fold=number, kept=kept))
    return True


def _sum_up(number: int, length: int, stretch: Key) -> None:
    """Add up the buckets of `length` in a stretch of time to longer ones: a day's hours, or a channel's days."""
    with binary_cursor() as db:
        groups = db.execute(
            "SELECT DISTINCT channel, event FROM interactions_bucket WHERE length = %s AND hour >= %s AND hour < %s",
            [length, stretch.hour, stretch.hour + stretch.length],
        ).fetchall()
        for channel, event in groups:
            deltas: dict[Key, Delta] = {}
            db.execute(
                "SELECT orchestration_id, step_id, machine, first_at, last_at, counts FROM interactions_bucket "
                "WHERE channel = %s AND event = %s AND length = %s AND hour >= %s AND hour < %s",
                [channel, event, length, stretch.hour, stretch.hour + stretch.length],
                binary=True,
            )
            for orchestration, step, machine, first_at, last_at, counts in db:
                target = (0, 0) if length == DAY else (orchestration, step)
                key = stretch._replace(
                    orchestration_id=target[0], step_id=target[1], event=event, channel=channel, machine=machine
                )
                delta = deltas.setdefault(key, Delta(first_at, last_at))
                delta.add(first_at, last_at)
                delta.packed.append(counts)
            storage.add(deltas, number)


def _drop_hours(hours_from: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM interactions_bucket WHERE length = %s AND hour < %s", [HOUR, hours_from])
