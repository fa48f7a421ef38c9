"""What an evaluation for one person is given: the person's facts and the moment and surroundings it is made in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, TypeVar

from retargeting.conditions.names import KnownNames, Names
from retargeting.conditions.nodes import Channel, Group, Interaction
from retargeting.conditions.values import JSON


@dataclass(frozen=True)
class InteractionFact:
    """A message event. `labels` are those that its orchestration carries now, not those it had then."""

    event: Interaction
    orchestration: int
    kind: Literal["campaign", "automation"]
    step: str | None
    channel: Channel
    labels: frozenset[str]
    machine: bool
    occurred_at: datetime
    journey: int | None = None
    title: str = ""
    id: str = ""


@dataclass(frozen=True)
class EventFact:
    """A custom event."""

    event: str
    properties: Mapping[str, JSON]
    occurred_at: datetime
    id: str = ""


Fact = TypeVar("Fact", InteractionFact, EventFact)


@dataclass(frozen=True)
class Person:
    """All that conditions can ask about one person. Facts come in any order, each once."""

    attributes: Mapping[str, JSON] = field(default_factory=dict)
    interactions: tuple[InteractionFact, ...] = ()
    events: tuple[EventFact, ...] = ()
    reachable: frozenset[Channel] = frozenset()
    lists: frozenset[int] = frozenset()


@dataclass(frozen=True)
class KnownMessage:
    """A message that could be sent to anybody: what events of it are like."""

    orchestration: int
    kind: Literal["campaign", "automation"]
    step: str | None
    channel: Channel
    labels: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Context:
    """What an evaluation is made with.

    `now` is the moment of evaluation (`as_of` stands in for it); `segments` holds the tree of every segment that the
    evaluated tree refers to, directly or not. Inside an automation, `journey` is the person's way through it and
    `automation` the automation it belongs to: conditions on steps of that automation see this journey only. `entry`
    has the properties of the event that began it.
    `messages` are some of those that the conditions ask about: an answer to what is missing supposes events of them.
    """

    now: datetime
    segments: Mapping[int, Group] = field(default_factory=dict)
    names: Names = field(default_factory=KnownNames)
    journey: int | None = None
    automation: int | None = None
    entry: Mapping[str, JSON] = field(default_factory=dict)
    messages: Sequence[KnownMessage] = ()

    def __post_init__(self) -> None:
        if (self.journey is None) != (self.automation is None):
            raise ValueError("A journey is given together with its automation.")

    @property
    def everywhere(self) -> Context:
        """The same outside any journey: a segment means the same wherever it is used."""
        return replace(self, journey=None, automation=None, entry={})
