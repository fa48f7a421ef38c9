"""Why a condition is met or not, in a few words: the event that decided, when it was, and what is needed instead.

"sent 3 Nov 2026 10:02 UTC, not opened" · "last push 7 hours ago, needs more than 12 hours" · "country is FR".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from retargeting.conditions.facts import Context, EventFact, InteractionFact
from retargeting.conditions.names import Names
from retargeting.conditions.nodes import (
    ChannelTarget,
    Comparison,
    Count,
    CountSince,
    EventCondition,
    Group,
    Interaction,
    LastEventAge,
    LastEventDate,
    ListCondition,
    Match,
    MessageCondition,
    Occurred,
    Opens,
    ReachableCondition,
    SegmentCondition,
    Unit,
)
from retargeting.conditions.operators import CHANNELS, INTERACTIONS, UNITS
from retargeting.conditions.phrases import (
    comparison_words,
    count_words,
    last_event_words,
    target_parts,
    text_of,
    times,
    value_words,
    window_words,
)
from retargeting.conditions.values import JSON, has_value


def instant_words(moment: datetime) -> str:
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%b} {utc.year} {utc:%H:%M} UTC"


def age_words(age: timedelta, unit: Unit) -> str:
    """How long ago in whole units of the test, or of the largest smaller one that there is one of."""
    smaller = [row for row in UNITS.values() if row.length <= UNITS[unit].length]
    for row in reversed(smaller):
        amount = age // row.length
        if amount:
            return f"{amount:,} {row.label if amount == 1 else row.plural} ago"
    return "less than a minute ago"


# Messages and events.


@dataclass(frozen=True)
class History:
    """The events a message condition looked at, each from the earliest to the latest.

    `pool` are all on its target, `sent` the sent ones among them, `happened` those it asks for and `counted` those of
    them that its test counts. `outsider`: it asks among recipients, and this person is none.
    """

    pool: Sequence[InteractionFact]
    sent: Sequence[InteractionFact]
    happened: Sequence[InteractionFact]
    counted: Sequence[InteractionFact]
    outsider: bool


def message_reason(
    node: MessageCondition,
    met: bool,
    history: History,
    context: Context,
) -> str:
    row = INTERACTIONS[node.event]
    target = text_of(target_parts(node.target, context.names))
    if history.outsider:
        return f"was not sent {target}"
    if isinstance(node.test, Count | CountSince):
        return _count_reason(node.test, met, _said(row.did, target), len(history.counted))
    if not history.happened:
        return _never(node, history, context.names)
    last = history.happened[-1]
    if isinstance(node.test, Occurred):
        return f"{_said(row.did, last.title or target)} {instant_words(last.occurred_at)}"
    noun = row.participle
    if node.event is Interaction.SENT and isinstance(node.target, ChannelTarget) and len(node.target.channels) == 1:
        noun = CHANNELS[node.target.channels[0]].noun
    return _last_reason(node.test, met, noun, last.occurred_at, context.now)


def _said(template: str, target: str) -> str:
    return template.format(be="was", target=target)


def _never(node: MessageCondition, history: History, names: Names) -> str:
    """No such event: what there was instead."""
    row = INTERACTIONS[node.event]
    uncounted = any(fact.event == node.event for fact in history.pool)
    note = f" ({row.machine} aside)" if uncounted and node.opens is Opens.HUMAN else ""
    if row.among and history.sent:
        return f"sent {instant_words(history.sent[-1].occurred_at)}, not {row.participle}{note}"
    return f"{_said(row.did_not, text_of(target_parts(node.target, names, denied=True)))}{note}"


def event_reason(
    node: EventCondition, met: bool, happened: Sequence[EventFact], counted: Sequence[EventFact], now: datetime
) -> str:
    if isinstance(node.test, Count | CountSince):
        return _count_reason(node.test, met, f"did {node.event}", len(counted))
    fitting = " that fits" if node.where else ""
    if not happened:
        return f"no {node.event}{fitting}"
    last = happened[-1].occurred_at
    if isinstance(node.test, Occurred):
        return f"did {node.event} {instant_words(last)}"
    return _last_reason(node.test, met, node.event, last, now)


def _count_reason(test: Count | CountSince, met: bool, did: str, n: int) -> str:
    window = f" {window_words(test)}" if isinstance(test, CountSince) else ""
    count = test.count if isinstance(test, CountSince) else test
    needs = "" if met else f", needs {count_words(count).removesuffix(' times')}"
    return f"{did} {times(n)}{window}{needs}"


def _last_reason(test: LastEventAge | LastEventDate, met: bool, noun: str, last: datetime, now: datetime) -> str:
    if isinstance(test, LastEventAge):
        happened = f"last {noun} {age_words(now - last, test.ago.unit)}"
    else:
        happened = f"last {noun} {instant_words(last)}"
    return happened if met else f"{happened}, needs {last_event_words(test).removesuffix(' ago')}"


# The rest.


def value_reason(name: str, comparison: Comparison, value: JSON, met: bool) -> str:
    """Of an attribute, or of a property of the entry event."""
    if not has_value(value):
        return f"{name} is not set"
    found = f"{name} is {shown(value)}"
    if met:
        return found
    return f"{found}, needs one that {comparison_words(comparison)}"


def shown(value: JSON) -> str:
    """A value as it is, cut where it is long."""
    if isinstance(value, str | int | float):
        text = value_words(value)
    elif isinstance(value, list):
        text = ", ".join(shown(element) for element in value) or "empty"
    else:
        text = "an object" if isinstance(value, dict) else "nothing"
    return text if len(text) <= 80 else f"{text[:79]}…"


def segment_reason(node: SegmentCondition, inside: bool, why: str, names: Names) -> str:
    return f"{'in' if inside else 'not in'} {names.segment(node.id)}: {why}"


def list_reason(node: ListCondition, inside: bool, names: Names) -> str:
    return f"{'on' if inside else 'not on'} the list {names.list(node.id)}"


def reachable_reason(node: ReachableCondition, reached: bool) -> str:
    return f"{'can' if reached else 'cannot'} be reached by {CHANNELS[node.channel].noun}"


def group_reason(group: Group, met: bool, how_many: int, why: str) -> str:
    """`why` is the reason of the one condition that settled it, where one did."""
    total = len(group.conditions)
    if total == 0:
        return "everyone is in"
    if why:
        return why
    if group.match is Match.ALL:
        return f"all {total} met" if total > 1 else "met"
    if group.match is Match.AT_LEAST and not met:
        return f"{how_many} of {total} met, needs at least {group.at_least}"
    return f"{how_many} of {total} met" if how_many else f"none of {total} met"
