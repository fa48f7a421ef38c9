"""The monthly partitions of the event tables, made when the first event of a month arrives."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import connection, transaction

MESSAGE_EVENTS = "interactions_messageevent"
CUSTOM_EVENTS = "interactions_customevent"

Month = tuple[int, int]


def partition_name(table: str, month: Month) -> str:
    return f"{table}_y{month[0]}m{month[1]:02}"


def ensure_partitions(table: str, moments: Iterable[datetime]) -> None:
    """Make the partitions that rows at `moments` (aware, in UTC) need.

    Asks the catalogue every time (a fraction of a millisecond): a memory of our own would be wrong after a rollback
    and after a partition was dropped. The lock lets one transaction at a time make partitions and stands in nobody
    else's way; taking a lock on a table is also what tells this session of partitions that others have just made.
    """
    months = sorted({(moment.year, moment.month) for moment in moments})
    if not months or not _missing(table, months):
        return
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute(f'LOCK TABLE ONLY "{table}" IN SHARE UPDATE EXCLUSIVE MODE')
        for month in _missing(table, months):
            _create(table, month)


def months_of(table: str) -> list[Month]:
    """The months that have a partition, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT substring(inhrelid::regclass::text FROM 'y(\\d+)m'), right(inhrelid::regclass::text, 2) "
            "FROM pg_inherits WHERE inhparent = %s::regclass",
            [table],
        )
        return sorted((int(year), int(month)) for year, month in cursor.fetchall())


def _missing(table: str, months: list[Month]) -> list[Month]:
    names = {partition_name(table, month): month for month in months}
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NULL", [list(names)])
        return sorted(names[name] for (name,) in cursor.fetchall())


def _create(table: str, month: Month) -> None:
    """Made apart and then attached: that lets others read and write the table meanwhile, PARTITION OF does not."""
    year, number = month
    following = (year + number // 12, number % 12 + 1)
    name = partition_name(table, month)
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE TABLE "{name}" (LIKE "{table}" INCLUDING ALL)')
        cursor.execute(
            f'ALTER TABLE "{table}" ATTACH PARTITION "{name}" '
            f"FOR VALUES FROM ('{year}-{number:02}-01 00:00+00') TO ('{following[0]}-{following[1]:02}-01 00:00+00')"
        )
