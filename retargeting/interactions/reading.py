"""Which people have events: the one question that conditions ask of the event store.

Everything a condition can test is made of the two questions of `Events`: how many events of a kind fall into a window
of time, and whose number of them lies in a range. Message events are answered by the index, custom events from columns
of theirs. Nobody else reads events for conditions, so that another store can take this one's place.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from pyroaring import BitMap

from retargeting.conditions.nodes import Channel, Interaction
from retargeting.interactions.columns.lookup import EventLookup
from retargeting.interactions.columns.lookup import PropertyTest as PropertyTest
from retargeting.interactions.index.layout import TICK as TICK
from retargeting.interactions.index.lookup import Lookup, Stretch
from retargeting.interactions.index.state import FOLD_LOCK
from retargeting.interactions.index.storage import Groups, Words
from retargeting.interactions.models import CHANNEL_CODES, EVENT_CODES, EVENTS_BY_CODE

KEEP_ROWS = "LOCK TABLE ONLY interactions_messageevent IN ACCESS SHARE MODE"
"""A month that is dropped is gone for older views as well, so it is not dropped while somebody reads."""


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


class Events:
    """Answers of one moment of the database; see `snapshot`. They may hold ids of people who are not live any more."""

    def __init__(self) -> None:
        self._lookup = Lookup()
        self._event_lookup = EventLookup(self._lookup.state)

    def people_with(self, selector: Selector, window: Window, *, low: int = 1, high: int | None = None) -> BitMap:
        """The people whose number of selected events in `window` lies in `low` (≥ 1) … `high`, both included."""
        if _nobody(window, low, high):
            return BitMap()
        channels = selector.channels
        words = Words(
            EVENT_CODES[selector.event],
            selector.machine,
            None if channels is None else tuple(sorted({CHANNEL_CODES[name] for name in channels})),
            selector.orchestrations,
            selector.steps,
        )
        return self._lookup.people(words, Stretch(window.start, window.end), low, high)

    def totals(
        self, column: str, ids: Sequence[int], *, events: Collection[Interaction], machine: bool | None
    ) -> dict[tuple[int, Interaction], tuple[int, int]]:
        """For each of `ids` (of `column`: orchestration_id or step_id) and event: how many people and events."""
        codes = tuple(sorted(EVENT_CODES[event] for event in events))
        found = self._lookup.totals(Groups(column, tuple(ids), codes, machine))
        return {(id, EVENTS_BY_CODE[code]): numbers for (id, code), numbers in found.items()}

    def people_with_event(
        self,
        name: str,
        window: Window,
        *,
        where: Sequence[PropertyTest] = (),
        low: int = 1,
        high: int | None = None,
    ) -> BitMap:
        """As `people_with`, for custom events of which all of `where` holds."""
        if _nobody(window, low, high):
            return BitMap()
        return self._event_lookup.people(name, where, Stretch(window.start, window.end), low, high)


@contextlib.contextmanager
def snapshot() -> Iterator[Events]:
    """One consistent view of the database for several questions.

    In a transaction that is open already folds are held off until it ends, since its view may move on between two
    questions.
    """
    if connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [FOLD_LOCK])
            cursor.execute(KEEP_ROWS)
        yield Events()
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute(KEEP_ROWS)
        yield Events()


def _nobody(window: Window, low: int, high: int | None) -> bool:
    if low < 1:
        raise ValueError("people without events have no rows to count")
    return window.is_empty or (high is not None and high < low)
