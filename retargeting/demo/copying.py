"""Getting many rows into PostgreSQL: by COPY, straight out of numpy where there are a million of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Model

from retargeting.demo.identifiers import uuid_words
from retargeting.demo.people import Ints, Mask, moment_of
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
}
ROW = np.dtype(
    [("fields", ">i2")]
    + [field for name, (kind, _) in COLUMNS.items() for field in ((f"{name}_length", ">i4"), (name, kind))]
)
YEAR_2000 = 946_684_800_000_000
"""Where PostgreSQL begins to count, in microseconds since 1970."""


def copy_message_events(
    rng: np.random.Generator,
    *,
    profile_ids: Ints,
    orchestration_ids: Ints,
    step_ids: Ints,
    channels: Ints,
    events: Ints,
    machine: Mask,
    at: Ints,
) -> None:
    if not len(at):
        return
    rows = np.zeros(len(at), dtype=ROW)
    rows["fields"] = len(COLUMNS)
    for name, (_, length) in COLUMNS.items():
        rows[f"{name}_length"] = length
    rows["occurred_at"] = at - YEAR_2000
    rows["id"]["f0"], rows["id"]["f1"] = uuid_words(rng, at)
    for name, column in (
        ("profile_id", profile_ids),
        ("orchestration_id", orchestration_ids),
        ("step_id", step_ids),
        ("channel", channels),
        ("event", events),
        ("machine", machine),
    ):
        rows[name] = column
    ensure_partitions(MESSAGE_EVENTS, {moment_of(day * 86_400_000_000) for day in np.unique(at // 86_400_000_000)})
    statement = f"COPY {MESSAGE_EVENTS} ({', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(SIGNATURE + rows[np.argsort(at, kind="stable")].tobytes() + END)
    if len(at):
        note_arrival(moment_of(int(at.min())), moment_of(int(at.max())), len(at))


def copy_rows(model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Rows of any model; columns are those of its table, JSON is given as text."""
    statement = f"COPY {model._meta.db_table} ({', '.join(columns)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def copy_lines(model: type[Model], columns: Sequence[str], lines: Sequence[str]) -> None:
    """The same with rows that are text already, for values that hold nothing COPY would take for its own."""
    statement = f"COPY {model._meta.db_table} ({', '.join(columns)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write("".join(lines))
