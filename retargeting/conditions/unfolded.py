"""A tree with the trees of its segments in their place, so that each question in it can be asked by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from retargeting.conditions.facts import Context
from retargeting.conditions.nodes import (
    AttributeCondition,
    EntryCondition,
    EventCondition,
    Group,
    ListCondition,
    Match,
    MessageCondition,
    Node,
    ReachableCondition,
    SegmentCondition,
)
from retargeting.conditions.person import group_holds

Question = MessageCondition | EventCondition | AttributeCondition | EntryCondition | ListCondition | ReachableCondition


@dataclass(frozen=True, eq=False)
class Leaf:
    """`path` leads to it in the tree, or to the condition that names the `segment` it stands in."""

    node: Question
    path: str
    context: Context
    segment: str = ""


@dataclass(frozen=True, eq=False)
class Branch:
    group: Group
    parts: tuple[Part, ...]


Part = Leaf | Branch


def unfolded(node: Node, context: Context, path: str = "", segment: str = "") -> Part:
    """KeyError if `context.segments` lacks a segment the node refers to."""
    if isinstance(node, Group):
        parts = enumerate(node.conditions)
        # Inside a segment all is at the place of the segment.
        places = ((child, path if segment else f"{path}/conditions/{index}") for index, child in parts)
        return Branch(node, tuple(unfolded(child, context, place, segment) for child, place in places))
    if isinstance(node, SegmentCondition):
        tree, name = context.segments[node.id], segment or context.names.segment(node.id)
        whole = Group(Match.ALL if node.member else Match.NONE, (tree,))
        return Branch(whole, (unfolded(tree, context.everywhere, path, name),))
    return Leaf(node, path, context, segment)


def leaves(part: Part) -> Iterator[Leaf]:
    if isinstance(part, Leaf):
        yield part
    else:
        for inner in part.parts:
            yield from leaves(inner)


def holds(part: Part, of: Callable[[Leaf], bool]) -> bool:
    """Whether the whole holds, when of the leaves those do."""
    return span(part, lambda leaf: (met := of(leaf), met))[0]


def span(part: Part, of: Callable[[Leaf], tuple[bool, bool]]) -> tuple[bool, bool]:
    """(whether it holds for sure, whether it can hold), from the same of each leaf."""
    if isinstance(part, Leaf):
        return of(part)
    spans = [span(inner, of) for inner in part.parts]
    surely = group_holds(part.group, sum(low for low, _ in spans))
    perhaps = group_holds(part.group, sum(high for _, high in spans))
    # The more of its conditions hold, the less a "none of" does.
    return (perhaps, surely) if part.group.match is Match.NONE else (surely, perhaps)
