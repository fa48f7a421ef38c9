"""Whether the index says what the rows say.

The rows are put into hours, days and months once more, by SQL of its own that shares nothing with folding, and
compared with the buckets person by person. Custom events are compared event by event.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from retargeting.bitmaps import binary_cursor, ids_of_array
from retargeting.interactions.columns import checking as columns
from retargeting.interactions.columns.checking import ColumnDifference
from retargeting.interactions.index import slices, storage
from retargeting.interactions.index import state as states
from retargeting.interactions.index.folding import changing_buckets, in_turn
from retargeting.interactions.index.layout import LAST_HOUR, Kept, hour_of, hours_in_month, moment_of, month_of
from retargeting.interactions.index.storage import Key

AT_ONCE = 1_000

# Of each length: what a bucket is named by, and the first hour of the bucket that a row belongs to.
_OF_STEP = "orchestration_id, event, ({length})::int2, ({hour})::int4, step_id, channel, machine"
_OF_CHANNEL = "0, event, ({length})::int2, ({hour})::int4, 0, channel, machine"
_HOUR = _OF_STEP.format(length=1, hour="floor(extract(epoch FROM occurred_at) / 3600)")
_DAY = _OF_STEP.format(length=24, hour="floor(extract(epoch FROM occurred_at) / 86400) * 24")
_MONTH = _OF_CHANNEL.format(
    length="(extract(day FROM date_trunc('month', occurred_at, 'UTC') + interval '1 month - 1 day') * 24)",
    hour="extract(epoch FROM date_trunc('month', occurred_at, 'UTC')) / 3600",
)


class Difference(NamedTuple):
    """A bucket that is not what the rows say; in how many people they differ (0: only in its sum or its bounds)."""

    key: Key
    people: int

    def __str__(self) -> str:
        key = self.key
        whose = f"orchestration {key.orchestration_id}, step {key.step_id}, " if key.orchestration_id else ""
        return (
            f"{moment_of(key.hour):%Y-%m-%d %H:%M} and {key.length} h on: {whose}channel {key.channel}, "
            f"event {key.event}{', machine' if key.machine else ''}: {self.people} people differ"
        )


def differences() -> Iterator[Difference | ColumnDifference]:
    """Compare month by month; nobody may change buckets meanwhile, but events may come in.

    Nothing is known of buckets whose rows are not kept any more.
    """
    for month in months_with_rows():
        with in_turn(), changing_buckets():
            state = states.read()
            for naming, first, end in _stretches(month, state.kept):
                if first < end:
                    yield from _compare(naming, first, end, state.mark)
    for month in months_with_events():
        with in_turn(), changing_buckets():
            yield from columns.differences(month, states.read().event_mark)


def months_with_rows() -> list[int]:
    """The first hours of the months of which there are rows, or buckets that should have rows."""
    with binary_cursor() as db:
        hours = {hour for (hour,) in db.execute("SELECT DISTINCT hour FROM interactions_bucket")}
        db.execute("SELECT DISTINCT date_trunc('month', occurred_at, 'UTC') FROM interactions_messageevent")
        hours |= {hour_of(moment) for (moment,) in db}
    rows_from = states.read().kept.rows_from
    return sorted({month_of(hour) for hour in hours if hour >= rows_from})


def months_with_events() -> list[int]:
    """The same of custom events and their columns."""
    with binary_cursor() as db:
        hours = {hour for (hour,) in db.execute("SELECT DISTINCT day FROM interactions_eventpiece")}
        db.execute("SELECT DISTINCT date_trunc('month', occurred_at, 'UTC') FROM interactions_customevent")
        hours |= {hour_of(moment) for (moment,) in db}
    return sorted({month_of(hour) for hour in hours})


def _stretches(month: int, kept: Kept) -> list[tuple[str, int, int]]:
    """For each length how its buckets are named, and which part of the month has them."""
    end = month + hours_in_month(month)
    return [
        (_HOUR, max(month, kept.hours_from), end),
        (_DAY, month, min(end, kept.days_until)),
        (_MONTH, month, min(end, kept.months_until)),
    ]


def _compare(naming: str, first: int, end: int, mark: int) -> Iterator[Difference]:
    seen: set[Key] = set()
    with binary_cursor() as db:
        db.execute(
            f"DECLARE counted NO SCROLL CURSOR FOR SELECT {naming}, min(occurred_at), max(occurred_at), "
            "array_send(array_agg(profile_id)) FROM interactions_messageevent "
            "WHERE occurred_at >= %s AND occurred_at < %s AND transaction < %s GROUP BY 1, 2, 3, 4, 5, 6, 7",
            [moment_of(first), moment_of(min(end, LAST_HOUR)), mark],
        )
        while rows := db.execute(f"FETCH {AT_ONCE} FROM counted", binary=True).fetchall():
            seen |= {Key(*row[:7]) for row in rows}
            yield from _differing(rows)
        db.execute("CLOSE counted")
        length = {_HOUR: "length = 1", _DAY: "length = 24", _MONTH: "length > 24"}[naming]
        db.execute(
            "SELECT orchestration_id, event, length, hour, step_id, channel, machine, counts "
            f"FROM interactions_bucket WHERE {length} AND hour >= %s AND hour < %s",
            [first, end],
            binary=True,
        )
        for *words, counts in db:
            if (key := Key(*words)) not in seen:
                yield Difference(key, len(slices.union_of([counts])))


def _differing(rows: list[tuple[Any, ...]]) -> Iterator[Difference]:
    stored = storage.load([Key(*row[:7]) for row in rows])
    for *words, first_at, last_at, array in rows:
        key = Key(*words)
        expected, found = np.sort(ids_of_array(array)), np.empty(0, dtype=np.uint32)
        bounds = None
        if key in stored:
            *bounds, counts = stored[key]
            found = np.sort(slices.list_ids(slices.unpack(counts)))
        if not np.array_equal(expected, found):
            yield Difference(key, len(np.setxor1d(_numbered(expected), _numbered(found), assume_unique=True)))
        elif bounds != [first_at, last_at]:
            yield Difference(key, 0)


def _numbered(ids: slices.Ids) -> Any:
    """Sorted ids, each with the number of its repeat, so that repeats are told apart."""
    first = np.searchsorted(ids, ids)
    return ids.astype(np.uint64) << np.uint64(32) | (np.arange(len(ids)) - first).astype(np.uint64)
