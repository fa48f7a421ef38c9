"""From rows of custom events to columns: a part of the one transaction of a fold; see `index.folding`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from retargeting.bitmaps import binary_cursor, column_of_array, ids_of_array
from retargeting.interactions.columns.pieces import Piece, append
from retargeting.interactions.index.layout import TICK

MOST_AT_ONCE = 500_000
"""About so many events are folded in one transaction, so that memory stays flat however many wait."""

# Which rows; the parameters are those of `Portion`.
ROWS = "occurred_at >= %s AND occurred_at < %s AND transaction >= %s AND transaction < %s"
NAMES = f"""
    INSERT INTO interactions_eventname (name)
    SELECT DISTINCT name FROM interactions_customevent AS event
    WHERE {ROWS} AND NOT EXISTS (SELECT FROM interactions_eventname AS known WHERE known.name = event.name)
"""
# Of the name, the property and the value, divided by what no text of JSON has unescaped.
DIGEST = r"md5(name_id || E'\x1f' || property || E'\x1f' || value)::uuid"
VALUES = f"""
    WITH fresh AS MATERIALIZED (
        SELECT name_id, property, {DIGEST} AS digest, min(value::text)::jsonb AS value
        FROM interactions_customevent JOIN interactions_eventname AS name (name_id, name) USING (name),
            jsonb_each(properties) AS each (property, value)
        WHERE {ROWS} GROUP BY 1, 2, 3
    ), last AS MATERIALIZED (
        SELECT name_id, property, (
            SELECT max(code) FROM interactions_eventvalue AS known
            WHERE known.name_id = each.name_id AND known.property = each.property
        ) AS code
        FROM (SELECT DISTINCT name_id, property FROM fresh) AS each
    )
    INSERT INTO interactions_eventvalue (name_id, property, code, digest, value)
    SELECT name_id, property,
        coalesce(last.code, 0) + row_number() OVER (PARTITION BY name_id, property ORDER BY digest), digest, value
    FROM fresh JOIN last USING (name_id, property)
    WHERE NOT EXISTS (SELECT FROM interactions_eventvalue AS known WHERE known.digest = fresh.digest)
"""
PLACED = f"""
    SELECT *, (row_number() OVER (PARTITION BY name_id, day ORDER BY occurred_at, id) - 1)::int4 AS place
    FROM (
        SELECT name_id, (floor(extract(epoch FROM occurred_at) / 86400) * 24)::int4 AS day,
            profile_id, occurred_at, event.id, properties
        FROM interactions_customevent AS event JOIN interactions_eventname AS name (name_id, name) USING (name)
        WHERE {ROWS}
    ) AS event
"""
PIECES = f"""
    SELECT name_id, day, min(occurred_at), max(occurred_at),
        array_send(array_agg(profile_id ORDER BY place)), array_send(array_agg(occurred_at ORDER BY place))
    FROM ({PLACED}) AS placed GROUP BY 1, 2
"""
# Materialized, since PostgreSQL would rather take the properties apart once for each value of the dictionary.
COLUMNS = f"""
    WITH each AS MATERIALIZED (
        SELECT day, place, {DIGEST} AS digest
        FROM ({PLACED}) AS placed CROSS JOIN jsonb_each(properties) AS each (property, value)
    )
    SELECT name_id, day, property, array_send(array_agg(place)), array_send(array_agg(code))
    FROM each JOIN interactions_eventvalue USING (digest)
    GROUP BY 1, 2, 3
"""


class Portion(NamedTuple):
    """The rows of start ≤ t < end and of old_mark ≤ transaction < mark."""

    start: datetime
    end: datetime
    old_mark: int
    mark: int


def portion(old_mark: int, below: int) -> Portion | None:
    """What to fold next of what transactions `below` a number have appended; None if there is nothing."""
    with binary_cursor() as db:
        db.execute(
            "SELECT transaction, min(first_at), max(last_at), sum(events)::int8 FROM interactions_arrival "
            "WHERE custom AND transaction < %s GROUP BY 1 ORDER BY 1",
            [below],
        )
        arrived = db.fetchall()
    events = 0
    for number, (_, _, _, count) in enumerate(arrived, start=1):
        events += count
        if events >= MOST_AT_ONCE and number < len(arrived):
            below = arrived[number][0]
            arrived = arrived[:number]
            break
    if not arrived:
        return None
    return Portion(min(row[1] for row in arrived), max(row[2] for row in arrived) + TICK, old_mark, below)


def add_rows(number: int, rows: Portion) -> int:
    """Write the rows to columns, as pieces of this number; returns how many they are. The caller folds alone."""
    fresh: dict[tuple[int, int], Piece] = {}
    with binary_cursor() as db:
        # Without this a wrong guess reads whole months.
        db.execute("SELECT set_config('enable_seqscan', 'off', true)")
        db.execute(NAMES, rows)
        db.execute(VALUES, rows)
        for name_id, day, first_at, last_at, profiles, moments in db.execute(PIECES, rows, binary=True):
            fresh[name_id, day] = Piece(first_at, last_at, ids_of_array(profiles), column_of_array(moments, ">i8"))
        for name_id, day, name, places, codes in db.execute(COLUMNS, rows, binary=True):
            piece = fresh[name_id, day]
            column: Any = np.zeros(len(piece.profiles), dtype=np.uint32)
            column[ids_of_array(places)] = ids_of_array(codes)
            piece.codes[name] = column
        db.execute("SELECT set_config('enable_seqscan', 'on', true)")
    append(fresh, number)
    return sum(len(piece.profiles) for piece in fresh.values())
