"""What a tree refers to: whether it exists, what it is called, and whether it can do what is asked of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from retargeting.audiences.models import Segment
from retargeting.conditions import codec
from retargeting.conditions.errors import ConditionError, ConditionErrors
from retargeting.conditions.nodes import (
    AutomationTarget,
    CampaignTarget,
    Group,
    LabelTarget,
    ListCondition,
    MessageCondition,
    Node,
    SegmentCondition,
    StepTarget,
)
from retargeting.conditions.operators import CHANNELS, INTERACTIONS
from retargeting.orchestrations.models import Kind, Label, MessageStep, Orchestration
from retargeting.profiles.models import ProfileList


@dataclass
class References:
    """The ids in a tree and, once looked up, the names of those that exist. Serves as the `Names` of a sentence."""

    orchestrations: dict[int, str] = field(default_factory=dict)
    kinds: dict[int, str] = field(default_factory=dict)
    steps: dict[tuple[int, str], str] = field(default_factory=dict)
    channels: dict[tuple[int, str], str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    segments: dict[int, str] = field(default_factory=dict)
    trees: dict[int, Group] = field(default_factory=dict)
    lists: dict[int, str] = field(default_factory=dict)

    def campaign(self, id: int) -> str:
        return self.orchestrations.get(id, f"campaign {id}")

    def automation(self, id: int) -> str:
        return self.orchestrations.get(id, f"automation {id}")

    def step(self, automation: int, key: str) -> str:
        return self.steps.get((automation, key)) or key

    def label(self, code: str) -> str:
        return self.labels.get(code, code)

    def segment(self, id: int) -> str:
        return self.segments.get(id, f"segment {id}")

    def list(self, id: int) -> str:
        return self.lists.get(id, f"list {id}")

    def channels_of(self, ids: Iterable[int], keys: Iterable[str] | None = None) -> set[str]:
        """The channels on which these orchestrations send; `keys` narrows to those steps."""
        wanted, keys = set(ids), None if keys is None else set(keys)
        return {
            channel for (id, key), channel in self.channels.items() if id in wanted and (keys is None or key in keys)
        }


def walk(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every node of the tree with its JSON pointer, parents first."""
    yield path, node
    if isinstance(node, Group):
        for index, child in enumerate(node.conditions):
            yield from walk(child, f"{path}/conditions/{index}")


def look_up(tree: Group) -> References:
    """Find what `tree` and the segments inside it refer to; four to six queries, whatever its size."""
    references = References()
    _load_segments(references, [tree])
    nodes = [node for root in (tree, *references.trees.values()) for _, node in walk(root)]
    targets = [node.target for node in nodes if isinstance(node, MessageCondition)]
    ids = {id for target in targets if isinstance(target, CampaignTarget | AutomationTarget) for id in target.ids}
    ids |= {target.automation for target in targets if isinstance(target, StepTarget)}
    codes = {code for target in targets if isinstance(target, LabelTarget) for code in target.codes}
    lists = {node.id for node in nodes if isinstance(node, ListCondition)}
    if ids:
        for id, name, kind in Orchestration.objects.filter(id__in=ids).values_list("id", "name", "kind"):
            references.orchestrations[id], references.kinds[id] = name, kind
        steps = MessageStep.objects.filter(orchestration__in=ids)
        for id, key, name, channel in steps.values_list("orchestration_id", "key", "name", "channel"):
            references.steps[id, key], references.channels[id, key] = name, channel
    if codes:
        references.labels = dict(Label.objects.filter(code__in=codes).values_list("code", "name"))
    if lists:
        references.lists = dict(ProfileList.objects.filter(id__in=lists).values_list("id", "name"))
    return references


def _load_segments(references: References, trees: list[Group]) -> None:
    """Load the segments that `trees` name, then those that these name, and so on; a circle ends by itself."""
    wanted = {node.id for tree in trees for _, node in walk(tree) if isinstance(node, SegmentCondition)}
    wanted -= references.segments.keys()
    if not wanted:
        return
    found = []
    for segment in Segment.objects.filter(id__in=wanted):
        references.segments[segment.id] = segment.name
        references.trees[segment.id] = codec.decode(segment.audience)
        found.append(references.trees[segment.id])
    _load_segments(references, found)


def check(tree: Group, *, path: str = "", segment: Segment | None = None) -> References:
    """Look the references up and refuse what does not exist or cannot be; `path` leads to the tree in the request.

    `segment` is the one that `tree` is going to be saved as: a tree that leads back to it is a circle.
    Raises ConditionErrors with every mistake.
    """
    references = look_up(tree)
    errors = [error for place, node in walk(tree, path) for error in _mistakes(node, place, references)]
    if segment is not None and segment.pk is not None and (circle := _circle(tree, segment.pk, references)):
        names = " → ".join([segment.name, *(references.segment(id) for id in circle)])
        errors.append(ConditionError(path, f"this segment would contain itself: {names}"))
    if errors:
        raise ConditionErrors(errors)
    return references


def _mistakes(node: Node, path: str, references: References) -> Iterator[ConditionError]:
    match node:
        case SegmentCondition(id) if id not in references.segments:
            yield ConditionError(f"{path}/id", f"segment {id} does not exist")
        case ListCondition(id) if id not in references.lists:
            yield ConditionError(f"{path}/id", f"list {id} does not exist")
        case MessageCondition(target=target):
            missing = list(_missing(target, f"{path}/target", references))
            yield from missing or _unfit(node, path, references)


def _missing(target: object, path: str, references: References) -> Iterator[ConditionError]:
    match target:
        case CampaignTarget(ids) | AutomationTarget(ids):
            kind = Kind.CAMPAIGN if isinstance(target, CampaignTarget) else Kind.AUTOMATION
            for index, id in enumerate(ids):
                if references.kinds.get(id) != kind:
                    yield ConditionError(f"{path}/ids/{index}", f"{kind} {id} does not exist")
        case StepTarget(automation, keys):
            if references.kinds.get(automation) != Kind.AUTOMATION:
                yield ConditionError(f"{path}/automation", f"automation {automation} does not exist")
                return
            for index, key in enumerate(keys):
                if not key or (automation, key) not in references.steps:
                    name = references.automation(automation)
                    yield ConditionError(f"{path}/keys/{index}", f"the automation {name} has no message step {key!r}")
        case LabelTarget(codes):
            for index, code in enumerate(codes):
                if code not in references.labels:
                    yield ConditionError(f"{path}/codes/{index}", f"label {code!r} does not exist")


def _unfit(node: MessageCondition, path: str, references: References) -> Iterator[ConditionError]:
    """A target of one channel can only have the events that exist on it."""
    match node.target:
        case CampaignTarget(ids) | AutomationTarget(ids):
            channels = references.channels_of(ids)
        case StepTarget(automation, keys):
            channels = references.channels_of([automation], keys)
        case _:
            return
    row = INTERACTIONS[node.event]
    if len(channels) == 1 and not channels & set(row.channels):
        [channel] = channels
        allowed = ", ".join(event for event, other in INTERACTIONS.items() if channel in other.channels)
        label = next(row.label for name, row in CHANNELS.items() if name == channel)
        yield ConditionError(f"{path}/event", f"{label} has no {node.event} events; choose one of {allowed}")


def _circle(tree: Group, origin: int, references: References, seen: tuple[int, ...] = ()) -> tuple[int, ...]:
    """The ids on a way from `tree` back to the segment `origin`, or nothing."""
    for _, node in walk(tree):
        if not isinstance(node, SegmentCondition) or node.id in seen:
            continue
        way = (*seen, node.id)
        if node.id == origin:
            return way
        if node.id in references.trees and (found := _circle(references.trees[node.id], origin, references, way)):
            return found
    return ()
