"""Buckets in the database, read and written many at a time and in binary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from retargeting.bitmaps import binary_cursor
from retargeting.interactions.index import slices
from retargeting.interactions.index.layout import DAY, HOUR, Kept, Span
from retargeting.interactions.index.slices import Ids
from retargeting.interactions.models import CHANNEL_CODES


class Key(NamedTuple):
    """Which bucket: in the order of the primary key. Months have 0 for campaign and step."""

    orchestration_id: int
    event: int
    length: int
    hour: int
    step_id: int
    channel: int
    machine: bool


class Words(NamedTuple):
    """Which events, in the numbers of the rows; None does not restrict."""

    event: int
    machine: bool | None
    channels: tuple[int, ...] | None
    orchestrations: tuple[int, ...] | None
    steps: tuple[int, ...] | None


class Groups(NamedTuple):
    """Which events, counted apart for each of `ids` in `column` (orchestration_id or step_id) and each event code."""

    column: str
    ids: tuple[int, ...]
    events: tuple[int, ...]
    machine: bool | None


@dataclass(slots=True)
class Delta:
    """What is to be added to a bucket. Ids are collected first and counted once, when it is written."""

    first_at: datetime
    last_at: datetime
    ids: list[Ids] = field(default_factory=list)
    packed: list[bytes] = field(default_factory=list)

    def add(self, first_at: datetime, last_at: datetime) -> None:
        self.first_at = min(self.first_at, first_at)
        self.last_at = max(self.last_at, last_at)


_COLUMNS = "orchestration_id, event, length, hour, step_id, channel, machine"
_KEYS = (
    f"unnest(%b::int4[], %b::int2[], %b::int2[], %b::int4[], %b::int4[], %b::int2[], %b::bool[]) AS keys ({_COLUMNS})"
)


def add(deltas: dict[Key, Delta], fold: int) -> None:
    """Add to buckets, making those that are not there. The caller holds the fold lock."""
    if not deltas:
        return
    stored = load(list(deltas))
    rows = []
    for key, delta in sorted(deltas.items()):
        first_at, last_at, packed = delta.first_at, delta.last_at, delta.packed
        if key in stored:
            old_first, old_last, counts = stored[key]
            first_at, last_at, packed = min(first_at, old_first), max(last_at, old_last), [counts, *packed]
        total = slices.sum_of(packed, *delta.ids)
        rows.append((*key, first_at, last_at, slices.total(total), slices.pack(total)))
    _save(rows, fold)


def load(keys: Sequence[Key]) -> dict[Key, tuple[datetime, datetime, bytes]]:
    with binary_cursor() as db:
        db.execute(
            f"SELECT {_COLUMNS}, first_at, last_at, counts FROM interactions_bucket JOIN {_KEYS} USING ({_COLUMNS})",
            _columns(keys),
            binary=True,
        )
        return {Key(*row[:7]): row[7:] for row in db}


def _save(rows: Sequence[tuple[Any, ...]], fold: int) -> None:
    with binary_cursor() as db:
        db.execute(
            f"""
            INSERT INTO interactions_bucket ({_COLUMNS}, first_at, last_at, events, counts, fold)
            SELECT *, %b::int8 FROM unnest(
                %b::int4[], %b::int2[], %b::int2[], %b::int4[], %b::int4[], %b::int2[], %b::bool[],
                %b::timestamptz[], %b::timestamptz[], %b::int8[], %b::bytea[]
            )
            ON CONFLICT ({_COLUMNS}) DO UPDATE SET first_at = excluded.first_at, last_at = excluded.last_at,
                events = excluded.events, counts = excluded.counts, fold = excluded.fold
            """,
            [fold, *_columns(rows)],
        )


def _columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def version(words: Words, spans: Sequence[Span]) -> tuple[int, int]:
    """How many buckets there are and the last fold that wrote one: together they change whenever any of them does."""
    if not spans:
        return 0, 0
    query, params = _select("fold", words, spans)
    with binary_cursor() as db:
        row = db.execute(f"SELECT count(*), coalesce(max(fold), 0) FROM ({query})", params).fetchone()
    assert row
    return row[0], row[1]


def packed(words: Words, spans: Sequence[Span]) -> list[bytes]:
    """The packed counts of whole buckets."""
    if not spans:
        return []
    query, params = _select("counts", words, spans)
    with binary_cursor() as db:
        return [row[0] for row in db.execute(query, params, binary=True)]


@dataclass(frozen=True, slots=True)
class Edge:
    """The buckets of a span of which a window takes a part."""

    inside: list[bytes]
    """The counts of those with all their events in the window."""
    inside_events: int
    cut: list[Key]
    """Those with some of their events in the window, perhaps."""
    cut_events: int


def at_edge(words: Words, span: Span, start: datetime, end: datetime) -> Edge:
    """The buckets of `span`, where of it start ≤ t < end is asked."""
    inside = "first_at >= %b AND last_at < %b"
    query, params = _select(
        f"{_COLUMNS}, first_at, last_at, events, CASE WHEN {inside} THEN counts END", words, [span], [start, end]
    )
    with binary_cursor() as db:
        rows = db.execute(query, params, binary=True).fetchall()
    whole = [row for row in rows if row[10] is not None]
    cut = [row for row in rows if row[10] is None and row[7] < end and row[8] >= start]
    return Edge(
        [row[10] for row in whole], sum(row[9] for row in whole),
        [Key(*row[:7]) for row in cut], sum(row[9] for row in cut),
    )  # fmt: skip


def _select(
    columns: str, words: Words, spans: Sequence[Span], column_params: Sequence[Any] = ()
) -> tuple[str, list[Any]]:
    """One SELECT for each span, since each is one stretch of a database index."""
    where, params = ["event = %b"], [words.event]  # type: list[str], list[Any]
    channels = words.channels
    if channels is None and words.orchestrations is None:
        channels = tuple(CHANNEL_CODES.values())  # named, they lead to the database index by channel
    if words.machine is not None:
        where.append("machine = %b")
        params.append(words.machine)
    for column, values in (
        ("channel", channels),
        ("orchestration_id", words.orchestrations),
        ("step_id", words.steps),
    ):
        if values is not None:
            where.append(f"{column} = ANY(%b)")
            params.append(list(values))
    selects, all_params = [], []  # type: list[str], list[Any]
    for span in spans:
        length = "length > 24" if span.length is None else f"length = {span.length}"
        selects.append(
            f"SELECT {columns} FROM interactions_bucket "
            f"WHERE {' AND '.join(where)} AND {length} AND hour >= %b AND hour < %b"
        )
        all_params += [*column_params, *params, span.first, span.end]
    return " UNION ALL ".join(selects), all_params


def group_versions(groups: Groups, kept: Kept) -> dict[tuple[int, int], tuple[int, int, int]]:
    """(id, event code) → how many buckets, the last fold that wrote one, and how many events."""
    with binary_cursor() as db:
        db.execute(
            f"SELECT {groups.column}, event, count(*), max(fold), sum(events)::int8 "
            f"{_of_groups(groups)} GROUP BY 1, 2",
            _group_params(groups, groups.ids, kept),
        )
        return {(id, event): (count, fold, events) for id, event, count, fold, events in db}


def group_counts(
    groups: Groups, kept: Kept, keys: Sequence[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], list[bytes]]]:
    """The packed counts of each of `keys`."""
    wanted = set(keys)
    found: dict[tuple[int, int], list[bytes]] = {key: [] for key in keys}
    if not wanted:
        return
    with binary_cursor() as db:
        db.execute(
            f"SELECT {groups.column}, event, counts {_of_groups(groups)}",
            _group_params(groups, sorted({id for id, _ in keys}), kept),
            binary=True,
        )
        for id, event, counts in db:
            if (id, event) in wanted:
                found[id, event].append(counts)
    yield from found.items()


def _of_groups(groups: Groups) -> str:
    """Days as far as there are, hours after them. The database index is by orchestration: it finds those of steps."""
    of_steps = (
        "orchestration_id IN (SELECT orchestration_id FROM orchestrations_messagestep WHERE id = ANY(%b)) AND "
        if groups.column == "step_id"
        else ""
    )
    machine = "" if groups.machine is None else f"AND machine = {groups.machine}"
    return (
        f"FROM interactions_bucket WHERE {of_steps}{groups.column} = ANY(%b) AND event = ANY(%b) {machine} "
        f"AND (length = {DAY} AND hour < %b OR length = {HOUR} AND hour >= %b)"
    )


def _group_params(groups: Groups, ids: Sequence[int], kept: Kept) -> list[Any]:
    times = 2 if groups.column == "step_id" else 1
    return [*[list(ids)] * times, list(groups.events), kept.days_until, kept.days_until]
