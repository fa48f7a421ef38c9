"""The one thing that would turn a verdict: the moment at which time does it, or the smallest single change.

A change is named only after the whole tree has been evaluated for the person with it, and a moment only after it has
been evaluated at it; so what is named is true. That nothing is named means that none of the changes worth trying
(`suppositions`, and of these the smallest thousand) does it alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice

from retargeting.conditions.course import Turn, first_turn
from retargeting.conditions.edits import Edit, Events, narrowed
from retargeting.conditions.facts import Context, InteractionFact, Person
from retargeting.conditions.nodes import (
    AttributeCondition,
    CountSince,
    EntryCondition,
    EventCondition,
    Group,
    LastEventAge,
    Match,
    MessageCondition,
    Node,
)
from retargeting.conditions.operators import INTERACTIONS
from retargeting.conditions.person import Verdict, evaluate
from retargeting.conditions.phrases import comparison_words, duration_words, entry_words
from retargeting.conditions.reasons import instant_words
from retargeting.conditions.saying import one_message
from retargeting.conditions.suppositions import Ground, Supposition, suppositions
from retargeting.conditions.unfolded import Leaf, Part, leaves, span, unfolded

MOST_TRIED = 1_000
"""So many changes that could do are evaluated, the smallest first."""


@dataclass(frozen=True)
class Outlook:
    """What turns the verdict on one person.

    At `at`, if nothing happens until then; or else, for somebody who is not in, by `change`, which makes them `after`.
    `path` leads to the condition that turns, and `words` say it. Neither: members stay, and of others `missing`
    conditions at least would have to be otherwise.
    """

    member: bool
    missing: int
    words: str = ""
    path: str | None = None
    at: datetime | None = None
    change: Edit | None = None
    after: Person | None = None

    def sentence(self, *, past: bool = False) -> str:
        """ "Would be in if …"; for members "Drops out …" or nothing. `past`: said of an earlier moment."""
        if self.member:
            return f"{'Was to drop' if past else 'Drops'} out {self.words}." if self.words else ""
        if self.words:
            return f"Would {'have been' if past else 'be'} in {self.words}."
        if self.missing == 1:
            return (
                f"Nothing single would do: no one change {'met' if past else 'meets'} the condition that is missing."
            )
        return f"Nothing single would do: {self.missing} conditions {'were' if past else 'are'} missing."


def outlook(tree: Group, person: Person, context: Context) -> Outlook:
    """What would turn the verdict of a valid tree; KeyError as `person.evaluate`."""
    person = _known_now(person, context.now)
    verdict, root = evaluate(tree, person, context), unfolded(tree, context)
    missing = 0 if verdict.met else _distance(tree, verdict)[0]
    found = Outlook(verdict.met, missing)
    if (turn := first_turn(root, person, context.now)) is not None:
        return replace(found, words=_turn_words(turn, person, context.now), path=turn.leaf.path, at=turn.at)
    if verdict.met or (best := _smallest(root, person, context.now)) is None:
        return found
    leaf, change = best
    words = f"if {change.words}{_within(leaf)}"
    return replace(found, words=words, path=leaf.path, change=change.edit, after=change.edit.applied(person))


def _known_now(person: Person, now: datetime) -> Person:
    """The person without what happens later: that does not exist yet."""
    return replace(
        person,
        interactions=tuple(fact for fact in person.interactions if fact.occurred_at <= now),
        events=tuple(fact for fact in person.events if fact.occurred_at <= now),
    )


# Changes.


def _smallest(root: Part, person: Person, now: datetime) -> tuple[Leaf, Supposition] | None:
    """The smallest change, and of equal ones the first in the tree, that lets the person in."""
    trial = _Trial(root, person)
    ground = Ground(person, trial.leaves, now, trial.could_let_in)
    tried = [(leaf, change) for leaf in trial.leaves for change in suppositions(leaf, ground)]
    tried.sort(key=lambda pair: pair[1].size)
    return next((pair for pair in islice(tried, MOST_TRIED) if trial.lets_in(*pair)), None)


class _Trial:
    """Evaluates again only what a change touches, on only the events that matter to it."""

    def __init__(self, root: Part, person: Person) -> None:
        self.root = root
        self.leaves: Sequence[Leaf] = list(leaves(root))
        self.known = {leaf: narrowed(person, leaf) for leaf in self.leaves}
        self.met = {leaf: evaluate(leaf.node, self.known[leaf], leaf.context).met for leaf in self.leaves}
        self.asked: dict[InteractionFact, bool] = {}

    def could_let_in(self, edit: Edit) -> bool:
        """Whether the whole could hold if whatever the change touches were as it is wanted."""
        # Of one event many leaves ask.
        event = edit.came if isinstance(edit, Events) and isinstance(edit.came, InteractionFact) else None
        if event is not None and event in self.asked:
            return self.asked[event]
        could = self._can_hold(self.met, {leaf for leaf in self.leaves if edit.touches(leaf)})
        if event is not None:
            self.asked[event] = could
        return could

    def lets_in(self, leaf: Leaf, change: Supposition) -> bool:
        if self._after(leaf, change.edit) is self.met[leaf]:
            return False
        open_leaves = {other for other in self.leaves if change.edit.touches(other)}
        met = dict(self.met)
        for other in [leaf, *(open_leaves - {leaf})]:
            met[other] = self._after(other, change.edit)
            open_leaves.discard(other)
            if not self._can_hold(met, open_leaves):
                return False
        return True

    def _can_hold(self, met: Mapping[Leaf, bool], open_leaves: Set[Leaf]) -> bool:
        return span(self.root, lambda one: (False, True) if one in open_leaves else (met[one], met[one]))[1]

    def _after(self, leaf: Leaf, edit: Edit) -> bool:
        return evaluate(leaf.node, edit.applied(self.known[leaf]), leaf.context).met


IMPOSSIBLE = 1_000_000


def _distance(node: Node, verdict: Verdict) -> tuple[int, int]:
    """How many conditions would have to be otherwise for the node to hold, and for it not to."""
    if not isinstance(node, Group):
        return (0, 1) if verdict.met else (1, 0)
    pairs = [_distance(child, inner) for child, inner in zip(node.conditions, verdict.children, strict=True)]
    to, off = sorted(pair[0] for pair in pairs), sorted(pair[1] for pair in pairs)
    least = {Match.ALL: len(pairs), Match.ANY: 1, Match.NONE: 1, Match.AT_LEAST: node.at_least or 0}[node.match]
    met = sum(to[:least])
    unmet = sum(off[: len(pairs) - least + 1]) if least else IMPOSSIBLE
    return (unmet, met) if node.match is Match.NONE else (met, unmet)


# Words.


def _within(leaf: Leaf) -> str:
    return f" (in the segment {leaf.segment})" if leaf.segment else ""


def _turn_words(turn: Turn, person: Person, now: datetime) -> str:
    """ "at 21:14 UTC today, 15 days after they last opened Spring sale"."""
    # Up to the full minute, so that it is so when the clock shows it.
    shown = turn.at + timedelta(seconds=59, microseconds=999_999)
    utc = shown.astimezone(UTC)
    today = utc.date() == now.astimezone(UTC).date()
    when = f"at {utc:%H:%M} UTC today" if today else f"on {instant_words(shown)}"
    why = _why(turn, person, now)
    return f"{when}{', ' if why else ''}{why}{_within(turn.leaf)}"


def _why(turn: Turn, person: Person, now: datetime) -> str:
    node = turn.leaf.node
    if isinstance(node, AttributeCondition | EntryCondition):
        name = node.attribute if isinstance(node, AttributeCondition) else entry_words(node.property)
        after = evaluate(node, person, replace(turn.leaf.context, now=turn.at)).met
        words = comparison_words(node.comparison)
        return f"when {name} {words if after else words.replace('is ', 'is no longer ', 1)}"
    if turn.fact is None or not isinstance(node, MessageCondition | EventCondition):
        return ""
    test = node.test
    last = isinstance(test, LastEventAge)
    ago = test.ago if isinstance(test, LastEventAge) else test.window if isinstance(test, CountSince) else None
    assert ago is not None
    if isinstance(node, EventCondition):
        did = f"{'last ' if last else ''}did {node.event}"
    else:
        row, title = INTERACTIONS[node.event], turn.fact.title if isinstance(turn.fact, InteractionFact) else ""
        target = title or one_message(node, turn.leaf.context.names)
        did = (row.last_did if last else row.did).format(be="were", target=target)
    return f"{duration_words(ago)} after they {did}"
