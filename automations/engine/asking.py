"""Answers about the people of a batch: a condition is asked once for all of them, by the audience engine.

Only what asks about "this journey" cannot be answered by people, since somebody may be on several ways: that is read
from the events that carry the journeys of the batch. Nothing here is in a transaction that writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import and_, or_
from zlib import crc32

import numpy as np
import numpy.typing as npt

from automations.engine.batch import Batch, Mask, Rows
from automations.engine.deciding import Trouble
from automations.engine.entries import mask
from automations.engine.occurrences import Occurrences
from automations.graph.nodes import ClockTime
from automations.timing import next_clock_time
from retargeting.audiences import references
from retargeting.audiences.engine import evaluate
from retargeting.channels.registry import config_of
from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.nodes import (
    Channel,
    EntryCondition,
    Group,
    Match,
    MessageCondition,
    Node,
    Scope,
    StepTarget,
)
from retargeting.conditions.operators import CHANNELS
from retargeting.messaging.draws import Purpose, lots
from retargeting.messaging.zones import people_by_zone, zone_of


def sees_this_journey(node: Node, automation: int) -> bool:
    """Whether it asks about the events of one way through `automation` alone."""
    return (
        isinstance(node, MessageCondition)
        and isinstance(node.target, StepTarget)
        and node.target.automation == automation
        and node.scope is not Scope.EVER
    )


@dataclass(slots=True)
class Asker:
    """The world of one batch; see `deciding.World`."""

    batch: Batch

    def holds(self, condition: Group) -> Mask:
        try:
            references.check(condition)
        except ConditionErrors as errors:
            raise Trouble("; ".join(error.message for error in errors.errors)) from errors
        return _Tree(self.batch, condition).visit(condition)

    def lots(self, step: str) -> npt.NDArray[np.float64]:
        seed = crc32(f"{self.batch.automation}/{step}".encode())
        return lots(self.batch.profiles, Purpose.RANDOM_SPLIT, seed)

    def next_time(self, until: ClockTime, rows: Rows) -> list[tuple[datetime, Rows]]:
        rest = np.zeros(len(self.batch), dtype=bool)
        rest[rows] = True
        found = []
        for name, people in people_by_zone(self.batch.people).items():
            theirs = self.batch.of_people(people) & rest
            rest &= ~theirs
            moment = next_clock_time(until, self.batch.now, zone_of(name, until.time_zone))
            found.append((moment, np.flatnonzero(theirs)))
        # Somebody who has been erased meanwhile has no zone and, in a moment, no journey.
        return [*found, (self.batch.now, np.flatnonzero(rest))]

    def check_channel(self, channel: str) -> None:
        if not config_of(channel).enabled:
            label = next(row.label for name, row in CHANNELS.items() if name == Channel(channel))
            raise Trouble(f"{label} is switched off.")


class _Tree:
    """One tree over a batch: what is about people is evaluated in one go when the first of it is needed."""

    def __init__(self, batch: Batch, tree: Group) -> None:
        self.batch = batch
        nodes = [node for _, node in references.walk(tree)]
        own = [
            node for node in nodes if isinstance(node, MessageCondition) and sees_this_journey(node, batch.automation)
        ]
        leaves = [
            node
            for node in nodes
            if not isinstance(node, Group | EntryCondition) and not sees_this_journey(node, batch.automation)
        ]
        # By the node itself, since for Python 1, 1.0 and True are one and the same key.
        self.masks: dict[int, Mask] = {}
        if leaves:
            evaluation = evaluate(Group(Match.ANY, tuple(leaves)), as_of=batch.now)
            for index, leaf in enumerate(leaves):
                self.masks[id(leaf)] = batch.of_people(evaluation.nodes[f"/conditions/{index}"])
        if own:
            occurrences = Occurrences(batch, own)
            self.masks |= {id(node): occurrences.mask(node) for node in own}
        self.masks |= {id(node): mask(batch, node) for node in nodes if isinstance(node, EntryCondition)}

    def visit(self, node: Node) -> Mask:
        if not isinstance(node, Group):
            return self.masks[id(node)]
        parts = [self.visit(child) for child in node.conditions]
        if not parts:
            return np.ones(len(self.batch), dtype=bool)
        match node.match:
            case Match.ALL:
                return reduce(and_, parts)
            case Match.ANY:
                return reduce(or_, parts)
            case Match.NONE:
                return ~reduce(or_, parts)
            case Match.AT_LEAST:
                enough: Mask = np.sum(parts, axis=0) >= (node.at_least or 1)
                return enough
