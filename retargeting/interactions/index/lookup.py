"""Answers from the index: whole buckets, the rows of buckets that a window cuts, and the rows above the mark."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from retargeting.bitmaps import binary_cursor, bitmap_of_ids, column_of_array, ids_of_array
from retargeting.interactions.index import slices, storage
from retargeting.interactions.index import state as states
from retargeting.interactions.index.layout import Span, cover, moment_of
from retargeting.interactions.index.slices import Ids, Slices
from retargeting.interactions.index.storage import Groups, Key, Words
from retargeting.interactions.models import CHANNEL_CODES
from retargeting.memory import Memory

MEMORY = Memory()
"""Sums of whole buckets. They are kept under what they were made of, so that none is ever out of date."""

# PostgreSQL counts microseconds from here, in binary.
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Stretch(NamedTuple):
    """start ≤ t < end; None is open."""

    start: datetime | None
    end: datetime | None


@dataclass(slots=True)
class Tail:
    """The rows above the mark, a column each."""

    profiles: Ids
    orchestrations: npt.NDArray[Any]
    steps: npt.NDArray[Any]
    channels: npt.NDArray[Any]
    events: npt.NDArray[Any]
    machines: npt.NDArray[Any]
    moments: npt.NDArray[Any]

    def ids(self, words: Words, stretch: Stretch) -> Ids:
        chosen = self.events == words.event
        if words.machine is not None:
            chosen &= self.machines == words.machine
        for column, values in (
            (self.channels, words.channels),
            (self.orchestrations, words.orchestrations),
            (self.steps, words.steps),
        ):
            if values is not None:
                chosen &= np.isin(column, values)
        if stretch.start is not None:
            chosen &= self.moments >= ticks(stretch.start)
        if stretch.end is not None:
            chosen &= self.moments < ticks(stretch.end)
        return self.profiles[chosen]

    def grouped(self, groups: Groups) -> Iterator[tuple[tuple[int, int], Ids]]:
        """The ids by campaign (or step) and event code."""
        targets = self.orchestrations if groups.column == "orchestration_id" else self.steps
        chosen = np.isin(targets, groups.ids) & np.isin(self.events, groups.events)
        if groups.machine is not None:
            chosen &= self.machines == groups.machine
        for target, event in {*zip(targets[chosen].tolist(), self.events[chosen].tolist(), strict=True)}:
            yield (target, event), self.profiles[chosen & (targets == target) & (self.events == event)]


class Lookup:
    """All questions of one snapshot. The tail is read once, with the first of them."""

    def __init__(self) -> None:
        self.state = states.read()
        self._tail: Tail | None = None

    def people(self, words: Words, stretch: Stretch, low: int, high: int | None) -> BitMap:
        """The people whose number of such events lies between `low` (≥ 1) and `high`."""
        plan = cover(stretch.start, stretch.end, self.state.kept, pooled=_is_pooled(words))
        packed, rows = self._cut(words, stretch, plan.cut)
        more = [self.tail().ids(words, stretch), *rows]
        if low == 1 and high is None:
            return self._union(words, plan.whole) | slices.union_of(packed) | bitmap_of_ids(np.concatenate(more))
        counts = self._sum(words, plan.whole)
        slices.add_to(counts, slices.sum_of(packed, *more))
        return slices.between(counts, low, high)

    def totals(self, groups: Groups) -> dict[tuple[int, int], tuple[int, int]]:
        """For each campaign (or step) and event code: how many people, and how many events."""
        kept = self.state.kept
        found = storage.group_versions(groups, kept)
        names = {key: ("people", self.state.generation, groups.column, groups.machine, key, *version[:2])
                 for key, version in found.items()}  # fmt: skip
        people: dict[tuple[int, int], BitMap] = {}
        for key, name in names.items():
            if (members := MEMORY.get(name)) is not None:
                people[key] = members
        missing = [key for key in found if key not in people]
        for key, packed in storage.group_counts(groups, kept, missing):
            people[key] = slices.union_of(packed)
            self._keep(names[key], people[key], slices.size([people[key]]))
        totals = {key: (len(people[key]), version[2]) for key, version in found.items()}
        for key, ids in self.tail().grouped(groups):
            before = people.get(key, BitMap())
            totals[key] = (len(before | bitmap_of_ids(ids)), totals.get(key, (0, 0))[1] + len(ids))
        return totals

    def tail(self) -> Tail:
        if self._tail is None:
            self._tail = read_tail(self.state.mark)
        return self._tail

    def _union(self, words: Words, spans: list[Span]) -> BitMap:
        name = self._name("union", words, spans)
        members: BitMap | None = MEMORY.get(name)
        if members is None:
            members = slices.union_of(storage.packed(words, spans))
            self._keep(name, members, slices.size([members]))
        return members

    def _sum(self, words: Words, spans: list[Span]) -> Slices:
        """A sum of the caller's own: it may be added to."""
        name = self._name("sum", words, spans)
        counts: Slices | None = MEMORY.get(name)
        if counts is None:
            counts = slices.sum_of(storage.packed(words, spans))
            self._keep(name, counts, slices.size(counts))
        return slices.copy(counts)

    def _keep(self, name: Hashable, value: object, size: int) -> None:
        if not self.state.writing:
            MEMORY.keep(name, value, size)

    def _name(self, kind: str, words: Words, spans: list[Span]) -> Hashable:
        """All that a result of whole buckets depends on: which they are, how many, and the last fold of any."""
        return (kind, self.state.generation, words, tuple(spans), *storage.version(words, spans))

    def _cut(self, words: Words, stretch: Stretch, spans: list[Span]) -> tuple[list[bytes], list[Ids]]:
        """Of the buckets at the edges: those with all their events inside, and the rows inside of the others."""
        packed: list[bytes] = []
        rows: list[Ids] = []
        for span in spans:
            start = max(stretch.start or moment_of(span.first), moment_of(span.first))
            end = min(stretch.end or moment_of(span.end), moment_of(span.end))
            edge = storage.at_edge(words, span, start, end)
            few_more = edge.inside_events <= edge.cut_events
            if edge.cut and few_more and _is_pooled(words) and self._all_folded(start, end):
                rows.append(_row_ids_of_channels(words, start, end))
                continue
            packed += edge.inside
            if edge.cut:
                rows.append(_row_ids(words.event, edge.cut, start, end, self.state.mark))
        return packed, rows

    def _all_folded(self, start: datetime, end: datetime) -> bool:
        moments = self.tail().moments
        return not ((moments >= ticks(start)) & (moments < ticks(end))).any()


def _is_pooled(words: Words) -> bool:
    return words.orchestrations is None and words.steps is None


def _row_ids_of_channels(words: Words, start: datetime, end: datetime) -> Ids:
    """From all rows of start ≤ t < end. PostgreSQL's index by channel has all that is asked, so no row is read."""
    channels = list(CHANNEL_CODES.values()) if words.channels is None else list(words.channels)
    machine = "" if words.machine is None else f"AND machine = {words.machine}"
    with binary_cursor() as db:
        row = db.execute(
            "SELECT array_send(array_agg(profile_id)) FROM interactions_messageevent WHERE event = %b "
            f"AND occurred_at >= %b AND occurred_at < %b AND channel = ANY(%b) {machine}",
            [words.event, start, end, channels],
            binary=True,
        ).fetchone()
    return ids_of_array(row[0] if row else None)


def _row_ids(event: int, keys: Sequence[Key], start: datetime, end: datetime, mark: int) -> Ids:
    """From the rows that are folded into the buckets of `keys`, those of start ≤ t < end."""
    with binary_cursor() as db:
        db.execute(
            """
            SELECT array_send(array_agg(profile_id)) FROM interactions_messageevent
            WHERE event = %b AND occurred_at >= %b AND occurred_at < %b AND transaction < %b
                AND orchestration_id = ANY(%b) AND (orchestration_id, step_id, channel, machine) IN
                    (SELECT * FROM unnest(%b::int4[], %b::int4[], %b::int2[], %b::bool[]))
            """,
            [
                event, start, end, mark, list({key.orchestration_id for key in keys}),
                [key.orchestration_id for key in keys], [key.step_id for key in keys],
                [key.channel for key in keys], [key.machine for key in keys],
            ],
            binary=True,
        )  # fmt: skip
        row = db.fetchone()
    return ids_of_array(row[0] if row else None)


def read_tail(mark: int) -> Tail:
    with binary_cursor() as db:
        arrived = db.execute(
            "SELECT min(first_at), max(last_at) FROM interactions_arrival WHERE NOT custom AND transaction >= %s",
            [mark],
        ).fetchone()
        if arrived is None or arrived[0] is None:
            return Tail(*(np.empty(0, dtype=dtype) for dtype in ("u4", "i4", "i4", "i2", "i2", "?", "i8")))
        columns = ("profile_id", "orchestration_id", "step_id", "channel", "event", "machine", "occurred_at")
        # The pages' summaries of transactions find the youngest rows; without this a wrong guess reads a whole month.
        db.execute("SELECT set_config('enable_seqscan', 'off', true)")
        row = db.execute(
            f"SELECT {', '.join(f'array_send(array_agg({column}))' for column in columns)} "
            "FROM interactions_messageevent "
            "WHERE occurred_at >= %b AND occurred_at <= %b AND transaction >= %b",
            [*arrived, mark],
            binary=True,
        ).fetchone()
        db.execute("SELECT set_config('enable_seqscan', 'on', true)")
    assert row
    types = (">u4", ">i4", ">i4", ">i2", ">i2", "?", ">i8")
    return Tail(*(column_of_array(array, dtype) for array, dtype in zip(row, types, strict=True)))


def ticks(moment: datetime) -> int:
    """As PostgreSQL's binary format has it, and columns of moments."""
    return (moment - _POSTGRES_EPOCH) // timedelta(microseconds=1)
