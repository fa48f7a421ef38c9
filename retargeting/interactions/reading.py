"""Which people have events: the one question that conditions ask of the event store.

Everything a condition can test is made of `people_with` and `people_with_event`: how many events of a kind fall into
a window of time, and whose number of them lies in a range. Nobody else reads event rows for conditions, so that
another store can take this one's place.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from pyroaring import BitMap

from retargeting.bitmaps import fetch_bitmap
from retargeting.conditions.nodes import Channel, Interaction
from retargeting.interactions.models import CHANNEL_CODES, EVENT_CODES

TICK = timedelta(microseconds=1)
"""The resolution of time: windows are half-open, so one tick turns an included edge into an excluded one."""


@dataclass(frozen=True, slots=True)
class Window:
    """The moments t with start ≤ t < end; None is open."""

    start: datetime | None = None
    end: datetime | None = None

    @property
    def is_empty(self) -> bool:
        return self.start is not None and self.end is not None and self.start >= self.end


@dataclass(frozen=True, slots=True)
class Selector:
    """Which message events count: those to which each restriction that is given applies; None does not restrict.

    `machine`: True only opens and clicks by machines, False only by people, None both.
    """

    event: Interaction
    machine: bool | None = None
    orchestrations: tuple[int, ...] | None = None
    steps: tuple[int, ...] | None = None
    channels: tuple[Channel, ...] | None = None


@contextlib.contextmanager
def snapshot() -> Iterator[None]:
    """One consistent view of the database for several reads, unless a transaction is already open."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def people_with(selector: Selector, window: Window, *, low: int = 1, high: int | None = None) -> BitMap:
    """The people whose number of selected events in `window` lies between `low` (≥ 1) and `high`, both included.

    The ids may include people who are not live any more.
    """
    where, params = ["event = %s"], [EVENT_CODES[selector.event]]  # type: list[str], list[Any]
    if selector.machine is not None:
        where.append("machine" if selector.machine else "NOT machine")
    for column, values in (
        ("orchestration_id", selector.orchestrations),
        ("step_id", selector.steps),
        ("channel", None if selector.channels is None else [CHANNEL_CODES[name] for name in selector.channels]),
    ):
        if values is not None:
            where.append(f"{column} = ANY(%s)")
            params.append(list(values))
    return _people("interactions_messageevent", where, params, window, low, high)


def people_with_event(
    name: str,
    window: Window,
    *,
    where: Sequence[tuple[str, Sequence[Any]]] = (),
    low: int = 1,
    high: int | None = None,
) -> BitMap:
    """As `people_with`, for custom events. `where` holds SQL conditions on `properties`, each with its parameters."""
    conditions = ["name = %s", *(f"({sql})" for sql, _ in where)]
    params = [name, *(value for _, values in where for value in values)]
    return _people("interactions_customevent", conditions, params, window, low, high)


def _people(table: str, where: list[str], params: list[Any], window: Window, low: int, high: int | None) -> BitMap:
    if low < 1:
        raise ValueError("people without events have no rows to count")
    if window.is_empty or (high is not None and high < low):
        return BitMap()
    if window.start is not None:
        where, params = [*where, "occurred_at >= %s"], [*params, window.start]
    if window.end is not None:
        where, params = [*where, "occurred_at < %s"], [*params, window.end]
    query = f"SELECT profile_id FROM {table} WHERE {' AND '.join(where)}"  # noqa: S608  (fixed words and placeholders)
    if low > 1 or high is not None:
        query += " GROUP BY profile_id HAVING count(*) >= %s"
        params = [*params, low]
        if high is not None:
            query += " AND count(*) <= %s"
            params = [*params, high]
    return fetch_bitmap(query, params)
