"""Where a segment is used. Apps above that keep trees register how to find them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from retargeting.audiences.models import Segment
from retargeting.audiences.references import walk
from retargeting.conditions import codec
from retargeting.conditions.nodes import Group, SegmentCondition

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
    segments = ((f"the segment {segment}", segment.audience) for segment in Segment.objects.all())
    found: dict[int, list[str]] = {}
    for name, tree in [*segments, *(pair for trees in _keepers for pair in trees())]:
        for id in _named(codec.decode(tree)):
            found.setdefault(id, []).append(name)
    return found


def _named(tree: Group) -> set[int]:
    return {node.id for _, node in walk(tree) if isinstance(node, SegmentCondition)}
