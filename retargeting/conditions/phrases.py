"""The words for the pieces of a condition: targets, tests, values and moments. `wording` makes sentences of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time
from typing import NamedTuple, assert_never

from retargeting.conditions.names import Names
from retargeting.conditions.nodes import (
    AgeOperator,
    AnyTarget,
    AutomationTarget,
    CampaignTarget,
    ChannelTarget,
    Comparison,
    Count,
    CountOperator,
    CountSince,
    DateOperator,
    Duration,
    LabelTarget,
    LastEventAge,
    LastEventDate,
    Occurred,
    Scalar,
    StepTarget,
    Target,
    Test,
    ValueOperator,
)
from retargeting.conditions.operators import CHANNELS, COUNT_OPERATORS, UNITS, VALUE_OPERATORS, bounds


class Part(NamedTuple):
    """A stretch of text. Style: "" plain words, "name" what something is called, "joiner" and, or, but not."""

    text: str
    style: str = ""


Parts = tuple[Part, ...]


def plain(text: str) -> Parts:
    return (Part(text),)


def name(text: str) -> Parts:
    return (Part(text, "name"),)


def joined(items: Sequence[Parts], between: str = ", ", last: str = " or ") -> Parts:
    """ "A, B or C"."""
    found: list[Part] = []
    for index, item in enumerate(items):
        if index:
            found.append(Part(last if index == len(items) - 1 else between))
        found.extend(item)
    return tuple(found)


def filled(template: str, **slots: Parts) -> Parts:
    """The template as parts, with each {slot} replaced by its own parts."""
    found: list[Part] = []
    for piece in re.split(r"(\{\w+\})", template):
        if piece.startswith("{"):
            found.extend(slots[piece[1:-1]])
        elif piece:
            found.append(Part(piece))
    return tuple(found)


def merged(parts: Iterable[Part]) -> Parts:
    """The same text with neighbours of one style in one part."""
    found: list[Part] = []
    for part in parts:
        if found and found[-1].style == part.style:
            found[-1] = Part(found[-1].text + part.text, part.style)
        elif part.text:
            found.append(part)
    return tuple(found)


def text_of(parts: Iterable[Part]) -> str:
    return "".join(part.text for part in parts)


# Numbers and time.


def times(n: int) -> str:
    return "once" if n == 1 else f"{n:,} times"


def moment_words(moment: datetime) -> str:
    """ "3 Nov 2026" for a midnight in UTC, "3 Nov 2026 10:02 UTC" for any other time."""
    utc = moment.astimezone(UTC)
    day = f"{utc.day} {utc:%b} {utc.year}"
    if utc.time() == time():
        return day
    return f"{day} {clock_words(utc)} UTC"


def clock_words(moment: datetime) -> str:
    """Hours and minutes, and as much more as there is."""
    if moment.microsecond:
        return f"{moment:%H:%M:%S.%f}".rstrip("0")
    return f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"


def duration_words(duration: Duration) -> str:
    unit = UNITS[duration.unit]
    return f"{duration.amount:,} {unit.label if duration.amount == 1 else unit.plural}"


def window_words(test: CountSince) -> str:
    if test.since is not None:
        return f"since {moment_words(test.since)}"
    assert test.window is not None
    if test.window.amount == 1:
        return f"in the last {UNITS[test.window.unit].label}"
    return f"in the last {duration_words(test.window)}"


def last_event_words(test: LastEventAge | LastEventDate) -> str:
    """ "more than 12 hours ago", "before 3 Nov 2026"."""
    if isinstance(test, LastEventAge):
        side = "less" if test.operator is AgeOperator.LESS_THAN_AGO else "more"
        return f"{side} than {duration_words(test.ago)} ago"
    if test.operator is DateOperator.BETWEEN:
        assert test.start is not None
        assert test.end is not None
        return period_words(test.start, test.end)
    assert test.date is not None
    if test.operator is DateOperator.BEFORE:
        return f"before {moment_words(test.date)}"
    return f"on {moment_words(test.date)} or later"


def period_words(start: datetime, end: datetime) -> str:
    return f"from {moment_words(start)} to before {moment_words(end)}"


def count_words(count: Count) -> str:
    """ "at least 2 times", "exactly once", "between 1 and 3 times"."""
    low, high = bounds(count)
    if count.operator is CountOperator.BETWEEN:
        return f"between {low:,} and {high:,} times"
    return COUNT_OPERATORS[count.operator].wording.format(times=times(low))


def criterion_words(test: Count | CountSince | LastEventAge | LastEventDate, in_all: str = "") -> str:
    """ "at least 2 times in the last 5 hours"; `in_all` is put after a count of several messages together."""
    match test:
        case Count():
            return f"{count_words(test)}{in_all}"
        case CountSince():
            return f"{count_words(test.count)}{in_all} {window_words(test)}"
        case LastEventAge() | LastEventDate():
            return last_event_words(test)
        case _:
            assert_never(test)


def holds_without_events(test: Test) -> bool:
    """Whether a person with no such event passes, so that it matters among whom one looks."""
    match test:
        case Occurred():
            return not test.value
        case Count():
            return COUNT_OPERATORS[test.operator].holds(0, *bounds(test))
        case CountSince():
            return holds_without_events(test.count)
        case LastEventAge() | LastEventDate():
            return False
        case _:
            assert_never(test)


# Targets.


def target_parts(target: Target, names: Names, *, last: bool = False, denied: bool = False) -> Parts:
    """What was sent: "Spring sale", "messages labelled Promo".

    `last` asks for the one that came last ("a message labelled Promo"), `denied` for none ("any messages …").
    """
    messages = "a message" if last else "any messages" if denied else "messages"
    match target:
        case AnyTarget():
            return plain("any message")
        case CampaignTarget():
            return joined([name(names.campaign(id)) for id in target.ids])
        case AutomationTarget():
            listed = joined([name(names.automation(id)) for id in target.ids])
            return (*plain(f"{messages} of "), *listed)
        case StepTarget():
            steps = joined([name(names.step(target.automation, key)) for key in target.keys])
            whole = names.automation(target.automation)
            return (*plain("step "), *steps, *plain(" of "), *name(whole)) if whole else (*plain("step "), *steps)
        case ChannelTarget():
            rows = [CHANNELS[channel] for channel in target.channels]
            listed = joined([plain(row.one if last else row.many) for row in rows])
            return (*plain("any "), *listed) if denied else listed
        case LabelTarget():
            labels = joined([name(names.label(code)) for code in target.codes])
            return (*plain(f"{messages} labelled "), *labels)
        case _:
            assert_never(target)


def is_pool(target: Target) -> bool:
    """Whether the target can be more than one message, so that a second mention is "them" and not "it"."""
    match target:
        case CampaignTarget(ids=(_,)) | StepTarget(keys=(_,)):
            return False
        case _:
            return True


# Values.

_PLAIN_TEXT = re.compile(r"[^\W\d_][\w-]*(?: [\w-]+)*")
_NOT_PLAIN = frozenset({"true", "false", "and", "or", "set", "not"})


def value_words(value: Scalar) -> str:
    """A value such that its type can be told: words stand bare, everything that could be mistaken is quoted."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    bare = _PLAIN_TEXT.fullmatch(value) and not _NOT_PLAIN & set(value.lower().split(" "))
    return value if bare else f"“{value}”"


def entry_words(property: str) -> str:
    return f"entry event’s {property}"


def comparison_words(comparison: Comparison) -> str:
    """ "is France or Belgium", "is from 1 Nov 2026 to before 5 Nov 2026", "is not set"."""
    row = VALUE_OPERATORS[comparison.operator]
    return row.wording.replace("{value}", _operand_words(comparison))


def _operand_words(comparison: Comparison) -> str:
    value, low, high = comparison.value, comparison.low, comparison.high
    if comparison.ago is not None:
        return duration_words(comparison.ago)
    if isinstance(low, datetime) and isinstance(high, datetime):
        return period_words(low, high)
    if low is not None:
        return f"between {low} and {high}"
    if isinstance(value, datetime):
        at = "on " if comparison.operator is ValueOperator.AFTER else ""
        return f"{at}{moment_words(value)}"
    if isinstance(value, tuple):
        return text_of(joined([plain(value_words(option)) for option in value]))
    return "" if value is None else value_words(value)
