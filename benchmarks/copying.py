"""Getting rows into the event tables: binary COPY out of numpy, and indexes that are made once all rows are there."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import psycopg
from django.db import connection, transaction

from benchmarks.events import Rows
from benchmarks.world import DAY, moment_of
from retargeting.interactions.ingest import note_arrival
from retargeting.interactions.partitions import MESSAGE_EVENTS, ensure_partitions

# PostgreSQL's binary COPY format: each row begins with its number of fields, each field with its length in bytes.
SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = b"\xff\xff"
COLUMNS = {
    "occurred_at": (">i8", 8),
    "id": (">u8,>u8", 16),
    "profile_id": (">i4", 4),
    "orchestration_id": (">i4", 4),
    "step_id": (">i4", 4),
    "channel": (">i2", 2),
    "event": (">i2", 2),
    "machine": (">i1", 1),
    "journey_id": (">i8", 8),
}
YEAR_2000 = 946_684_800_000_000
"""Where PostgreSQL begins to count, in microseconds since 1970."""
VERSION_8, VARIANT = np.uint64(0x8000), np.uint64(1 << 63)

INDEX_MEMORY = "1GB"


def append_message_events(rows: Rows, first_number: int, seed: int) -> None:
    """Append a batch in one transaction, to be folded. Row i gets the id of the number `first_number` + i."""
    first_at, last_at = moment_of(int(rows["moment"][0])), moment_of(int(rows["moment"][-1]))
    with transaction.atomic():
        copy_message_events(rows, first_number, seed)
        note_arrival(first_at, last_at, len(rows))


def copy_message_events(rows: Rows, first_number: int, seed: int) -> None:
    """As `append_message_events`, of which folding is not told."""
    numbers = np.arange(first_number, first_number + len(rows), dtype=np.uint64)
    on_journeys = rows["journey"] != 0
    ensure_partitions(MESSAGE_EVENTS, {moment_of(int(day) * DAY) for day in np.unique(rows["moment"] // DAY)})
    # A field without a value has no bytes, so rows with and without a journey are of two lengths.
    for chosen, columns in ((~on_journeys, list(COLUMNS)[:-1]), (on_journeys, list(COLUMNS))):
        if chosen.any():
            _copy(rows[chosen], numbers[chosen], columns, seed)


def _copy(rows: Rows, numbers: Rows, columns: Sequence[str], seed: int) -> None:
    fields: list[Any] = [("fields", ">i2")]
    for name in columns:
        fields += [(f"{name}_length", ">i4"), (name, COLUMNS[name][0])]
    out = np.zeros(len(rows), dtype=fields)
    out["fields"] = len(columns)
    for name in columns:
        out[f"{name}_length"] = COLUMNS[name][1]
    out["occurred_at"] = rows["moment"] - YEAR_2000
    # UUIDs of version 8, counted upwards: neighbours in time are so in the index, as with the product's own.
    out["id"]["f0"], out["id"]["f1"] = np.uint64(seed << 16) | VERSION_8, numbers | VARIANT
    for name, source in (
        ("profile_id", "profile"),
        ("orchestration_id", "orchestration"),
        ("step_id", "step"),
        ("channel", "channel"),
        ("event", "event"),
        ("machine", "machine"),
    ):
        out[name] = rows[source]
    if "journey_id" in columns:
        out["journey_id"] = rows["journey"]
    statement = f"COPY {MESSAGE_EVENTS} ({', '.join(columns)}) FROM STDIN (FORMAT binary)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(SIGNATURE + out.tobytes() + END)


def copy_text(table: str, columns: Sequence[str], lines: Sequence[str]) -> None:
    """Rows that are text already and hold nothing that COPY would take for its own."""
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        copy.write("".join(lines))


class Index(NamedTuple):
    drop: str
    make: str
    is_key: bool


def drop_indexes(*tables: str) -> list[Index]:
    """Take the tables' B-trees away; returns what makes them again, by the definitions of the migrations."""
    dropped = [index for table in tables for index in _indexes(table)]
    with connection.cursor() as cursor:
        for index in dropped:
            cursor.execute(index.drop)
    return dropped


def make_indexes(indexes: Sequence[Index]) -> None:
    """Keys lock the whole table, so they are made first; of the others two at a time, on two cores."""
    for index in indexes:
        if index.is_key:
            _make(index.make)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(_make, [index.make for index in indexes if not index.is_key]))


def _indexes(table: str) -> list[Index]:
    """All but the summaries of pages (BRIN), which cost a load next to nothing and which folding reads by."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT
                CASE WHEN pg_constraint.oid IS NULL THEN format('DROP INDEX %%I', class.relname)
                ELSE format('ALTER TABLE %%s DROP CONSTRAINT %%I', indrelid::regclass, conname) END,
                CASE WHEN pg_constraint.oid IS NULL THEN replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ')
                ELSE format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s',
                    indrelid::regclass, conname, pg_get_constraintdef(pg_constraint.oid)) END,
                pg_constraint.oid IS NOT NULL
            FROM pg_index
            JOIN pg_class AS class ON class.oid = indexrelid
            JOIN pg_am ON pg_am.oid = class.relam AND amname = 'btree'
            LEFT JOIN pg_constraint ON conindid = indexrelid AND contype IN ('p', 'u')
            WHERE indrelid = %s::regclass ORDER BY class.relname
            """,
            [table],
        )
        return [Index(*row) for row in cursor.fetchall()]


def _make(statement: str) -> None:
    """On a connection of its own, with more memory than a server in service would spare."""
    parameters = connection.get_connection_params()
    for ours in ("context", "cursor_factory"):
        parameters.pop(ours, None)
    with psycopg.connect(**parameters, autocommit=True) as own:
        own.execute(f"SET maintenance_work_mem = '{INDEX_MEMORY}'")
        own.execute("SET max_parallel_maintenance_workers = 0")
        own.execute(statement)
