"""Definitions to try things with."""

from __future__ import annotations

from typing import Any

from automations.graph import codec
from automations.graph.nodes import Definition

PUSH = {"title": "Still there?", "body": "Your cart is waiting."}


def push(key: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "type": "message", "channel": "push", "message": PUSH, **more}


def delay(key: str, amount: int = 1, unit: str = "hour") -> dict[str, Any]:
    return {"key": key, "type": "delay", "for": {"amount": amount, "unit": unit}}


def opened(automation: int, key: str, *, value: bool = True, **more: Any) -> dict[str, Any]:
    """Whether the message of that step was opened."""
    target = {"type": "step", "automation": automation, "keys": [key]}
    test = {"type": "occurred", "value": value}
    condition = {"kind": "message", "event": "opened", "target": target, "test": test, **more}
    return {"match": "all", "conditions": [condition]}


def guide(automation: int) -> dict[str, Any]:
    """The example of the guide: push → wait → opened? → yes: nothing more, no: a follow-up."""
    return {
        "trigger": {"type": "event", "event": "added_to_cart"},
        "steps": [
            push("first", name="First push"),
            delay("wait"),
            {
                "key": "seen",
                "type": "split",
                "condition": opened(automation, "first"),
                "yes": [],
                "no": [push("again")],
            },
        ],
    }


def definition(**parts: Any) -> Definition:
    return codec.decode({"trigger": {"type": "api"}, **parts})
