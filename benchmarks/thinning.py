"""A world too large for its rows: message events are folded from memory, and only the rows that questions read exist.

It is the product's own folding that makes the buckets. What is left out is to write a billion rows only for folding to
read them and for the load to delete them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from django.db import transaction
from django.utils import timezone

from benchmarks.copying import copy_message_events
from benchmarks.events import Rows
from benchmarks.loaded import Loaded, folding
from benchmarks.world import DAY, HOUR, World, moment_of
from retargeting.interactions.index import state as states
from retargeting.interactions.index.folding import Group, add_groups, changing_buckets, fold_all


class ThinLoad:
    def __init__(self, world: World, keep: set[int], loaded: Loaded) -> None:
        """With `keep`, the days since 1970 of which rows are written."""
        self.world, self.keep, self.loaded = world, keep, loaded
        self.day: list[Rows] = []
        with folding(loaded):
            fold_all()

    def add(self, rows: Rows) -> None:
        """A batch of one day; the days come in order."""
        if self.day and _day_of(self.day[0]) != _day_of(rows):
            self._fold_day()
        self.day.append(rows)
        if _day_of(rows) in self.keep:
            with transaction.atomic():
                copy_message_events(rows, self.loaded.message_events, self.world.seed)

    def finish(self) -> None:
        """Fold the last day, and raise the mark above all rows: they are in the buckets already."""
        self._fold_day()
        with changing_buckets():
            state = states.read()
            states.write(replace(state, mark=states.finished_below()))

    def _fold_day(self) -> None:
        rows = np.concatenate(self.day)
        self.day = []
        order, starts = _grouped(rows)
        with folding(self.loaded), changing_buckets():
            state = states.read()
            if state.generation is None:
                state = states.start(timezone.now())
            state = replace(state, fold=state.fold + 1)
            add_groups(state.kept, state.fold, _groups(rows, order, starts))
            states.write(state)


def _day_of(rows: Rows) -> int:
    return int(rows["moment"][0] // DAY)


def _grouped(rows: Rows) -> tuple[Rows, Rows]:
    """The order that brings together what lies in the same buckets, and where each group begins in it."""
    keys = rows["orchestration"].astype(np.int64)
    for name, bits in (("step", 20), ("channel", 8), ("event", 8), ("machine", 1)):
        keys = keys << bits | rows[name]
    keys = keys << 5 | rows["moment"] // HOUR % 24
    order = np.argsort(keys, kind="stable")
    return order, np.flatnonzero(np.diff(keys[order], prepend=-1))


def _groups(rows: Rows, order: Rows, starts: Rows) -> Iterator[Group]:
    """Rows of one group stay in the order of time."""
    for places in np.split(order, starts[1:]):
        first, last = rows[places[0]], rows[places[-1]]
        yield Group(
            int(first["orchestration"]),
            int(first["step"]),
            int(first["channel"]),
            int(first["event"]),
            bool(first["machine"]),
            int(first["moment"] // HOUR),
            moment_of(int(first["moment"])),
            moment_of(int(last["moment"])),
            rows["profile"][places],
        )
