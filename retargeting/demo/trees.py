"""Short ways to write condition trees for the sample data, in the JSON form of the language of conditions.

Campaigns, automations, segments and lists have no ids yet when a tree is written down, so trees name them by key;
`resolved` puts the ids in their place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Tree = dict[str, Any]
Ids = Mapping[str, int]
"""Key → id of everything made so far."""

ANY: Tree = {"type": "any"}


def group(*conditions: Tree, match: str = "all", at_least: int | None = None) -> Tree:
    return {"match": match, **({} if at_least is None else {"at_least": at_least}), "conditions": list(conditions)}


def campaign(*keys: str) -> Tree:
    return {"type": "campaign", "ids": list(keys)}


def channel(*names: str) -> Tree:
    return {"type": "channel", "channels": list(names)}


def label(*codes: str) -> Tree:
    return {"type": "label", "codes": list(codes)}


def message(event: str, target: Tree, test: Tree) -> Tree:
    return {"kind": "message", "event": event, "target": target, "test": test}


def did(event: str, target: Tree) -> Tree:
    return message(event, target, {"type": "occurred", "value": True})


def did_not(event: str, target: Tree) -> Tree:
    return message(event, target, {"type": "occurred", "value": False})


def at_least(n: int, event: str, target: Tree, days: int) -> Tree:
    test = {"type": "count_since", "operator": "at_least", "value": n, "amount": days, "unit": "day"}
    return message(event, target, test)


def last(event: str, target: Tree, operator: str, days: int) -> Tree:
    return message(event, target, {"type": "last_event", "operator": operator, "amount": days, "unit": "day"})


def shop(event: str, operator: str, n: int, days: int, **where: Any) -> Tree:
    """How often a custom event happened lately; `where` asks properties to be at least a number."""
    filters = [{"property": key, "operator": "at_least", "value": value} for key, value in where.items()]
    test = {"type": "count_since", "operator": operator, "value": n, "amount": days, "unit": "day"}
    return {"kind": "event", "event": event, **({"where": filters} if filters else {}), "test": test}


def attribute(name: str, operator: str, value: Any) -> Tree:
    return {"kind": "attribute", "attribute": name, "operator": operator, "value": value}


def reachable(channel: str) -> Tree:
    return {"kind": "reachable", "channel": channel, "value": True}


def segment(key: str, *, member: bool = True) -> Tree:
    return {"kind": "segment", "id": key, "member": member}


def on_list(key: str, *, member: bool = True) -> Tree:
    return {"kind": "list", "id": key, "member": member}


def interested(*interests: str) -> Tree:
    return group(*(attribute("interests", "has", interest) for interest in interests), match="any")


def resolved(tree: Tree, ids: Ids) -> Tree:
    """`tree` with every key of a campaign, segment or list replaced by its id."""
    if "conditions" in tree:
        return {**tree, "conditions": [resolved(child, ids) for child in tree["conditions"]]}
    if tree["kind"] in {"segment", "list"}:
        return {**tree, "id": ids[tree["id"]]}
    target = tree.get("target", {})
    if target.get("type") == "campaign":
        return {**tree, "target": {**target, "ids": [ids[key] for key in target["ids"]]}}
    return tree
