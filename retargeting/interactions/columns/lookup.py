"""Whose custom events of a name fit: from columns, and from the rows that are not folded yet.

A condition on a property is asked once of each value that the property has had, by the same SQL that is asked of rows,
and then holds for the events that have one of those that fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial

import numpy as np
from pyroaring import BitMap

from retargeting.bitmaps import binary_cursor, bitmap_of_ids, ids_of_array
from retargeting.interactions.columns.pieces import ABSENT, Codes, Ids, Key, unpack_codes, unpack_ids, unpack_moments
from retargeting.interactions.index import slices
from retargeting.interactions.index.layout import DAY, day_of, hour_of
from retargeting.interactions.index.lookup import Stretch, ticks
from retargeting.interactions.index.state import State
from retargeting.memory import Memory

MEMORY = Memory()
"""Which values fit, and whose events in whole pieces do, kept under what they were made of: never out of date."""

AT_ONCE = 64
"""So many pieces are in memory at a time."""


@dataclass(frozen=True, slots=True)
class PropertyTest:
    """A condition on one property: `sql` says it of the jsonb column `value`, which is NULL where there is none."""

    name: str
    sql: str
    params: tuple[object, ...]


class EventLookup:
    """All questions of one snapshot."""

    def __init__(self, state: State) -> None:
        self.state = state

    def people(self, name: str, tests: Sequence[PropertyTest], stretch: Stretch, low: int, high: int | None) -> BitMap:
        """The people whose number of such events lies between `low` (≥ 1) and `high`."""
        ids = np.concatenate([self._folded(name, tests, stretch), self._rows(name, tests, stretch)])
        if low == 1 and high is None:
            return bitmap_of_ids(ids)
        return slices.between(slices.count_ids(ids), low, high)

    def _folded(self, name: str, tests: Sequence[PropertyTest], stretch: Stretch) -> Ids:
        whole, cut = _pieces(name, stretch)
        if not whole and not cut:
            return np.empty(0, dtype=np.uint32)
        name_id = (whole or cut)[0].name_id
        ids = self._kept(
            ("events", list(tests), whole),
            lambda: _matching(whole, self._fitting(name_id, tests), Stretch(None, None)),
        )
        return np.concatenate([ids, _matching(cut, self._fitting(name_id, tests), stretch)]) if cut else ids

    def _fitting(self, name_id: int, tests: Sequence[PropertyTest]) -> list[tuple[str, Codes]]:
        return [
            (test.name, self._kept(
                ("codes", name_id, test, _last_code(name_id, test.name)),
                partial(_fitting_codes, name_id, test),
            ))
            for test in tests
        ]  # fmt: skip

    def _kept(self, name: tuple[object, ...], work_out: Callable[[], Ids]) -> Ids:
        """From memory, or worked out and kept; the name says all that it depends on."""
        name = (self.state.generation, *name)
        found: Ids | None = MEMORY.get(name)
        if found is None:
            found = work_out()
            if not self.state.writing:
                MEMORY.keep(name, found, found.nbytes)
        return found

    @cached_property
    def _arrived(self) -> tuple[datetime, datetime] | None:
        """Between which moments lie the events that are not folded yet."""
        with binary_cursor() as db:
            row = db.execute(
                "SELECT min(first_at), max(last_at) FROM interactions_arrival WHERE custom AND transaction >= %s",
                [self.state.event_mark],
            ).fetchone()
        return None if row is None or row[0] is None else (row[0], row[1])

    def _rows(self, name: str, tests: Sequence[PropertyTest], stretch: Stretch) -> Ids:
        if self._arrived is None:
            return np.empty(0, dtype=np.uint32)
        where = ["name = %s AND transaction >= %s AND occurred_at >= %s AND occurred_at <= %s"]
        params: list[object] = [name, self.state.event_mark, *self._arrived]
        for moment, comparison in ((stretch.start, ">="), (stretch.end, "<")):
            if moment is not None:
                where.append(f"occurred_at {comparison} %s")
                params.append(moment)
        for test in tests:
            where.append(f"(SELECT {test.sql} FROM (SELECT properties -> %s AS value) AS property)")
            params += [*test.params, test.name]
        with binary_cursor() as db:
            row = db.execute(
                f"SELECT array_send(array_agg(profile_id)) FROM interactions_customevent WHERE {' AND '.join(where)}",
                params,
                binary=True,
            ).fetchone()
        return ids_of_array(row[0] if row else None)


def _pieces(name: str, stretch: Stretch) -> tuple[list[Key], list[Key]]:
    """The pieces with all their events in the stretch, and those with only some perhaps."""
    where, params = ["name.name = %s"], [name]  # type: list[str], list[object]
    if stretch.start is not None:
        where.append("piece.day >= %s AND piece.last_at >= %s")
        params += [day_of(hour_of(stretch.start)), stretch.start]
    if stretch.end is not None:
        where.append("piece.day < %s AND piece.first_at < %s")
        params += [day_of(hour_of(stretch.end)) + DAY, stretch.end]
    with binary_cursor() as db:
        db.execute(
            "SELECT name_id, day, number, first_at, last_at FROM interactions_eventpiece AS piece "
            f"JOIN interactions_eventname AS name ON name.id = name_id WHERE {' AND '.join(where)} "
            "ORDER BY day, number",
            params,
        )
        whole: list[Key] = []
        cut: list[Key] = []
        for name_id, day, number, first_at, last_at in db:
            inside = (stretch.start is None or first_at >= stretch.start) and (
                stretch.end is None or last_at < stretch.end
            )
            (whole if inside else cut).append(Key(name_id, day, number))
    return whole, cut


def _last_code(name_id: int, property: str) -> int:
    """It changes whenever the dictionary of the property has another value."""
    with binary_cursor() as db:
        row = db.execute(
            "SELECT coalesce(max(code), 0) FROM interactions_eventvalue WHERE name_id = %s AND property = %s",
            [name_id, property],
        ).fetchone()
    assert row
    return int(row[0])


def _fitting_codes(name_id: int, test: PropertyTest) -> Codes:
    """Of the values that the property has had, and of having none, those of which the condition holds."""
    with binary_cursor() as db:
        row = db.execute(
            "SELECT array_send(array_agg(code)) FROM ("
            f"SELECT {ABSENT} AS code, NULL::jsonb AS value UNION ALL "
            "SELECT code, value FROM interactions_eventvalue WHERE name_id = %s AND property = %s"
            f") AS known WHERE {test.sql}",
            [name_id, test.name, *test.params],
            binary=True,
        ).fetchone()
    return ids_of_array(row[0] if row else None)


def _matching(pieces: Sequence[Key], fitting: Sequence[tuple[str, Codes]], stretch: Stretch) -> Ids:
    """Whose events of the pieces fit, with repeats."""
    found = [np.empty(0, dtype=np.uint32)]
    for profiles, moments, columns in _read(pieces, [name for name, _ in fitting], timed=stretch != (None, None)):
        chosen = np.ones(len(profiles), dtype=bool)
        if stretch.start is not None:
            chosen &= moments >= ticks(stretch.start)
        if stretch.end is not None:
            chosen &= moments < ticks(stretch.end)
        for codes, (_, fit) in zip(columns, fitting, strict=True):
            chosen &= np.isin(codes, fit)
        found.append(profiles[chosen])
    return np.concatenate(found)


def _read(pieces: Sequence[Key], properties: Sequence[str], *, timed: bool) -> Iterator[tuple[Ids, Ids, list[Codes]]]:
    """Profiles, moments and the codes of each property, many pieces at a time."""
    columns = "".join(f", column_{place}.codes" for place in range(len(properties)))
    joins = "".join(
        f" LEFT JOIN interactions_eventcolumn AS column_{place} ON column_{place}.name_id = piece.name_id"
        f" AND column_{place}.property = %b AND column_{place}.day = piece.day"
        f" AND column_{place}.number = piece.number"
        for place in range(len(properties))
    )
    query = (
        f"SELECT piece.profiles, {'piece.moments' if timed else 'NULL::bytea'}{columns} "
        "FROM unnest(%b::int4[], %b::int4[], %b::int8[]) AS keys (name_id, day, number) "
        f"JOIN interactions_eventpiece AS piece USING (name_id, day, number){joins}"
    )
    for start in range(0, len(pieces), AT_ONCE):
        keys = [list(column) for column in zip(*pieces[start : start + AT_ONCE], strict=True)]
        with binary_cursor() as db:
            rows = db.execute(query, [*keys, *properties], binary=True).fetchall()
        profiles = [unpack_ids(row[0]) for row in rows]
        yield (
            np.concatenate(profiles),
            np.concatenate([unpack_moments(row[1]) for row in rows]) if timed else np.empty(0, dtype=np.uint32),
            [
                np.concatenate([unpack_codes(row[2 + n], len(ids)) for row, ids in zip(rows, profiles, strict=True)])
                for n in range(len(properties))
            ],
        )
