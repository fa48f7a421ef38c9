"""What an automation is made of: a trigger, steps in their order, exits and a goal. Nothing about what it does.

Steps form a list; a split has branches, each a list of its own. Whoever comes to the end of a branch goes on behind
the split, unless an exit ends the journey. The codec reads and writes the JSON form, `flow` says what follows what,
and the engine and the simulation share these classes only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from typing import Any

from retargeting.conditions.nodes import Channel, Duration, EventCondition, Group, MessageCondition, Scalar


class StepType(StrEnum):
    MESSAGE = "message"
    DELAY = "delay"
    WAIT_UNTIL = "wait_until"
    SPLIT = "split"
    MULTI_SPLIT = "multi_split"
    RANDOM_SPLIT = "random_split"
    UPDATE_PROFILE = "update_profile"
    WEBHOOK = "webhook"
    EXIT = "exit"


class Weekday(StrEnum):
    """In the order of `date.weekday()`."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


# The branches whose names are given by the type of their step.
YES, NO = "yes", "no"
MET, TIMED_OUT = "met", "timed_out"
OTHERWISE = "otherwise"


@dataclass(frozen=True, slots=True)
class Message:
    """`content` may have gaps until the automation is published."""

    channel: Channel
    content: Mapping[str, Any]
    priority: str = "normal"


@dataclass(frozen=True, slots=True)
class ClockTime:
    """The next time the clocks of somebody's zone show `at`, on one of `weekdays` (none: on any day)."""

    at: time
    weekdays: tuple[Weekday, ...] = ()
    time_zone: str = "UTC"  # for people of whom no zone is known


@dataclass(frozen=True, slots=True)
class Delay:
    """For a time, or until a time of day; one of the two."""

    duration: Duration | None = None
    until: ClockTime | None = None


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Until the event comes or the condition holds; `timeout` ends it by the other branch. None is not chosen yet."""

    timeout: Duration
    event: EventCondition | None = None
    condition: Group | None = None


@dataclass(frozen=True, slots=True)
class Split:
    condition: Group | None


@dataclass(frozen=True, slots=True)
class MultiSplit:
    """The first that holds. `conditions` go with the branches but the last, which is for everybody else."""

    conditions: tuple[Group | None, ...]


@dataclass(frozen=True, slots=True)
class RandomSplit:
    """`weights` go with the branches; they need not make a hundred."""

    weights: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UpdateProfile:
    """Attributes to set; None takes one away."""

    attributes: Mapping[str, Scalar | None]


@dataclass(frozen=True, slots=True)
class Webhook:
    """A signed POST. `values` are sent along as they are."""

    url: str
    values: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Exit:
    pass


Action = Message | Delay | WaitUntil | Split | MultiSplit | RandomSplit | UpdateProfile | Webhook | Exit

TYPES: dict[type, StepType] = {
    Message: StepType.MESSAGE,
    Delay: StepType.DELAY,
    WaitUntil: StepType.WAIT_UNTIL,
    Split: StepType.SPLIT,
    MultiSplit: StepType.MULTI_SPLIT,
    RandomSplit: StepType.RANDOM_SPLIT,
    UpdateProfile: StepType.UPDATE_PROFILE,
    Webhook: StepType.WEBHOOK,
    Exit: StepType.EXIT,
}


@dataclass(frozen=True, slots=True)
class Branch:
    key: str
    steps: tuple[Step, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """`key` stays with it through all versions: journeys, events and conditions name it by that."""

    key: str
    action: Action
    name: str = ""
    branches: tuple[Branch, ...] = ()

    @property
    def type(self) -> StepType:
        return TYPES[type(self.action)]


# What begins a journey.


class Crossing(StrEnum):
    ENTERS = "enters"
    LEAVES = "leaves"


class Existing(StrEnum):
    """What becomes of those who are in the segment when the automation is published."""

    WAIT = "wait"
    ENTER = "enter"


@dataclass(frozen=True, slots=True)
class EventTrigger:
    """A custom event, with filters on its properties."""

    event: EventCondition


@dataclass(frozen=True, slots=True)
class MessageTrigger:
    """A message event, such as opening a campaign."""

    event: MessageCondition


@dataclass(frozen=True, slots=True)
class SegmentTrigger:
    segment: int
    on: Crossing = Crossing.ENTERS
    existing: Existing = Existing.WAIT


@dataclass(frozen=True, slots=True)
class ScheduleTrigger:
    """The audience enters at a moment, and again where it repeats; see `messaging.recurring`."""

    at: datetime
    time_zone: str = "UTC"
    repeat: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ApiTrigger:
    """A program names who enters."""


Trigger = EventTrigger | MessageTrigger | SegmentTrigger | ScheduleTrigger | ApiTrigger


class Reentry(StrEnum):
    NEVER = "never"
    ALWAYS = "always"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class EntryCap:
    """At most so many entries in all, or in a rolling time."""

    most: int
    within: Duration | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """Who may enter, how often, and when.

    With `key`, a property of the trigger's event, each value of it has a journey of its own at the same time; without
    it somebody is on one way at a time. `pause` goes with "after" and counts from the last entry.
    """

    audience: Group | None = None
    reentry: Reentry = Reentry.NEVER
    pause: Duration | None = None
    key: str = ""
    cap: EntryCap | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """What the automation is for: this event within that time of the entry. `exits`: reaching it ends the journey."""

    event: EventCondition
    within: Duration
    exits: bool = True


@dataclass(frozen=True, slots=True)
class Definition:
    """All of an automation that has versions. `holdout` percent of those who enter get nothing, to compare."""

    trigger: Trigger | None = None
    entry: Entry = field(default_factory=Entry)
    steps: tuple[Step, ...] = ()
    exits: tuple[EventCondition, ...] = ()
    goal: Goal | None = None
    holdout: int = 0

    def walk(self) -> Iterator[Step]:
        """Every step, from top to bottom."""
        return walk(self.steps)


def walk(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        for branch in step.branches:
            yield from walk(branch.steps)
