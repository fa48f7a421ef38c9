"""Warnings before saving: trees that are valid and yet surely not what was meant.

Only what is certain from the tree alone is said: a group that everyone or nobody matches, and a condition said twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from retargeting.conditions.encoding import encode
from retargeting.conditions.nodes import (
    Among,
    AttributeCondition,
    Condition,
    EntryCondition,
    EventCondition,
    Group,
    ListCondition,
    Match,
    MessageCondition,
    Node,
    Occurred,
    ReachableCondition,
    SegmentCondition,
    ValueOperator,
)
from retargeting.conditions.operators import INTERACTIONS, VALUE_OPERATORS
from retargeting.conditions.values import comparable


def warnings(group: Group, path: str = "") -> list[tuple[str, str]]:
    """(JSON pointer, what is wrong) for each, in the order of the tree; of a pair the later one is pointed at."""
    return list(_warnings(group, path))


def _warnings(group: Group, path: str) -> Iterator[tuple[str, str]]:
    for (_, first), (index, second) in combinations(enumerate(group.conditions), 2):
        message = _about_pair(group.match, first, second)
        if message:
            yield f"{path}/conditions/{index}", message
    for index, node in enumerate(group.conditions):
        if isinstance(node, Group):
            yield from _warnings(node, f"{path}/conditions/{index}")


def _about_pair(match: Match, first: Node, second: Node) -> str | None:
    if _key(first) == _key(second):
        return "This is the same condition as one before it in this group."
    if match is Match.ALL and _never_both(first, second):
        return "Nobody can match this together with a condition before it: use “any of these”, or remove one."
    if match in (Match.ANY, Match.NONE) and _always_one(first, second):
        who = "Everyone matches" if match is Match.ANY else "Nobody can be left after"
        return f"{who} this or a condition before it: did you mean “all of these”?"
    return None


def _key(node: Node) -> str:
    """Equal for nodes with equal meaning as written; nodes themselves take 1 and true for equal."""
    return json.dumps(encode(node), sort_keys=True)


def _never_both(first: Node, second: Node) -> bool:
    if _opposites(first, second):
        return True
    for node, other in ((first, second), (second, first)):
        if isinstance(node, Group) and node.match is Match.NONE:
            return any(_key(child) == _key(other) for child in node.conditions)
    return _two_values(first, second, ValueOperator.IS, unset=False)


def _always_one(first: Node, second: Node) -> bool:
    if _two_values(first, second, ValueOperator.IS_NOT, unset=True):
        return True
    return _opposites(first, second) and _covers_everyone(first)


def _two_values(first: Node, second: Node, operator: ValueOperator, *, unset: bool) -> bool:
    """Whether both compare one value by `operator` with different ones, at least one treating unset so.

    "is A and is B" is nobody unless both take people without a value in; "is not A or is not B" is everyone
    unless both leave them out.
    """
    if not isinstance(first, VALUED) or not isinstance(second, VALUED):
        return False
    if _value_of(first) != _value_of(second):
        return False
    if first.comparison.operator is not operator or second.comparison.operator is not operator:
        return False
    if comparable(first.comparison.value) == comparable(second.comparison.value):
        return False
    return unset in (_takes_unset(first), _takes_unset(second))


VALUED = (AttributeCondition, EntryCondition)


def _value_of(node: AttributeCondition | EntryCondition) -> tuple[type, str]:
    return type(node), node.attribute if isinstance(node, AttributeCondition) else node.property


def _takes_unset(node: AttributeCondition | EntryCondition) -> bool:
    return VALUE_OPERATORS[node.comparison.operator].negation if node.unset is None else node.unset


def _opposites(first: Node, second: Node) -> bool:
    opposite = None if isinstance(first, Group) else _opposite(first)
    return opposite is not None and _key(opposite) == _key(second)


def _opposite(node: Condition) -> Condition | None:
    """The condition that is written as the exact contrary."""
    match node:
        case SegmentCondition() | ListCondition():
            return replace(node, member=not node.member)
        case ReachableCondition():
            return replace(node, value=not node.value)
        case MessageCondition(test=Occurred()) | EventCondition(test=Occurred()):
            assert isinstance(node.test, Occurred)
            return replace(node, test=Occurred(not node.test.value))
        case AttributeCondition(unset=None) | EntryCondition(unset=None):
            contrary = CONTRARY.get(node.comparison.operator)
            if contrary is None:
                return None
            return replace(node, comparison=replace(node.comparison, operator=contrary))
        case _:
            return None


_PAIRS = (
    (ValueOperator.IS, ValueOperator.IS_NOT),
    (ValueOperator.ONE_OF, ValueOperator.NONE_OF),
    (ValueOperator.CONTAINS, ValueOperator.NOT_CONTAINS),
    (ValueOperator.IS_SET, ValueOperator.IS_NOT_SET),
    (ValueOperator.HAS, ValueOperator.HAS_NOT),
)
CONTRARY = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}
"""The operator that holds where this one does not; those without one are not here."""


def _covers_everyone(node: Node) -> bool:
    """Whether a condition and its opposite are everyone: not where they look among recipients only."""
    if isinstance(node, MessageCondition):
        return not INTERACTIONS[node.event].among or node.among is Among.EVERYONE
    return True
