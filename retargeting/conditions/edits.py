"""Single changes of a person: something that had happened (or not), a value, a list, a channel that reaches them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from retargeting.conditions.facts import EventFact, InteractionFact, Person
from retargeting.conditions.nodes import (
    AttributeCondition,
    Channel,
    EventCondition,
    Interaction,
    ListCondition,
    MessageCondition,
    ReachableCondition,
)
from retargeting.conditions.person import on_target
from retargeting.conditions.unfolded import Leaf
from retargeting.conditions.values import JSON


@dataclass(frozen=True)
class Events:
    """The events in `went` had not happened, and `came` had, `times` times; all of one kind."""

    came: InteractionFact | EventFact | None = None
    times: int = 1
    went: tuple[InteractionFact | EventFact, ...] = ()

    def applied(self, person: Person) -> Person:
        gone = {id(fact) for fact in self.went}
        messages = tuple(fact for fact in person.interactions if id(fact) not in gone)
        events = tuple(fact for fact in person.events if id(fact) not in gone)
        if isinstance(self.came, InteractionFact):
            messages += (self.came,) * self.times
        elif self.came is not None:
            events += (self.came,) * self.times
        return replace(person, interactions=messages, events=events)

    def touches(self, leaf: Leaf) -> bool:
        some = self.came or self.went[0]
        return concerns(some, leaf) or any(concerns(fact, leaf) for fact in self.went)


@dataclass(frozen=True)
class Value:
    """The attribute had this value; None is without one."""

    attribute: str
    value: JSON

    def applied(self, person: Person) -> Person:
        return replace(person, attributes={**person.attributes, self.attribute: self.value})

    def touches(self, leaf: Leaf) -> bool:
        return isinstance(leaf.node, AttributeCondition) and leaf.node.attribute == self.attribute


@dataclass(frozen=True)
class Listing:
    """They were on the list, or not if they are."""

    list: int

    def applied(self, person: Person) -> Person:
        return replace(person, lists=person.lists ^ {self.list})

    def touches(self, leaf: Leaf) -> bool:
        return isinstance(leaf.node, ListCondition) and leaf.node.id == self.list


@dataclass(frozen=True)
class Reaching:
    """They could be reached on the channel, or not if they can."""

    channel: Channel

    def applied(self, person: Person) -> Person:
        return replace(person, reachable=person.reachable ^ {self.channel})

    def touches(self, leaf: Leaf) -> bool:
        return isinstance(leaf.node, ReachableCondition) and leaf.node.channel == self.channel


Edit = Events | Value | Listing | Reaching


def concerns(fact: InteractionFact | EventFact, leaf: Leaf) -> bool:
    """Whether the verdict on the leaf can depend on the event."""
    node = leaf.node
    if isinstance(fact, EventFact):
        return isinstance(node, EventCondition) and node.event == fact.event
    if not isinstance(node, MessageCondition) or fact.event not in (node.event, Interaction.SENT):
        return False
    return on_target(fact, node, leaf.context)


def narrowed(person: Person, leaf: Leaf) -> Person:
    """The person with only those events on which the verdict on the leaf can depend."""
    return replace(
        person,
        interactions=tuple(fact for fact in person.interactions if concerns(fact, leaf)),
        events=tuple(fact for fact in person.events if concerns(fact, leaf)),
    )
