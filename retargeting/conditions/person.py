"""The evaluation for one person, from that person's facts: slow, small and obviously right.

It answers "why (not)", and the evaluation to sets is tested against it. The two share the nodes and nothing else,
so whatever is decided here is written down from the language's rules and not derived from any other code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from retargeting.conditions.facts import Context as Context
from retargeting.conditions.facts import EventFact as EventFact
from retargeting.conditions.facts import Fact
from retargeting.conditions.facts import InteractionFact as InteractionFact
from retargeting.conditions.facts import Person as Person
from retargeting.conditions.nodes import (
    AgeOperator,
    Among,
    AnyTarget,
    AttributeCondition,
    AutomationTarget,
    CampaignTarget,
    ChannelTarget,
    Comparison,
    Count,
    CountSince,
    DateOperator,
    EntryCondition,
    EventCondition,
    Group,
    Interaction,
    LabelTarget,
    LastEventAge,
    LastEventDate,
    ListCondition,
    Match,
    MessageCondition,
    Node,
    Occurred,
    Opens,
    ReachableCondition,
    Scope,
    SegmentCondition,
    StepTarget,
    Target,
    Test,
)
from retargeting.conditions.operators import VALUE_OPERATORS, count_holds, length
from retargeting.conditions.phrases import entry_words
from retargeting.conditions.reasons import (
    History,
    event_reason,
    group_reason,
    list_reason,
    message_reason,
    reachable_reason,
    segment_reason,
    value_reason,
)
from retargeting.conditions.values import JSON, has_value


@dataclass(frozen=True)
class Verdict:
    """Whether a node is met, why in a few words, and the event that decided, if one did."""

    met: bool
    reason: str
    fact: InteractionFact | EventFact | None = None
    children: tuple[Verdict, ...] = ()


def evaluate(node: Node, person: Person, context: Context) -> Verdict:
    """The verdict on a valid node. KeyError if `context.segments` lacks a segment the node refers to."""
    match node:
        case Group():
            return _group(node, person, context)
        case MessageCondition():
            return _message(node, person, context)
        case EventCondition():
            return _event(node, person, context)
        case AttributeCondition():
            value = person.attributes.get(node.attribute)
            met = value_holds(value, node.comparison, context.now, unset=node.unset)
            return Verdict(met, value_reason(node.attribute, node.comparison, value, met))
        case EntryCondition():
            value = context.entry.get(node.property)
            met = value_holds(value, node.comparison, context.now, unset=node.unset)
            return Verdict(met, value_reason(entry_words(node.property), node.comparison, value, met))
        case SegmentCondition():
            return _segment(node, person, context)
        case ListCondition():
            inside = node.id in person.lists
            return Verdict(inside == node.member, list_reason(node, inside, context.names))
        case ReachableCondition():
            reached = node.channel in person.reachable
            return Verdict(reached == node.value, reachable_reason(node, reached))
        case _:
            assert_never(node)


def verdicts_by_path(verdict: Verdict, path: str = "") -> dict[str, Verdict]:
    """The verdict on every node by its JSON pointer: "" for the root, then "/conditions/0" and so on down."""
    found = {path: verdict}
    for index, child in enumerate(verdict.children):
        found |= verdicts_by_path(child, f"{path}/conditions/{index}")
    return found


# Groups and segments.


def _group(group: Group, person: Person, context: Context) -> Verdict:
    children = tuple(evaluate(node, person, context) for node in group.conditions)
    how_many = sum(child.met for child in children)
    met = group_holds(group, how_many)
    decisive = _decisive(group.match, met, children)
    reason = group_reason(group, met, how_many, decisive.reason if decisive else "")
    return Verdict(met, reason, decisive.fact if decisive else None, children)


def group_holds(group: Group, how_many: int) -> bool:
    """Whether a group holds of which so many conditions do."""
    match group.match:
        case Match.ALL:
            return how_many == len(group.conditions)
        case Match.ANY:
            return how_many >= 1
        case Match.NONE:
            return how_many == 0
        case Match.AT_LEAST:
            assert group.at_least is not None
            return how_many >= group.at_least
        case _:
            assert_never(group.match)


def _decisive(match: Match, met: bool, children: tuple[Verdict, ...]) -> Verdict | None:
    """The first child that settled it alone: the unmet one of an all, the met one of an any or a none."""
    if match is Match.ALL and not met:
        return next(child for child in children if not child.met)
    if (match is Match.ANY and met) or (match is Match.NONE and not met):
        return next(child for child in children if child.met)
    return None


def _segment(node: SegmentCondition, person: Person, context: Context) -> Verdict:
    """A segment means the same wherever it is used: inside an automation, too, it sees all journeys."""
    inner = evaluate(context.segments[node.id], person, context.everywhere)
    return Verdict(inner.met == node.member, segment_reason(node, inner.met, inner.reason, context.names), inner.fact)


# Messages and events.


def _message(node: MessageCondition, person: Person, context: Context) -> Verdict:
    history = message_history(node, person, context)
    moments = [fact.occurred_at for fact in history.happened]
    met = passes(node.test, moments, context.now) and not history.outsider
    reason = message_reason(node, met, history, context)
    return Verdict(met, reason, _last(history.counted) or _last(history.happened) or _last(history.sent))


def message_history(node: MessageCondition, person: Person, context: Context) -> History:
    """What a message condition looks at."""
    pool = [fact for fact in person.interactions if on_target(fact, node, context)]
    pool = [fact for fact in pool if fact.occurred_at <= context.now]
    pool.sort(key=lambda fact: (fact.occurred_at, fact.id))
    sent = [fact for fact in pool if fact.event == Interaction.SENT]
    happened = [fact for fact in pool if fact.event == node.event and _counts(fact, node)]
    outsider = _needs_recipient(node, context.now) and not sent
    return History(pool, sent, happened, counted(node.test, happened, context.now), outsider)


def _needs_recipient(node: MessageCondition, now: datetime) -> bool:
    """Where someone without any such event could pass, only recipients can, unless everyone is asked for."""
    if node.event in (Interaction.SENT, Interaction.SKIPPED) or node.among is Among.EVERYONE:
        return False
    return passes(node.test, [], now)


def on_target(fact: InteractionFact, node: MessageCondition, context: Context) -> bool:
    """Whether it is an event, of any kind, of the messages that the condition asks about."""
    if not _is_target(fact, node.target):
        return False
    if isinstance(node.target, StepTarget) and node.target.automation == context.automation:
        return node.scope is Scope.EVER or fact.journey == context.journey
    return True


def _is_target(fact: InteractionFact, target: Target) -> bool:
    match target:
        case AnyTarget():
            return True
        case CampaignTarget():
            return fact.kind == "campaign" and fact.orchestration in target.ids
        case AutomationTarget():
            return fact.kind == "automation" and fact.orchestration in target.ids
        case StepTarget():
            return fact.kind == "automation" and fact.orchestration == target.automation and fact.step in target.keys
        case ChannelTarget():
            return fact.channel in target.channels
        case LabelTarget():
            return any(code in fact.labels for code in target.codes)
        case _:
            assert_never(target)


def _counts(fact: InteractionFact, node: MessageCondition) -> bool:
    """Whether it was done by whom `opens` asks for; that is a question for opens and clicks only."""
    if node.event not in (Interaction.OPENED, Interaction.CLICKED) or node.opens is Opens.ALL:
        return True
    return fact.machine == (node.opens is Opens.MACHINE)


def _event(node: EventCondition, person: Person, context: Context) -> Verdict:
    happened = event_history(node, person, context)
    met = passes(node.test, [fact.occurred_at for fact in happened], context.now)
    inside = counted(node.test, happened, context.now)
    reason = event_reason(node, met, happened, inside, context.now)
    return Verdict(met, reason, _last(inside) or _last(happened))


def event_history(node: EventCondition, person: Person, context: Context) -> list[EventFact]:
    """The custom events that fit the condition, from the earliest to the latest."""
    named = [fact for fact in person.events if fact.event == node.event and fact.occurred_at <= context.now]
    happened = [fact for fact in named if _fits(fact, node, context.now)]
    return sorted(happened, key=lambda fact: (fact.occurred_at, fact.id))


def _fits(fact: EventFact, node: EventCondition, now: datetime) -> bool:
    return all(value_holds(fact.properties.get(item.property), item.comparison, now) for item in node.where)


# Tests and values.


def passes(test: Test, moments: list[datetime], now: datetime) -> bool:
    """Whether the test holds of events at these moments, given from the earliest to the latest, none after now."""
    match test:
        case Occurred():
            return bool(moments) == test.value
        case LastEventAge():
            if not moments:
                return False
            young = now - moments[-1] < length(test.ago)
            return young if test.operator is AgeOperator.LESS_THAN_AGO else not young
        case LastEventDate():
            return bool(moments) and _dated(test, moments[-1])
        case Count():
            return count_holds(test, len(moments))
        case CountSince():
            return count_holds(test.count, sum(_in_window(test, moment, now) for moment in moments))
        case _:
            assert_never(test)


def _dated(test: LastEventDate, moment: datetime) -> bool:
    if test.operator is DateOperator.BETWEEN:
        assert test.start is not None
        assert test.end is not None
        return test.start <= moment < test.end
    assert test.date is not None
    return moment < test.date if test.operator is DateOperator.BEFORE else moment >= test.date


def _in_window(test: CountSince, moment: datetime, now: datetime) -> bool:
    if test.since is not None:
        return moment >= test.since
    assert test.window is not None
    return now - moment < length(test.window)


def counted(test: Test, happened: Sequence[Fact], now: datetime) -> Sequence[Fact]:
    """The events that a count is about: those in its window, or all."""
    if isinstance(test, CountSince):
        return [fact for fact in happened if _in_window(test, fact.occurred_at, now)]
    return happened


def _last(facts: Sequence[Fact]) -> Fact | None:
    return facts[-1] if facts else None


def value_holds(value: JSON, comparison: Comparison, now: datetime, *, unset: bool | None = None) -> bool:
    """Whether a value passes. Without one, `unset` decides, or else negations pass and nothing else does."""
    row = VALUE_OPERATORS[comparison.operator]
    if not has_value(value):
        return row.negation if unset is None else unset
    return row.holds(value, comparison, now)
