"""The builder's draft: a tree as it is being typed, with half-filled rows and stable ids.

A row holds what its controls hold, as texts by the name of the control. What these texts mean is read in `reading`,
how a tree becomes a draft is in `filling`, what the buttons do in `operations`.
"""

from __future__ import annotations

import copy
import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

ID = re.compile(r"[a-z0-9]{1,16}")
MAX_NODES = 400
"""More than a hundred conditions in groups can be; what is posted beyond is dropped."""


def new_id() -> str:
    return secrets.token_hex(4)


Values = dict[str, list[str]]


@dataclass
class Fields:
    """What the controls of one row or of one filter hold."""

    id: str
    values: Values = field(default_factory=dict)

    def one(self, name: str, default: str = "") -> str:
        return self.values[name][-1] if self.values.get(name) else default

    def all(self, name: str) -> list[str]:
        return self.values.get(name, [])

    def put(self, name: str, *values: str) -> None:
        self.values[name] = list(values)

    def default(self, name: str, value: str) -> None:
        """Set a control that is not there yet; one that was emptied stays empty."""
        if name not in self.values:
            self.values[name] = [value]

    def drop(self, *names: str) -> None:
        for name in names:
            self.values.pop(name, None)


@dataclass
class DraftFilter(Fields):
    """A filter on a property of an event."""


@dataclass
class DraftRow(Fields):
    """A condition."""

    filters: list[DraftFilter] = field(default_factory=list)


@dataclass
class DraftGroup:
    id: str
    match: str = "all"
    at_least: str = ""
    items: list[DraftRow | DraftGroup] = field(default_factory=list)


DraftItem = DraftRow | DraftGroup


@dataclass
class Deleted:
    """The node deleted last and where it was, for undo."""

    parent: str
    index: int
    item: DraftItem


@dataclass
class Draft:
    root: DraftGroup
    deleted: Deleted | None = None
    before: int | None = None
    """How many people the previous draft had."""
    person: str = ""
    """Whom to check: an external id or an email address."""
    operation: str = ""
    """The button that was pressed, if one was."""
    focus: str = ""
    """Where the keyboard goes after an operation: "node-control"."""
    notice: str = ""
    """Why an operation was not done."""

    def places(self) -> Iterator[Place]:
        """Every node with where it stands, parents first."""
        yield from places_in(self.root)

    def place(self, id: str) -> Place | None:
        return next((place for place in self.places() if place.item.id == id), None)

    @property
    def conditions(self) -> int:
        return sum(isinstance(place.item, DraftRow) for place in self.places())


@dataclass(frozen=True)
class Place:
    """A node, the group it is in (None for the root), its position there, and the depth of groups around it."""

    item: DraftItem
    parent: DraftGroup | None
    index: int
    depth: int


def places_in(item: DraftItem, parent: DraftGroup | None = None, index: int = 0, depth: int = 1) -> Iterator[Place]:
    """The node and every node inside it."""
    yield Place(item, parent, index, depth)
    if isinstance(item, DraftGroup):
        for position, child in enumerate(item.items):
            yield from places_in(child, item, position, depth + 1)


def height(item: DraftItem) -> int:
    """How many groups deep a node is by itself; 0 for a row."""
    if isinstance(item, DraftRow):
        return 0
    return 1 + max((height(child) for child in item.items), default=0)


def copied(item: DraftItem) -> DraftItem:
    """The same again under new ids."""
    twin = copy.deepcopy(item)
    for place in places_in(twin):
        place.item.id = new_id()
        if isinstance(place.item, DraftRow):
            for one in place.item.filters:
                one.id = new_id()
    return twin


# A deleted node waits in a hidden field.


def to_json(deleted: Deleted) -> str:
    return json.dumps([deleted.parent, deleted.index, _dumped(deleted.item)], separators=(",", ":"))


def _dumped(item: DraftItem) -> Any:
    if isinstance(item, DraftGroup):
        return [item.id, item.match, item.at_least, [_dumped(child) for child in item.items]]
    return [item.id, item.values, [[one.id, one.values] for one in item.filters]]


def from_json(text: str) -> Deleted | None:
    """The deleted node, or None for anything that is not one: it comes from a browser."""
    try:
        parent, index, item = json.loads(text)
        if not (isinstance(parent, str) and isinstance(index, int) and index >= 0):
            return None
        return Deleted(parent, index, _loaded(item))
    except (ValueError, TypeError, RecursionError):
        return None


def _loaded(data: Any) -> DraftItem:
    if len(data) == 4:
        id, match, at_least, items = data
        return DraftGroup(_checked_id(id), str(match), str(at_least), [_loaded(item) for item in items])
    id, values, filters = data
    return DraftRow(
        _checked_id(id), _checked(values), [DraftFilter(_checked_id(one), _checked(held)) for one, held in filters]
    )


def _checked_id(id: Any) -> str:
    if not isinstance(id, str) or not ID.fullmatch(id):
        raise ValueError("no id of a node")
    return id


def _checked(values: Any) -> Values:
    if not isinstance(values, dict):
        raise TypeError("no values of a node")
    return {str(name): [str(value) for value in held] for name, held in values.items() if isinstance(held, list)}
