"""Writes a condition tree as JSON: the same JSON for the same tree, defaults left out, dates in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import assert_never

from retargeting.conditions.nodes import (
    Among,
    AnyTarget,
    AttributeCondition,
    AutomationTarget,
    CampaignTarget,
    ChannelTarget,
    Comparison,
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
    Opens,
    ReachableCondition,
    SegmentCondition,
    StepTarget,
    Target,
    Test,
)
from retargeting.conditions.values import JSON

Fields = dict[str, JSON]


def encode(node: Node) -> Fields:
    """The canonical JSON form of a node; `codec.decode` of it is the node again."""
    match node:
        case Group():
            found: Fields = {"match": node.match.value}
            if node.at_least is not None:
                found["at_least"] = node.at_least
            return found | {"conditions": [encode(child) for child in node.conditions]}
        case MessageCondition():
            return _message(node)
        case EventCondition():
            found = {"kind": "event", "event": node.event}
            if node.where:
                found["where"] = [{"property": item.property, **_comparison(item.comparison)} for item in node.where]
            return found | {"test": _test(node.test)}
        case AttributeCondition():
            return {"kind": "attribute", "attribute": node.attribute, **_valued(node)}
        case EntryCondition():
            return {"kind": "entry", "property": node.property, **_valued(node)}
        case SegmentCondition():
            return {"kind": "segment", "id": node.id, "member": node.member}
        case ListCondition():
            return {"kind": "list", "id": node.id, "member": node.member}
        case ReachableCondition():
            return {"kind": "reachable", "channel": node.channel.value, "value": node.value}
        case _:
            assert_never(node)


def _message(node: MessageCondition) -> Fields:
    found: Fields = {
        "kind": "message",
        "event": node.event.value,
        "target": _target(node.target),
        "test": _test(node.test),
    }
    if node.opens is not Opens.HUMAN:
        found["opens"] = node.opens.value
    if node.among is not Among.RECIPIENTS:
        found["among"] = node.among.value
    if node.scope is not None:
        found["scope"] = node.scope.value
    return found


def _target(target: Target) -> Fields:
    match target:
        case AnyTarget():
            return {"type": "any"}
        case CampaignTarget():
            return {"type": "campaign", "ids": list(target.ids)}
        case AutomationTarget():
            return {"type": "automation", "ids": list(target.ids)}
        case StepTarget():
            return {"type": "step", "automation": target.automation, "keys": list(target.keys)}
        case ChannelTarget():
            return {"type": "channel", "channels": [channel.value for channel in target.channels]}
        case LabelTarget():
            return {"type": "label", "codes": list(target.codes)}
        case _:
            assert_never(target)


def _test(test: Test) -> Fields:
    match test:
        case Occurred():
            return {"type": "occurred", "value": test.value}
        case LastEventAge():
            return {"type": "last_event", "operator": test.operator.value, **_duration(test.ago)}
        case LastEventDate():
            dates = {"date": test.date, "from": test.start, "to": test.end}
            written: Fields = {key: _date(date) for key, date in dates.items() if date is not None}
            return {"type": "last_event", "operator": test.operator.value, **written}
        case Count():
            return {"type": "count", **_count(test)}
        case CountSince():
            found: Fields = {"type": "count_since", **_count(test.count)}
            if test.window is not None:
                found |= _duration(test.window)
            if test.since is not None:
                found["since"] = _date(test.since)
            return found
        case _:
            assert_never(test)


def _count(count: Count) -> Fields:
    found: Fields = {"operator": count.operator.value}
    numbers = {"value": count.value, "from": count.low, "to": count.high}
    found.update({key: number for key, number in numbers.items() if number is not None})
    return found


def _comparison(comparison: Comparison) -> Fields:
    found: Fields = {"operator": comparison.operator.value}
    operands = {"value": comparison.value, "from": comparison.low, "to": comparison.high}
    for key, operand in operands.items():
        if isinstance(operand, tuple):
            found[key] = list(operand)
        elif isinstance(operand, datetime):
            found[key] = _date(operand)
        elif operand is not None:
            found[key] = operand
    return found | (_duration(comparison.ago) if comparison.ago else {})


def _valued(node: AttributeCondition | EntryCondition) -> Fields:
    found = _comparison(node.comparison)
    if node.unset is not None:
        found["unset"] = "include" if node.unset else "exclude"
    return found


def _duration(duration: Duration) -> Fields:
    return {"amount": duration.amount, "unit": duration.unit.value}


def _date(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
