"""The tables of the language: one row says everything about one operator, event, channel, unit, target or test.

The codec reads the operand from here, the builder the labels, wording the words and `person` the predicates.
Whoever adds a member to an enumeration in `nodes` adds its row here; a test walks the tables and misses nobody.
Predicates are for one person: the evaluation to sets reads labels and kinds, and has its own way to compute.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from retargeting.conditions.nodes import (
    AgeOperator,
    Channel,
    Comparison,
    Count,
    CountOperator,
    DateOperator,
    Duration,
    Interaction,
    Match,
    Unit,
    ValueOperator,
)
from retargeting.conditions.values import DATE_PATTERN as DATE_PATTERN
from retargeting.conditions.values import JSON, number, parse_date, same

# Units of time.


@dataclass(frozen=True, slots=True)
class UnitRow:
    label: str
    plural: str
    length: timedelta
    most: int
    """The largest amount taken: a hundred years of 365 days, so that no date ever leaves the calendar."""


_CENTURY = timedelta(days=36_500)


def _unit(label: str, length: timedelta) -> UnitRow:
    return UnitRow(label, f"{label}s", length, _CENTURY // length)


UNITS: dict[Unit, UnitRow] = {
    Unit.MINUTE: _unit("minute", timedelta(minutes=1)),
    Unit.HOUR: _unit("hour", timedelta(hours=1)),
    Unit.DAY: _unit("day", timedelta(days=1)),
    Unit.WEEK: _unit("week", timedelta(weeks=1)),
}


def length(duration: Duration) -> timedelta:
    return duration.amount * UNITS[duration.unit].length


# Channels and the events of messages.


@dataclass(frozen=True, slots=True)
class ChannelRow:
    label: str
    noun: str
    one: str
    many: str


CHANNELS: dict[Channel, ChannelRow] = {
    Channel.PUSH: ChannelRow("Push", "push", "a push", "push messages"),
    Channel.EMAIL: ChannelRow("Email", "email", "an email", "emails"),
    Channel.SMS: ChannelRow("SMS", "SMS", "an SMS", "SMS messages"),
    Channel.IN_APP: ChannelRow("In-app", "in-app message", "an in-app message", "in-app messages"),
}


@dataclass(frozen=True, slots=True)
class InteractionRow:
    """One event of a message.

    `did`, `did_not` and `last_did` are the predicate of a sentence; {target} is the message, {be} "was" or "were".
    `machine` is what a machine's doing is called where `opens` applies, and None where it does not.
    `among` says whether a person without the event has to be a recipient to pass.
    """

    label: str
    participle: str
    did: str
    did_not: str
    last_did: str
    channels: frozenset[Channel]
    machine: str | None = None
    among: bool = True

    @property
    def opens(self) -> bool:
        return self.machine is not None


_ALL_CHANNELS = frozenset(Channel)
_EMAIL = frozenset({Channel.EMAIL})

INTERACTIONS: dict[Interaction, InteractionRow] = {
    Interaction.SENT: InteractionRow(
        "was sent", "sent", "{be} sent {target}", "{be} not sent {target}", "{be} last sent {target}",
        _ALL_CHANNELS, among=False,
    ),
    Interaction.DELIVERED: InteractionRow(
        "received", "delivered", "received {target}", "did not receive {target}", "last received {target}",
        _ALL_CHANNELS - {Channel.IN_APP},
    ),
    Interaction.OPENED: InteractionRow(
        "opened", "opened", "opened {target}", "did not open {target}", "last opened {target}",
        _ALL_CHANNELS - {Channel.SMS}, machine="machine opens",
    ),
    Interaction.CLICKED: InteractionRow(
        "clicked", "clicked", "clicked {target}", "did not click {target}", "last clicked {target}",
        _ALL_CHANNELS, machine="machine clicks",
    ),
    Interaction.BOUNCED: InteractionRow(
        "had a bounce of", "bounced", "had {target} bounce", "did not have {target} bounce",
        "last had {target} bounce", _EMAIL,
    ),
    Interaction.UNSUBSCRIBED: InteractionRow(
        "unsubscribed from", "unsubscribed", "unsubscribed from {target}", "did not unsubscribe from {target}",
        "last unsubscribed from {target}", frozenset({Channel.EMAIL, Channel.SMS}),
    ),
    Interaction.COMPLAINED: InteractionRow(
        "complained about", "complained", "complained about {target}", "did not complain about {target}",
        "last complained about {target}", _EMAIL,
    ),
    Interaction.SKIPPED: InteractionRow(
        "was skipped for", "skipped", "{be} skipped for {target}", "{be} not skipped for {target}",
        "{be} last skipped for {target}", _ALL_CHANNELS, among=False,
    ),
}  # fmt: skip


# Targets, tests and groups: the `type` or `match` in JSON and the name the builder shows.

TARGETS: dict[str, str] = {
    "any": "Any message",
    "campaign": "Campaign",
    "automation": "Automation",
    "step": "Step of an automation",
    "channel": "Channel",
    "label": "Label",
}

TESTS: dict[str, str] = {
    "occurred": "Occurred",
    "last_event": "Last event",
    "count": "Count",
    "count_since": "Count since",
}

MATCHES: dict[Match, str] = {
    Match.ALL: "all",
    Match.ANY: "any",
    Match.NONE: "none",
    Match.AT_LEAST: "at least",
}

AGE_OPERATORS: dict[AgeOperator, str] = {
    AgeOperator.LESS_THAN_AGO: "less than … ago",
    AgeOperator.MORE_THAN_AGO: "more than … ago",
}

DATE_OPERATORS: dict[DateOperator, str] = {
    DateOperator.BEFORE: "before",
    DateOperator.AFTER: "on or after",
    DateOperator.BETWEEN: "between",
}


# Counts.


@dataclass(frozen=True, slots=True)
class CountRow:
    """`holds(n, low, high)`: low and high are one and the same number, except for between."""

    label: str
    wording: str
    holds: Callable[[int, int, int], bool]


COUNT_OPERATORS: dict[CountOperator, CountRow] = {
    CountOperator.EXACTLY: CountRow("exactly", "exactly {times}", lambda n, low, high: n == low),
    CountOperator.NOT: CountRow("not exactly", "not exactly {times}", lambda n, low, high: n != low),
    CountOperator.AT_LEAST: CountRow("at least", "at least {times}", lambda n, low, high: n >= low),
    CountOperator.AT_MOST: CountRow("at most", "at most {times}", lambda n, low, high: n <= low),
    CountOperator.MORE_THAN: CountRow("more than", "more than {times}", lambda n, low, high: n > low),
    CountOperator.FEWER_THAN: CountRow("fewer than", "fewer than {times}", lambda n, low, high: n < low),
    CountOperator.BETWEEN: CountRow("between", "between {low} and {times}", lambda n, low, high: low <= n <= high),
}


def bounds(count: Count) -> tuple[int, int]:
    """The two numbers of a between, or the one number of the others twice."""
    if count.operator is CountOperator.BETWEEN:
        assert count.low is not None
        assert count.high is not None
        return count.low, count.high
    assert count.value is not None
    return count.value, count.value


def count_holds(count: Count, n: int) -> bool:
    return COUNT_OPERATORS[count.operator].holds(n, *bounds(count))


# Values of attributes and properties.


class Operand(StrEnum):
    """What an operator is given: which control the builder shows and what the codec asks for."""

    NONE = "none"
    SCALAR = "scalar"
    SCALARS = "scalars"
    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    RANGE = "range"
    DURATION = "duration"
    ELEMENT = "element"


class ValueType(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    ARRAY = "array"


Predicate = Callable[[JSON, Comparison, datetime], bool]
"""(the person's value, which is one; the comparison; now) → holds. False where the type does not fit."""


@dataclass(frozen=True, slots=True)
class ValueRow:
    """`negation`: also holds for a value of another type and, unless told otherwise, without any value."""

    label: str
    operand: Operand
    types: frozenset[ValueType]
    wording: str
    holds: Predicate
    negation: bool = False


def _is(value: JSON, comparison: Comparison, now: datetime) -> bool:
    return same(value, comparison.value)


def _one_of(value: JSON, comparison: Comparison, now: datetime) -> bool:
    assert isinstance(comparison.value, tuple)
    return any(same(value, option) for option in comparison.value)


def _has(value: JSON, comparison: Comparison, now: datetime) -> bool:
    return isinstance(value, list) and any(same(element, comparison.value) for element in value)


def _text(test: Callable[[str, str], bool]) -> Predicate:
    def holds(value: JSON, comparison: Comparison, now: datetime) -> bool:
        assert isinstance(comparison.value, str)
        return isinstance(value, str) and test(value, comparison.value)

    return holds


def _numeric(test: Callable[[Decimal, Decimal], bool]) -> Predicate:
    def holds(value: JSON, comparison: Comparison, now: datetime) -> bool:
        left, right = number(value), number(comparison.value)
        assert right is not None
        return left is not None and test(left, right)

    return holds


def _dated(test: Callable[[datetime, datetime], bool]) -> Predicate:
    def holds(value: JSON, comparison: Comparison, now: datetime) -> bool:
        assert isinstance(comparison.value, datetime)
        moment = parse_date(value)
        return moment is not None and test(moment, comparison.value)

    return holds


def _between(value: JSON, comparison: Comparison, now: datetime) -> bool:
    """Numbers include both ends, dates the first only."""
    if isinstance(comparison.low, datetime):
        assert isinstance(comparison.high, datetime)
        moment = parse_date(value)
        return moment is not None and comparison.low <= moment < comparison.high
    low, here, high = number(comparison.low), number(value), number(comparison.high)
    assert low is not None
    assert high is not None
    return here is not None and low <= here <= high


def _aged(test: Callable[[timedelta, timedelta], bool]) -> Predicate:
    """A date after now is not "ago" at all: neither less nor more."""

    def holds(value: JSON, comparison: Comparison, now: datetime) -> bool:
        assert comparison.ago is not None
        moment = parse_date(value)
        return moment is not None and moment <= now and test(now - moment, length(comparison.ago))

    return holds


def _not(predicate: Predicate) -> Predicate:
    return lambda value, comparison, now: not predicate(value, comparison, now)


_contains = _text(lambda value, part: part in value)
_TEXT = frozenset({ValueType.TEXT})
_NUMBER = frozenset({ValueType.NUMBER})
_DATE = frozenset({ValueType.DATE})
_ARRAY = frozenset({ValueType.ARRAY})
_SINGLE = frozenset({ValueType.TEXT, ValueType.NUMBER, ValueType.BOOLEAN})
_TYPES = frozenset(ValueType)

VALUE_OPERATORS: dict[ValueOperator, ValueRow] = {
    ValueOperator.IS: ValueRow("is", Operand.SCALAR, _SINGLE, "is {value}", _is),
    ValueOperator.IS_NOT: ValueRow("is not", Operand.SCALAR, _SINGLE, "is not {value}", _not(_is), negation=True),
    ValueOperator.ONE_OF: ValueRow("is one of", Operand.SCALARS, _SINGLE, "is {value}", _one_of),
    ValueOperator.NONE_OF: ValueRow(
        "is none of", Operand.SCALARS, _SINGLE, "is none of {value}", _not(_one_of), negation=True
    ),
    ValueOperator.CONTAINS: ValueRow("contains", Operand.TEXT, _TEXT, "contains {value}", _contains),
    ValueOperator.NOT_CONTAINS: ValueRow(
        "does not contain", Operand.TEXT, _TEXT, "does not contain {value}", _not(_contains), negation=True
    ),
    ValueOperator.STARTS_WITH: ValueRow(
        "starts with", Operand.TEXT, _TEXT, "starts with {value}", _text(lambda value, part: value.startswith(part))
    ),
    ValueOperator.ENDS_WITH: ValueRow(
        "ends with", Operand.TEXT, _TEXT, "ends with {value}", _text(lambda value, part: value.endswith(part))
    ),
    ValueOperator.GREATER_THAN: ValueRow(
        "is greater than", Operand.NUMBER, _NUMBER, "is greater than {value}", _numeric(lambda a, b: a > b)
    ),
    ValueOperator.AT_LEAST: ValueRow(
        "is at least", Operand.NUMBER, _NUMBER, "is at least {value}", _numeric(lambda a, b: a >= b)
    ),
    ValueOperator.LESS_THAN: ValueRow(
        "is less than", Operand.NUMBER, _NUMBER, "is less than {value}", _numeric(lambda a, b: a < b)
    ),
    ValueOperator.AT_MOST: ValueRow(
        "is at most", Operand.NUMBER, _NUMBER, "is at most {value}", _numeric(lambda a, b: a <= b)
    ),
    ValueOperator.BETWEEN: ValueRow("is between", Operand.RANGE, _NUMBER | _DATE, "is {value}", _between),
    ValueOperator.IS_SET: ValueRow("is set", Operand.NONE, _TYPES, "is set", lambda value, comparison, now: True),
    ValueOperator.IS_NOT_SET: ValueRow(
        "is not set", Operand.NONE, _TYPES, "is not set", lambda value, comparison, now: False, negation=True
    ),
    ValueOperator.BEFORE: ValueRow("is before", Operand.DATE, _DATE, "is before {value}", _dated(lambda a, b: a < b)),
    ValueOperator.AFTER: ValueRow(
        "is on or after", Operand.DATE, _DATE, "is {value} or later", _dated(lambda a, b: a >= b)
    ),
    ValueOperator.LESS_THAN_AGO: ValueRow(
        "is less than … ago",
        Operand.DURATION,
        _DATE,
        "is less than {value} ago",
        _aged(lambda age, limit: age < limit),
    ),
    ValueOperator.MORE_THAN_AGO: ValueRow(
        "is more than … ago",
        Operand.DURATION,
        _DATE,
        "is more than {value} ago",
        _aged(lambda age, limit: age >= limit),
    ),
    ValueOperator.HAS: ValueRow("includes", Operand.ELEMENT, _ARRAY, "includes {value}", _has),
    ValueOperator.HAS_NOT: ValueRow(
        "does not include", Operand.ELEMENT, _ARRAY, "does not include {value}", _not(_has), negation=True
    ),
}
