"""The tiny cast of the rule tests: messages written in one line, and a question put to one person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from retargeting.conditions.codec import decode
from retargeting.conditions.facts import Context, EventFact, InteractionFact, Person
from retargeting.conditions.names import KnownNames
from retargeting.conditions.nodes import Channel, Interaction
from retargeting.conditions.person import Verdict, evaluate

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
NAMES = KnownNames(
    campaigns={12: "Spring sale", 15: "Autumn sale"},
    automations={3: "Onboarding"},
    steps={(3, "welcome"): "Welcome"},
    labels={"promo": "Promo", "news": "News"},
    segments={4: "Bought this month"},
    lists={2: "Gala guests"},
)
SPRING = {"type": "campaign", "ids": [12]}
YES = {"type": "occurred", "value": True}
NO = {"type": "occurred", "value": False}


def happened(event: str, ago: timedelta = timedelta(days=1), **options: Any) -> InteractionFact:
    """A message event of campaign 12 on push, unless told otherwise."""
    facts: dict[str, Any] = {
        "orchestration": 12,
        "kind": "campaign",
        "step": None,
        "channel": Channel.PUSH,
        "labels": frozenset(),
        "machine": False,
    }
    return InteractionFact(Interaction(event), occurred_at=NOW - ago, **facts | options)


def did(event: str, ago: timedelta = timedelta(days=1), **properties: Any) -> EventFact:
    return EventFact(event, properties, NOW - ago)


def with_interactions(*facts: InteractionFact) -> Person:
    return Person(interactions=facts)


def message(event: str, test: dict[str, Any], target: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    return {"kind": "message", "event": event, "target": target or SPRING, "test": test, **options}


def group(*conditions: dict[str, Any], match: str = "all", **options: Any) -> dict[str, Any]:
    return {"match": match, "conditions": list(conditions), **options}


def verdict(condition: dict[str, Any], person: Person, context: Context | None = None) -> Verdict:
    """The verdict on one condition, as the API takes it, standing alone in a tree."""
    tree = decode(group(condition), in_automation=True)
    return evaluate(tree.conditions[0], person, context or Context(NOW, names=NAMES))


def met(condition: dict[str, Any], person: Person, context: Context | None = None) -> bool:
    return verdict(condition, person, context).met
