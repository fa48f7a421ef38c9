"""Whether the columns say what the rows of custom events say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from retargeting.bitmaps import binary_cursor, column_of_array, ids_of_array
from retargeting.interactions.columns import pieces
from retargeting.interactions.columns.folding import DIGEST
from retargeting.interactions.columns.pieces import Key, Piece
from retargeting.interactions.index.layout import hours_in_month, moment_of

BY_DAY = "(floor(extract(epoch FROM occurred_at) / 86400) * 24)::int4"
ROWS = "occurred_at >= %s AND occurred_at < %s AND transaction < %s"
EVENTS = f"""
    SELECT name, {BY_DAY}, '', array_send(array_agg(profile_id)), array_send(array_agg(occurred_at)),
        array_send(array_agg(1))
    FROM interactions_customevent WHERE {ROWS} GROUP BY 1, 2
"""
# A value that the dictionary lacks has no code, and -1 is none of any column.
PROPERTIES = f"""
    SELECT name, {BY_DAY}, each.property, array_send(array_agg(profile_id)), array_send(array_agg(occurred_at)),
        array_send(array_agg(coalesce(code, -1)))
    FROM (
        SELECT name, occurred_at, profile_id, property, value::text AS text, {DIGEST} AS digest
        FROM interactions_customevent LEFT JOIN interactions_eventname AS known (name_id, name) USING (name),
            jsonb_each(properties) AS each (property, value)
        WHERE {ROWS}
    ) AS each LEFT JOIN interactions_eventvalue AS stored
        ON stored.digest = each.digest AND stored.value::text = each.text
    GROUP BY 1, 2, 3
"""

Events = npt.NDArray[Any]
"""One row an event: moment, profile and code, sorted."""


class ColumnDifference(NamedTuple):
    """A day of custom events of one name that the columns have otherwise; `property` is "" for the events at all."""

    name: str
    day: int
    property: str

    def __str__(self) -> str:
        what = f"the property {self.property!r} of {self.name!r}" if self.property else f"the events {self.name!r}"
        return f"{moment_of(self.day):%Y-%m-%d}: {what} differ"


def differences(month: int, mark: int) -> Iterator[ColumnDifference]:
    """Those of one month, below the mark; the caller keeps others from folding."""
    first, end = moment_of(month), moment_of(month + hours_in_month(month))
    stored = _stored(month)
    for name, day, property in sorted(_of_rows(first, end, mark, stored) | stored.keys()):
        yield ColumnDifference(name, day, property)


def _of_rows(
    first: datetime, end: datetime, mark: int, stored: dict[tuple[str, int, str], Events]
) -> set[tuple[str, int, str]]:
    """What the rows have otherwise; what is as `stored` is taken out of it."""
    different = set()
    with binary_cursor() as db:
        for query in (EVENTS, PROPERTIES):
            for name, day, property, profiles, moments, codes in db.execute(query, [first, end, mark], binary=True):
                expected = _events(column_of_array(moments, ">i8"), ids_of_array(profiles), ids_of_array(codes))
                found = stored.pop((name, day, property), None)
                if found is None or not np.array_equal(found, expected):
                    different.add((name, day, property))
    return different


def _stored(month: int) -> dict[tuple[str, int, str], Events]:
    with binary_cursor() as db:
        db.execute(
            "SELECT name, name_id, day, number FROM interactions_eventpiece "
            "LEFT JOIN interactions_eventname AS known ON known.id = name_id WHERE day >= %s AND day < %s",
            [month, month + hours_in_month(month)],
        )
        names = {Key(*key): name or "" for name, *key in db}
    parts: dict[tuple[str, int, str], list[tuple[Any, Any, Any]]] = {}
    for key, piece in pieces.load(list(names)).items():
        for property, part in _columns(piece):
            parts.setdefault((names[key], key.day, property), []).append(part)
    return {place: _events(*map(np.concatenate, zip(*found, strict=True))) for place, found in parts.items()}


def _columns(piece: Piece) -> Iterator[tuple[str, tuple[Any, Any, Any]]]:
    yield "", (piece.moments, piece.profiles, np.ones(len(piece.profiles), dtype=np.uint32))
    for name, codes in piece.codes.items():
        there = codes != pieces.ABSENT
        if there.any():
            yield name, (piece.moments[there], piece.profiles[there], codes[there])


def _events(moments: Any, profiles: Any, codes: Any) -> Events:
    order = np.lexsort((codes, profiles, moments))
    return np.stack([moments[order], profiles[order].astype(np.int64), codes[order].astype(np.int64)])
