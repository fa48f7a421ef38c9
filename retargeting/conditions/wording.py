"""Puts a tree into one English sentence, and a single condition into the words of its row.

"People who were sent *Spring sale* and did not open it, and whose country is France or Belgium; but not people in
*Bought this month*." A nested group stands in brackets and its items repeat their pronoun, so that "and" and "or"
cannot be misread. Trees that mean different things read differently, as far as the names they use do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

from retargeting.conditions.names import Names
from retargeting.conditions.nodes import (
    Among,
    AttributeCondition,
    Comparison,
    Condition,
    EntryCondition,
    EventCondition,
    Group,
    LastEventAge,
    LastEventDate,
    ListCondition,
    Match,
    MessageCondition,
    Node,
    Occurred,
    Opens,
    PropertyFilter,
    ReachableCondition,
    Scope,
    SegmentCondition,
)
from retargeting.conditions.operators import CHANNELS, INTERACTIONS, VALUE_OPERATORS
from retargeting.conditions.phrases import (
    Part,
    Parts,
    comparison_words,
    criterion_words,
    entry_words,
    filled,
    holds_without_events,
    is_pool,
    joined,
    merged,
    name,
    plain,
    target_parts,
)


@dataclass(frozen=True)
class Sentence:
    """A text in parts, so that a page can set names and joiners apart; `str` gives it plain."""

    parts: Parts

    def __str__(self) -> str:
        return "".join(part.text for part in self.parts)

    def __iter__(self) -> Iterator[Part]:
        return iter(self.parts)


def sentence(node: Node, names: Names) -> Sentence:
    """The whole tree: "People who …", with a full stop; "Everyone" for the empty group."""
    root = node if isinstance(node, Group) else Group(Match.ALL, (node,))
    if not root.conditions:
        return Sentence(plain("Everyone"))
    return Sentence(merged((*_whole(root, _Speaker(names, many=True)), Part("."))))


def condition_phrase(node: Node, names: Names) -> Sentence:
    """One row, said of one person: "was sent *Spring sale* and did not open it", "country is France"."""
    speaker = _Speaker(names, many=False)
    if isinstance(node, Group):
        return Sentence(merged(speaker.group(node)))
    return Sentence(merged(speaker.predicate(node).parts))


@dataclass(frozen=True)
class _Predicate:
    """What is said of people, and the pronoun that leads to it: "who", "whose", or "" for a group in brackets."""

    lead: str
    parts: Parts

    @property
    def full(self) -> Parts:
        return (*plain(f"{self.lead} "), *self.parts) if self.lead else self.parts


def _joiner(text: str) -> Part:
    return Part(text, "joiner")


def _list(items: Sequence[_Predicate], join: str) -> Parts:
    """ "who A, and B, and whose C": between items that are joined by "and", a "who" is not said twice."""
    found: list[Part] = []
    for index, item in enumerate(items):
        if index:
            found += [Part(", "), _joiner(join), Part(" ")]
        elided = index and join == "and" and item.lead == "who" and items[index - 1].lead == "who"
        found += item.parts if elided else item.full
    return tuple(found)


def _whole(root: Group, speaker: _Speaker) -> Parts:
    match root.match:
        case Match.ALL:
            return _all_but(root, speaker)
        case Match.ANY:
            return (*plain("People "), *_list([speaker.member(node) for node in root.conditions], "or"))
        case Match.NONE:
            return (*plain("Everyone, "), *speaker.excluded(root))
        case Match.AT_LEAST:
            return (*plain("People "), *speaker.some(root).full)
        case _:
            assert_never(root.match)


def _all_but(root: Group, speaker: _Speaker) -> Parts:
    """An "all" at the root says its "none of" groups last: "…; but not people in X"."""
    nots: list[Group] = []
    members: list[_Predicate] = []
    for node in root.conditions:
        if isinstance(node, Group) and node.match is Match.NONE:
            nots.append(node)
        else:
            members.append(speaker.member(node))
    found = [Part("People "), *_list(members, "and")] if members else [Part("Everyone")]
    for index, group in enumerate(nots):
        found += [Part("; " if members or index else ", "), *speaker.excluded(group)]
    return tuple(found)


@dataclass(frozen=True)
class _Speaker:
    """Says conditions of many people ("were") or of one ("was")."""

    names: Names
    many: bool

    # Groups.

    def member(self, node: Node) -> _Predicate:
        if not isinstance(node, Group):
            return self.predicate(node)
        if len(node.conditions) == 1 and node.match is not Match.NONE:
            return self.member(node.conditions[0])
        match node.match:
            case Match.AT_LEAST:
                return self.some(node)
            case Match.NONE:
                return self.none(node)
            case _:
                return _Predicate("", self.group(node))

    def group(self, group: Group) -> Parts:
        members = [self.member(node) for node in group.conditions]
        match group.match:
            case Match.ALL:
                inner = _list(members, "and")
                return (Part("("), *inner, Part(")"))
            case Match.ANY:
                inner = _list(members, "or")
                return (Part("(either " if len(members) > 1 else "("), *inner, Part(")"))
            case Match.NONE:
                return self.none(group).parts
            case Match.AT_LEAST:
                return self.some(group).parts
            case _:
                assert_never(group.match)

    def some(self, group: Group) -> _Predicate:
        """ "who match at least 2 of these 3: (who A; who B; whose C)"."""
        verb = "match" if self.many else "matches"
        found = [Part(f"{verb} at least {group.at_least} of these {len(group.conditions)}: (")]
        for index, node in enumerate(group.conditions):
            found += [Part("; " if index else ""), *self.member(node).full]
        return _Predicate("who", (*found, Part(")")))

    def none(self, group: Group) -> _Predicate:
        """ "who match none of these: (who A, or who B)"."""
        verb = "match" if self.many else "matches"
        members = _list([self.member(node) for node in group.conditions], "or")
        return _Predicate("who", (Part(f"{verb} none of these: ("), *members, Part(")")))

    def excluded(self, group: Group) -> Parts:
        """ "but not people in X, or people who opened Y"."""
        found = [_joiner("but not"), Part(" ")]
        for index, node in enumerate(group.conditions):
            if index:
                found += [Part(", "), _joiner("or"), Part(" ")]
            if isinstance(node, SegmentCondition | ListCondition) and node.member:
                found += [Part("people in "), *self.place(node)]
            else:
                found += [Part("people "), *self.member(node).full]
        return tuple(found)

    # Conditions.

    def predicate(self, node: Condition) -> _Predicate:
        match node:
            case MessageCondition():
                return _Predicate("who", self.message(node))
            case EventCondition():
                return _Predicate("who", self.event(node))
            case AttributeCondition():
                return _Predicate("whose", _compared(node.attribute, node.comparison, node.unset))
            case EntryCondition():
                return _Predicate("whose", _compared(entry_words(node.property), node.comparison, node.unset))
            case SegmentCondition() | ListCondition():
                be = "are" if self.many else "is"
                words = f"{be} in " if node.member else f"{be} not in "
                return _Predicate("who", (*plain(words), *self.place(node)))
            case ReachableCondition():
                verb = "can be reached by" if node.value else "cannot be reached by"
                return _Predicate("who", plain(f"{verb} {CHANNELS[node.channel].noun}"))
            case _:
                assert_never(node)

    def place(self, node: SegmentCondition | ListCondition) -> Parts:
        if isinstance(node, SegmentCondition):
            return name(self.names.segment(node.id))
        return (*plain("the list "), *name(self.names.list(node.id)))

    def message(self, node: MessageCondition) -> Parts:
        row = INTERACTIONS[node.event]
        be = plain("were" if self.many else "was")
        last = isinstance(node.test, LastEventAge | LastEventDate)
        denied = node.test == Occurred(False)
        target = target_parts(node.target, self.names, last=last)
        found: Parts = ()
        in_all = ""
        zero = row.among and holds_without_events(node.test)
        if zero and node.among is Among.RECIPIENTS:
            found = (*filled("{be} sent {target}", be=be, target=target), *plain(" and "))
            target = plain("it")
            if is_pool(node.target):
                target, in_all = (plain("any of them"), "") if denied else (plain("them"), " in all")
        elif denied:
            target = target_parts(node.target, self.names, denied=True)
        template = row.last_did if last else row.did_not if denied else row.did
        found += filled(template, be=be, target=target)
        if not isinstance(node.test, Occurred):
            found += plain(f" {criterion_words(node.test, in_all)}")
        return found + plain(_notes(node, also_others=zero and node.among is Among.EVERYONE))

    def event(self, node: EventCondition) -> Parts:
        event = name(node.event)
        match node.test:
            case Occurred(value=False):
                verb, test = "did not do ", ""
            case Occurred():
                verb, test = "did ", ""
            case LastEventAge() | LastEventDate():
                verb, test = "last did ", f" {criterion_words(node.test)}"
            case _:
                verb, test = "did ", f" {criterion_words(node.test)}"
        return (*plain(verb), *event, *_where(node.where), *plain(test))


def _compared(name: str, comparison: Comparison, takes_unset: bool | None) -> Parts:
    row = VALUE_OPERATORS[comparison.operator]
    unset = ""
    if row.operand != "none":
        if takes_unset or (takes_unset is None and row.negation):
            unset = " (or is not set)"
        elif row.negation:
            unset = " (and is set)"
    return (*plain(f"{name} {comparison_words(comparison)}"), *plain(unset))


def _notes(node: MessageCondition, *, also_others: bool) -> str:
    machine = INTERACTIONS[node.event].machine
    notes = []
    if node.opens is Opens.ALL:
        notes.append(f"counting {machine}")
    elif node.opens is Opens.MACHINE:
        notes.append(f"only {machine}")
    if also_others:
        notes.append("also people who never got it")
    if node.scope is not None:
        notes.append("in any journey" if node.scope is Scope.EVER else "in this journey")
    return f" ({', '.join(notes)})" if notes else ""


def _where(filters: tuple[PropertyFilter, ...]) -> Parts:
    """ " (value is at least 50 and currency is EUR)"."""
    if not filters:
        return ()
    said = [plain(f"{item.property} {comparison_words(item.comparison)}") for item in filters]
    return (Part(" (where "), *joined(said, between=", and ", last=", and "), Part(")"))
