"""A tree as a draft: the controls that say the same. `reading` is the way back; together they lose nothing."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from retargeting.audiences.builder.draft import Draft, DraftFilter, DraftGroup, DraftItem, DraftRow, Fields, new_id
from retargeting.audiences.builder.kinds import NEGATIVES
from retargeting.audiences.builder.literals import (
    DATE,
    NUMBER,
    line_of,
    literal_of,
    moment_lines,
    number_line,
    scalar_line,
)
from retargeting.conditions.nodes import (
    Among,
    AnyTarget,
    AttributeCondition,
    AutomationTarget,
    CampaignTarget,
    ChannelTarget,
    Comparison,
    Condition,
    Count,
    CountSince,
    Duration,
    EntryCondition,
    EventCondition,
    Group,
    LabelTarget,
    LastEventAge,
    LastEventDate,
    ListCondition,
    MessageCondition,
    Node,
    Occurred,
    ReachableCondition,
    SegmentCondition,
    StepTarget,
    Target,
    Test,
)
from retargeting.conditions.operators import VALUE_OPERATORS, Operand


def drafted(tree: Group) -> Draft:
    root = _item(tree)
    assert isinstance(root, DraftGroup)
    return Draft(root)


def _item(node: Node) -> DraftItem:
    if isinstance(node, Group):
        least = "" if node.at_least is None else str(node.at_least)
        return DraftGroup(new_id(), node.match.value, least, [_item(child) for child in node.conditions])
    row = DraftRow(new_id())
    _condition(node, row)
    row.put("was", row.one("what"))
    return row


def _condition(node: Condition, row: DraftRow) -> None:
    match node:
        case MessageCondition():
            _message(node, row)
        case EventCondition():
            row.put("what", "event")
            row.put("event", line_of(node.event))
            _test(node.test, row)
            for one in node.where:
                kept = DraftFilter(new_id())
                kept.put("property", line_of(one.property))
                _comparison(one.comparison, kept, kept.one("property"))
                row.filters.append(kept)
        case AttributeCondition():
            row.put("what", "attribute")
            row.put("attribute", line_of(node.attribute))
            _comparison(node.comparison, row, row.one("attribute"))
            _unset(node, row)
        case EntryCondition():
            row.put("what", "entry")
            row.put("property", line_of(node.property))
            _comparison(node.comparison, row, row.one("property"))
            _unset(node, row)
        case SegmentCondition():
            row.put("what", "segment" if node.member else "not_segment")
            row.put("segment", str(node.id))
        case ListCondition():
            row.put("what", "list" if node.member else "not_list")
            row.put("list", str(node.id))
        case ReachableCondition():
            row.put("what", "reachable" if node.value else "not_reachable")
            row.put("channel", node.channel.value)
        case _:
            assert_never(node)


def _unset(node: AttributeCondition | EntryCondition, row: DraftRow) -> None:
    negation = VALUE_OPERATORS[node.comparison.operator].negation
    row.put("unset", "include" if (negation if node.unset is None else node.unset) else "exclude")
    if node.unset is not None:
        row.put("explicit", "yes")
    row.put("compared", node.comparison.operator.value)


def _message(node: MessageCondition, row: DraftRow) -> None:
    negative = node.test == Occurred(False) and node.among is Among.RECIPIENTS
    row.put("what", NEGATIVES.get(node.event.value, node.event.value) if negative else node.event.value)
    _target(node.target, row)
    _test(node.test, row)
    row.put("opens", node.opens.value)
    if node.among is Among.EVERYONE:
        row.put("among", node.among.value)
    if node.scope is not None:
        row.put("scope", node.scope.value)


def _target(target: Target, row: DraftRow) -> None:
    match target:
        case AnyTarget():
            row.put("target", "any")
        case CampaignTarget():
            row.put("target", "campaign")
            row.put("campaign", *map(str, target.ids))
        case AutomationTarget():
            row.put("target", "automation")
            row.put("automation", *map(str, target.ids))
        case StepTarget():
            row.put("target", "automation")
            row.put("automation", str(target.automation))
            row.put("step", *map(line_of, target.keys))
        case ChannelTarget():
            row.put("target", "channel")
            row.put("channel", *(channel.value for channel in target.channels))
        case LabelTarget():
            row.put("target", "label")
            row.put("label", *map(line_of, target.codes))
        case _:
            assert_never(target)


def _test(test: Test, row: DraftRow) -> None:
    match test:
        case Occurred():
            row.put("test", "occurred_yes" if test.value else "occurred_no")
        case LastEventAge():
            row.put("test", "last_event")
            row.put("last", test.operator.value)
            _duration(test.ago, row)
        case LastEventDate():
            row.put("test", "last_event")
            row.put("last", test.operator.value)
            _moment(test.date, row, "date")
            _moment(test.start, row, "from")
            _moment(test.end, row, "to")
        case Count():
            row.put("test", "count")
            _count(test, row)
        case CountSince():
            row.put("test", "count_since")
            _count(test.count, row)
            row.put("window", "since" if test.window is None else "in_last")
            _duration(test.window, row)
            _moment(test.since, row, "date")
        case _:
            assert_never(test)


def _count(count: Count, row: DraftRow) -> None:
    row.put("count", count.operator.value)
    for name, number in (("n", count.value), ("low", count.low), ("high", count.high)):
        if number is not None:
            row.put(name, str(number))


def _duration(duration: Duration | None, fields: Fields) -> None:
    if duration is not None:
        fields.put("amount", str(duration.amount))
        fields.put("unit", duration.unit.value)


def _moment(moment: datetime | None, fields: Fields, name: str) -> None:
    if moment is not None:
        day, clock = moment_lines(moment)
        fields.put(name, day)
        fields.put(f"{name}_time", clock)


def _comparison(comparison: Comparison, fields: Fields, name: str) -> None:
    fields.put("compare", comparison.operator.value)
    fields.put("typed_for", name)
    value, low, high = comparison.value, comparison.low, comparison.high
    if isinstance(value, tuple):
        fields.put("values", *map(literal_of, value))
    elif isinstance(value, datetime):
        _moment(value, fields, "date")
    elif value is not None:
        line, type_ = scalar_line(value)
        fields.put("value", line)
        if VALUE_OPERATORS[comparison.operator].operand in (Operand.SCALAR, Operand.ELEMENT):
            fields.put("type", type_)
    _duration(comparison.ago, fields)
    if isinstance(low, datetime) and isinstance(high, datetime):
        fields.put("type", DATE)
        _moment(low, fields, "from")
        _moment(high, fields, "to")
    elif low is not None and high is not None:
        assert not isinstance(low, datetime)
        assert not isinstance(high, datetime)
        fields.put("type", NUMBER)
        fields.put("low", number_line(low))
        fields.put("high", number_line(high))
