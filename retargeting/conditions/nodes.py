"""The nodes of a condition tree: what it is made of, and nothing about what it means.

The codec reads and writes their JSON form, validation says what is wrong with them, wording puts them into a
sentence, `person` evaluates them for one person and `audiences` to sets. All of these share these classes only.
A node that exists is not yet a valid one: only `codec.decode` promises that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Scalar = str | int | float | bool


class Channel(StrEnum):
    PUSH = "push"
    EMAIL = "email"
    SMS = "sms"
    IN_APP = "in_app"


class Interaction(StrEnum):
    """What can happen between a person and a message."""

    SENT = "sent"
    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    BOUNCED = "bounced"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    SKIPPED = "skipped"


class Match(StrEnum):
    ALL = "all"
    ANY = "any"
    NONE = "none"
    AT_LEAST = "at_least"


class Opens(StrEnum):
    """Which opens and clicks count: those of people, of machines, or both."""

    HUMAN = "human"
    ALL = "all"
    MACHINE = "machine"


class Among(StrEnum):
    RECIPIENTS = "recipients"
    EVERYONE = "everyone"


class Scope(StrEnum):
    """Whether a condition on a step of the same automation sees this journey alone."""

    JOURNEY = "journey"
    EVER = "ever"


class Unit(StrEnum):
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


class CountOperator(StrEnum):
    EXACTLY = "exactly"
    NOT = "not"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    MORE_THAN = "more_than"
    FEWER_THAN = "fewer_than"
    BETWEEN = "between"


class AgeOperator(StrEnum):
    LESS_THAN_AGO = "less_than_ago"
    MORE_THAN_AGO = "more_than_ago"


class DateOperator(StrEnum):
    BEFORE = "before"
    AFTER = "after"
    BETWEEN = "between"


class ValueOperator(StrEnum):
    """How an attribute of a person or a property of an event is compared."""

    IS = "is"
    IS_NOT = "is_not"
    ONE_OF = "one_of"
    NONE_OF = "none_of"
    CONTAINS = "contains"
    NOT_CONTAINS = "not_contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    GREATER_THAN = "greater_than"
    AT_LEAST = "at_least"
    LESS_THAN = "less_than"
    AT_MOST = "at_most"
    BETWEEN = "between"
    IS_SET = "is_set"
    IS_NOT_SET = "is_not_set"
    BEFORE = "before"
    AFTER = "after"
    LESS_THAN_AGO = "less_than_ago"
    MORE_THAN_AGO = "more_than_ago"
    HAS = "has"
    HAS_NOT = "has_not"


# Targets: where the message event happened. Several ids in one target are one pool.


@dataclass(frozen=True, slots=True)
class AnyTarget:
    pass


@dataclass(frozen=True, slots=True)
class CampaignTarget:
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AutomationTarget:
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StepTarget:
    automation: int
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChannelTarget:
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True)
class LabelTarget:
    codes: tuple[str, ...]


Target = AnyTarget | CampaignTarget | AutomationTarget | StepTarget | ChannelTarget | LabelTarget


# Tests: what has to hold of those events. All datetimes are aware.


@dataclass(frozen=True, slots=True)
class Duration:
    """A rolling length of time; a day is 24 hours."""

    amount: int
    unit: Unit


@dataclass(frozen=True, slots=True)
class Occurred:
    value: bool


@dataclass(frozen=True, slots=True)
class LastEventAge:
    operator: AgeOperator
    ago: Duration


@dataclass(frozen=True, slots=True)
class LastEventDate:
    """`date` for before and after; `start` (included) and `end` (excluded) for between."""

    operator: DateOperator
    date: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """`value`, or `low` and `high` (both included) for between."""

    operator: CountOperator
    value: int | None = None
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class CountSince:
    """A count over the last `window`, or from `since` (included) on; one of the two is set."""

    count: Count
    window: Duration | None = None
    since: datetime | None = None


Test = Occurred | LastEventAge | LastEventDate | Count | CountSince


@dataclass(frozen=True, slots=True)
class Comparison:
    """One operator and its operand, as used on attributes and on properties.

    `value` holds a scalar (is, contains, at_least, has, …), a tuple of scalars (one_of, none_of) or an aware
    datetime (before, after). `low` and `high` are for between: two numbers (both included) or two aware
    datetimes (the second excluded). `ago` is for less_than_ago and more_than_ago.
    """

    operator: ValueOperator
    value: Scalar | tuple[Scalar, ...] | datetime | None = None
    low: int | float | datetime | None = None
    high: int | float | datetime | None = None
    ago: Duration | None = None


@dataclass(frozen=True, slots=True)
class PropertyFilter:
    property: str
    comparison: Comparison


# Conditions and groups.


@dataclass(frozen=True, slots=True)
class MessageCondition:
    event: Interaction
    target: Target
    test: Test
    opens: Opens = Opens.HUMAN
    among: Among = Among.RECIPIENTS
    scope: Scope | None = None


@dataclass(frozen=True, slots=True)
class EventCondition:
    event: str
    test: Test
    where: tuple[PropertyFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class AttributeCondition:
    """`unset` says what a person without a value is: True in, False out, None as the operator has it."""

    attribute: str
    comparison: Comparison
    unset: bool | None = None


@dataclass(frozen=True, slots=True)
class EntryCondition:
    """Inside an automation: a property of the event that began this journey. `unset` as with an attribute."""

    property: str
    comparison: Comparison
    unset: bool | None = None


@dataclass(frozen=True, slots=True)
class SegmentCondition:
    id: int
    member: bool = True


@dataclass(frozen=True, slots=True)
class ListCondition:
    id: int
    member: bool = True


@dataclass(frozen=True, slots=True)
class ReachableCondition:
    channel: Channel
    value: bool = True


Condition = (
    MessageCondition
    | EventCondition
    | AttributeCondition
    | EntryCondition
    | SegmentCondition
    | ListCondition
    | ReachableCondition
)


@dataclass(frozen=True, slots=True)
class Group:
    match: Match
    conditions: tuple[Group | Condition, ...] = ()
    at_least: int | None = None


Node = Group | Condition

EVERYONE = Group(Match.ALL)
