"""Trees to sets: one evaluation gives the count of every node, the members, the sample and the recipients."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import and_, or_

from django.utils import timezone
from pyroaring import BitMap

from retargeting.audiences import leaves
from retargeting.audiences.leaves import Moment
from retargeting.audiences.models import Segment
from retargeting.bitmaps import at_least
from retargeting.conditions import codec
from retargeting.conditions.nodes import (
    AttributeCondition,
    Channel,
    EventCondition,
    Group,
    ListCondition,
    Match,
    MessageCondition,
    Node,
    ReachableCondition,
    SegmentCondition,
)
from retargeting.interactions.reading import snapshot
from retargeting.profiles.sets.reading import EVERYBODY, Sets, reachable_on


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The outcome for one moment. `nodes` maps each node's JSON pointer to its own set; the root's is ""."""

    as_of: datetime
    live: BitMap
    nodes: Mapping[str, BitMap]
    reachable: Mapping[Channel, BitMap]
    took_ms: float

    @property
    def members(self) -> BitMap:
        return self.nodes[""]

    @property
    def counts(self) -> dict[str, int]:
        return {path: len(members) for path, members in self.nodes.items()}

    @property
    def reach(self) -> dict[str, int]:
        """How many members have a usable address, by channel."""
        return {str(channel): self.members.intersection_cardinality(ids) for channel, ids in self.reachable.items()}


def evaluate(tree: Group, *, as_of: datetime | None = None) -> Evaluation:
    """Evaluate a valid tree whose references exist (`references.check`), in one snapshot of the database."""
    started = time.perf_counter()
    with snapshot() as events:
        sets = Sets()
        live, *reached = sets.each([EVERYBODY, *map(reachable_on, Channel)])
        moment = Moment(as_of or timezone.now(), live=live, events=events, sets=sets)
        evaluator = _Evaluator(moment)
        evaluator.visit(tree, "")
    took_ms = (time.perf_counter() - started) * 1000
    return Evaluation(moment.now, live, evaluator.nodes, dict(zip(Channel, reached, strict=True)), took_ms)


@dataclass
class _Evaluator:
    moment: Moment
    nodes: dict[str, BitMap] = field(default_factory=dict)
    leaves: dict[str, BitMap] = field(default_factory=dict)
    segments: dict[int, BitMap] = field(default_factory=dict)

    def visit(self, node: Node, path: str) -> BitMap:
        if isinstance(node, Group):
            parts = [self.visit(child, f"{path}/conditions/{index}") for index, child in enumerate(node.conditions)]
            members = self._combined(node, parts)
        else:
            # By the JSON form, since for Python 1, 1.0 and True are one and the same key.
            key = json.dumps(codec.encode(node), sort_keys=True)
            if key not in self.leaves:
                self.leaves[key] = self._leaf(node) & self.moment.live
            members = self.leaves[key]
        self.nodes[path] = members
        return members

    def _combined(self, group: Group, parts: list[BitMap]) -> BitMap:
        if not parts:
            return self.moment.live
        match group.match:
            case Match.ALL:
                return reduce(and_, parts)
            case Match.ANY:
                return reduce(or_, parts)
            case Match.NONE:
                return self.moment.live - reduce(or_, parts)
            case Match.AT_LEAST:
                return at_least(parts, group.at_least or 1)

    def _leaf(self, node: Node) -> BitMap:
        match node:
            case MessageCondition():
                return leaves.message_people(node, self.moment)
            case EventCondition():
                return leaves.event_people(node, self.moment)
            case AttributeCondition():
                return leaves.attribute_people(node, self.moment)
            case ListCondition():
                return leaves.list_people(node, self.moment)
            case ReachableCondition():
                return leaves.reachable_people(node, self.moment)
            case SegmentCondition(id, member):
                inside = self._segment(id)
                return inside if member else self.moment.live - inside
        raise TypeError(f"not a condition: {node!r}")

    def _segment(self, id: int) -> BitMap:
        """A segment at the same moment as the tree around it. Circles are refused when a segment is saved."""
        if id not in self.segments:
            tree = codec.decode(Segment.objects.get(pk=id).audience)
            inner = _Evaluator(self.moment, leaves=self.leaves, segments=self.segments)
            self.segments[id] = inner.visit(tree, "")
        return self.segments[id]
