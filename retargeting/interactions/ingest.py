"""Writes event rows: by COPY, many at a time, in the transaction of whoever has them.

Nothing is checked here. What comes from outside goes through `actions`, which checks it and knows duplicates; the
sender of messages makes its own ids and calls this directly.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from retargeting.interactions.models import Arrival
from retargeting.interactions.partitions import CUSTOM_EVENTS, MESSAGE_EVENTS, ensure_partitions


class MessageEventRow(NamedTuple):
    """`channel` and `event` are the numbers of CHANNEL_CODES and EVENT_CODES; `occurred_at` carries a zone."""

    id: UUID | str
    profile_id: int
    orchestration_id: int
    step_id: int
    journey_id: int | None
    channel: int
    event: int
    machine: bool
    occurred_at: datetime


class CustomEventRow(NamedTuple):
    id: UUID | str
    profile_id: int
    name: str
    properties: dict[str, Any]
    occurred_at: datetime


_MESSAGE_COLUMNS = "id, profile_id, orchestration_id, step_id, journey_id, channel, event, machine, occurred_at"
_CUSTOM_COLUMNS = "id, profile_id, name, properties, occurred_at"

# What COPY's text format gives a meaning to. JSON writes line ends and tabs as escapes itself.
_NULL = r"\N"
_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def record_message_events(rows: Iterable[MessageEventRow]) -> int:
    """Append the rows; returns how many. An id that is there already at the same moment is an IntegrityError."""
    rows = list(rows)
    moments = [row.occurred_at.astimezone(UTC) for row in rows]
    lines = [
        f"{row.id}\t{row.profile_id}\t{row.orchestration_id}\t{row.step_id}"
        f"\t{_NULL if row.journey_id is None else row.journey_id}"
        f"\t{row.channel}\t{row.event}\t{'t' if row.machine else 'f'}\t{moment.isoformat()}\n"
        for row, moment in zip(rows, moments, strict=True)
    ]
    if rows:
        with transaction.atomic(savepoint=False):
            _copy(MESSAGE_EVENTS, _MESSAGE_COLUMNS, moments, lines)
            note_arrival(min(moments), max(moments), len(rows))
    return len(rows)


def record_custom_events(rows: Iterable[CustomEventRow]) -> int:
    rows = list(rows)
    moments = [row.occurred_at.astimezone(UTC) for row in rows]
    lines = [
        f"{row.id}\t{row.profile_id}\t{row.name.translate(_COPY_ESCAPES)}"
        f"\t{_json(row.properties)}\t{moment.isoformat()}\n"
        for row, moment in zip(rows, moments, strict=True)
    ]
    if rows:
        with transaction.atomic(savepoint=False):
            _copy(CUSTOM_EVENTS, _CUSTOM_COLUMNS, moments, lines)
            note_arrival(min(moments), max(moments), len(rows), custom=True)
    return len(rows)


def note_arrival(first_at: datetime, last_at: datetime, events: int, *, custom: bool = False) -> None:
    """Tell the index of events that this transaction appended; without it nobody looks for them."""
    Arrival.objects.create(first_at=first_at, last_at=last_at, events=events, custom=custom)


def _json(properties: dict[str, Any]) -> str:
    return json.dumps(properties, ensure_ascii=False, allow_nan=False).replace("\\", "\\\\") if properties else "{}"


def _copy(table: str, columns: str, moments: Sequence[datetime], lines: list[str]) -> None:
    if not lines:
        return
    with transaction.atomic(savepoint=False):
        with connection.cursor() as cursor:
            # From here on no partition goes that is found to be there.
            cursor.execute(f"LOCK TABLE ONLY {table} IN ROW EXCLUSIVE MODE")
        ensure_partitions(table, moments)
        with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            copy.write("".join(lines))
