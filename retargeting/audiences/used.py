"""Where segments and lists are used. Apps above that keep trees register how to find them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from retargeting.audiences.models import Segment
from retargeting.audiences.references import walk
from retargeting.conditions import codec
from retargeting.conditions.nodes import Group, ListCondition, SegmentCondition

Trees = Callable[[], Iterable[tuple[str, object]]]
"""Gives (what it is called, stored JSON tree) for each tree that an app keeps and may still use."""

_keepers: list[Trees] = []


def register(trees: Trees) -> None:
    _keepers.append(trees)


def places_of(segment: Segment) -> list[str]:
    """The names of the segments, campaigns and so on whose tree names `segment`."""
    return places().get(segment.pk, [])


def places() -> dict[int, list[str]]:
    """The same for every segment that is used somewhere, by its id; each tree is read once."""
    return _places(SegmentCondition)


def places_of_lists() -> dict[int, list[str]]:
    """The same for every list."""
    return _places(ListCondition)


def _places(kind: type[SegmentCondition | ListCondition]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for name, tree in _trees():
        for id in {node.id for _, node in walk(tree) if isinstance(node, kind)}:
            found.setdefault(id, []).append(name)
    return found


def _trees() -> Iterator[tuple[str, Group]]:
    for segment in Segment.objects.all():
        yield f"the segment {segment}", codec.decode(segment.audience)
    for trees in _keepers:
        for name, tree in trees():
            yield name, codec.decode(tree)
