"""How far the index is: which rows are folded, and which buckets there are.

Each event row carries the id of the transaction that wrote it. A fold takes the rows below the oldest transaction
that is still in progress (`pg_snapshot_xmin`): all of those are final. That number is the mark: buckets hold what
lies below it, and what lies above is read from the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from retargeting.interactions.index.layout import DAY, FIRST_HOUR, Kept, day_of, hour_of, month_of

FOLD_LOCK = 7010
"""The advisory lock of whoever changes buckets: one at a time."""

HOURS_KEPT_DAYS = 35
"""So long hours are kept beside days: windows of up to five weeks are read to the hour."""

CLOSING_HOURS = 2
"""A day gets its bucket so long after it is over, when most of what comes late is there."""

TABLES = ("interactions_messageevent", "interactions_customevent", "interactions_arrival")


@dataclass(frozen=True, slots=True)
class State:
    """`generation` tells one index from another that took its place; `mark` is in the numbers of event rows."""

    generation: UUID | None
    fold: int
    mark: int
    kept: Kept
    event_mark: int = 0
    """The mark of custom events, which are folded on their own account."""

    writing: bool = False
    """Whether the transaction around writes: what it sees of the index may be undone, and is not kept in memory."""


EMPTY = State(None, 0, 0, Kept(FIRST_HOUR, FIRST_HOUR, FIRST_HOUR))
"""Before the first fold everything is read from the rows."""


def read() -> State:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generation, fold, mark, event_mark, pg_current_xact_id_if_assigned() IS NOT NULL, "
            "hours_from, days_until, months_until, rows_from FROM interactions_indexstate"
        )
        row = cursor.fetchone()
    if row is None:
        return EMPTY
    generation, fold, mark, event_mark, writing, *kept = row
    return State(generation, fold, mark, Kept(*kept), event_mark, writing)


def write(state: State) -> None:
    kept = state.kept
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE interactions_indexstate
            SET fold = %s, mark = %s, event_mark = %s,
                hours_from = %s, days_until = %s, months_until = %s, rows_from = %s
            """,
            [
                state.fold,
                state.mark,
                state.event_mark,
                kept.hours_from,
                kept.days_until,
                kept.months_until,
                kept.rows_from,
            ],
        )


def start(now: datetime) -> State:
    """The state of an index that is about to hold its first events; what is long past has days and months at once."""
    days_until = day_of(hour_of(now) - CLOSING_HOURS)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO interactions_indexstate
                (id, cluster, xid_offset, mark, fold, hours_from, days_until, months_until, rows_from)
            VALUES (1, (SELECT system_identifier FROM pg_control_system()), 0, 0, 0, %s, %s, %s, %s)
            """,
            [days_until - HOURS_KEPT_DAYS * DAY, days_until, month_of(days_until), FIRST_HOUR],
        )
    return read()


def finished_below() -> int:
    """The number below which each transaction has ended, as event rows carry it; needs a transaction's snapshot."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
            " + coalesce((SELECT xid_offset FROM interactions_indexstate), 0)"
        )
        row = cursor.fetchone()
    assert row
    return int(row[0])


def renew() -> None:
    """Have all processes forget what they keep in memory: the contents may have been replaced by a dump."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE interactions_indexstate SET generation = gen_random_uuid()")


@transaction.atomic
def move_in() -> bool:
    """Go on counting transactions upwards in another cluster; whether it is another one.

    After a dump is restored elsewhere transactions start over from small numbers, below the mark. Event rows from
    then on carry theirs raised by an offset: it is part of the column's default, which only new rows get.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT greatest(mark, event_mark, (SELECT max(transaction) FROM interactions_arrival)) + 1
            FROM interactions_indexstate
            WHERE cluster <> (SELECT system_identifier FROM pg_control_system()) FOR UPDATE
            """
        )
        row = cursor.fetchone()
        if row is None:
            return False
        for table in TABLES:
            cursor.execute(
                f"ALTER TABLE {table} ALTER transaction SET DEFAULT pg_current_xact_id()::text::bigint + {int(row[0])}"
            )
        cursor.execute(
            "UPDATE interactions_indexstate "
            "SET xid_offset = %s, cluster = (SELECT system_identifier FROM pg_control_system())",
            [row[0]],
        )
    return True
