"""Whose way through an automation a reported event belongs to. A higher app knows; it registers how to find out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from retargeting.interactions.ingest import MessageEventRow

Finder = Callable[[Sequence[MessageEventRow]], Sequence[int | None]]

_finders: list[Finder] = []


def register(find: Finder) -> None:
    """`find` is given rows without a journey, and gives the journey of each; None where there is none."""
    if find not in _finders:
        _finders.append(find)


def with_journeys(rows: Sequence[MessageEventRow]) -> list[MessageEventRow]:
    found = list(rows)
    for find in _finders:
        found = [row._replace(journey_id=id or row.journey_id) for row, id in zip(found, find(found), strict=True)]
    return found
