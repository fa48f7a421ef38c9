"""What time alone does: when a verdict turns if nothing happens.

Between the moments at which an age reaches the length of a window nothing can change, so those few are tried.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from retargeting.conditions.facts import EventFact, InteractionFact, Person
from retargeting.conditions.nodes import (
    AttributeCondition,
    Comparison,
    CountSince,
    EntryCondition,
    EventCondition,
    LastEventAge,
    MessageCondition,
    Test,
)
from retargeting.conditions.operators import bounds, length
from retargeting.conditions.person import evaluate, event_history, message_history
from retargeting.conditions.unfolded import Leaf, Part, holds, leaves
from retargeting.conditions.values import JSON, parse_date

HORIZON = timedelta(days=36_500)
"""Further ahead nobody looks, and calendars end."""


@dataclass(frozen=True)
class Turn:
    """The moment from which on the verdict is another, the leaf that turns it, and what of it had become too old."""

    at: datetime
    leaf: Leaf
    fact: InteractionFact | EventFact | None


@dataclass(frozen=True)
class _Course:
    """Whether a leaf holds: `met[i]` from `moments[i]` on. The first moment is now."""

    moments: Sequence[datetime]
    met: Sequence[bool]

    def at(self, moment: datetime) -> bool:
        return self.met[bisect_right(self.moments, moment) - 1]


def first_turn(root: Part, person: Person, now: datetime) -> Turn | None:
    """When the whole turns first, for somebody of whom only what has happened is known; None for never."""
    courses = {leaf: _course(leaf, person) for leaf in leaves(root)}
    moments = sorted({moment for course in courses.values() for moment in course.moments})

    def whole(moment: datetime) -> bool:
        return holds(root, lambda leaf: courses[leaf].at(moment))

    for previous, moment in pairwise(moments):
        if whole(moment) is not whole(now):
            turned = [leaf for leaf, course in courses.items() if course.at(previous) != course.at(moment)]
            leaf = next((leaf for leaf in turned if _decides(leaf, root, courses, moment)), turned[0])
            return Turn(moment, leaf, _expired(leaf, person, moment))
    return None


def _decides(one: Leaf, root: Part, courses: dict[Leaf, _Course], moment: datetime) -> bool:
    """Whether the whole would not turn without this leaf."""
    after = holds(root, lambda leaf: courses[leaf].at(moment))
    without = holds(root, lambda leaf: courses[leaf].at(moment) is not (leaf is one))
    return after is not without


def _course(leaf: Leaf, person: Person) -> _Course:
    now = leaf.context.now
    ahead = {moment for moment in _turning_points(leaf, person) if now < moment < now + HORIZON}
    moments = [now, *sorted(ahead)]
    return _Course(moments, [evaluate(leaf.node, person, replace(leaf.context, now=moment)).met for moment in moments])


def _turning_points(leaf: Leaf, person: Person) -> Iterator[datetime]:
    """Every moment at which the leaf may turn; others may be among them."""
    node, context = leaf.node, leaf.context
    match node:
        case MessageCondition():
            history = message_history(node, person, context)
            yield from _expiries(node.test, [fact.occurred_at for fact in history.happened], context.now)
        case EventCondition():
            if any(item.comparison.ago is not None for item in node.where):
                yield from _fitting_points(node, person)
            else:
                happened = event_history(node, person, context)
                yield from _expiries(node.test, [fact.occurred_at for fact in happened], context.now)
        case AttributeCondition():
            yield from _ages(person.attributes.get(node.attribute), node.comparison)
        case EntryCondition():
            yield from _ages(context.entry.get(node.property), node.comparison)


def _expiries(test: Test, moments: Sequence[datetime], now: datetime) -> Iterator[datetime]:
    """When events become too old for the test; of a count just those at which it can pass one of its bounds."""
    if isinstance(test, LastEventAge) and moments:
        yield moments[-1] + length(test.ago)
    if isinstance(test, CountSince) and test.window is not None:
        window = length(test.window)
        inside = [moment for moment in moments if now - moment < window]
        low, high = bounds(test.count)
        for left in {low - 1, low, high}:
            if 0 <= left < len(inside):
                yield inside[len(inside) - left - 1] + window


def _fitting_points(node: EventCondition, person: Person) -> Iterator[datetime]:
    """Where events fit for a time only, each moment at which one starts or ends to, or leaves the window."""
    test = node.test
    ago = test.ago if isinstance(test, LastEventAge) else test.window if isinstance(test, CountSince) else None
    for fact in person.events:
        if fact.event == node.event:
            if ago is not None:
                yield fact.occurred_at + length(ago)
            for item in node.where:
                yield from _ages(fact.properties.get(item.property), item.comparison)


def _ages(value: JSON, comparison: Comparison) -> Iterator[datetime]:
    """When a date begins to be past, and when it comes to the age that it is compared with."""
    moment = parse_date(value)
    if comparison.ago is None or moment is None:
        return
    yield moment
    # A date at the end of the calendar never comes to an age.
    try:
        yield moment + length(comparison.ago)
    except OverflowError:
        return


def _expired(leaf: Leaf, person: Person, moment: datetime) -> InteractionFact | EventFact | None:
    node = leaf.node
    if not isinstance(node, MessageCondition | EventCondition):
        return None
    test = node.test
    ago = test.ago if isinstance(test, LastEventAge) else test.window if isinstance(test, CountSince) else None
    if ago is None:
        return None
    if isinstance(node, MessageCondition):
        happened: Sequence[InteractionFact | EventFact] = message_history(node, person, leaf.context).happened
    else:
        happened = event_history(node, person, leaf.context)
    return next((fact for fact in happened if fact.occurred_at + length(ago) == moment), None)
