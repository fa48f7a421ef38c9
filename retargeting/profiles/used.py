"""Where a list is used. Apps above that keep conditions register how to find them."""

from __future__ import annotations

from collections.abc import Callable

from retargeting.profiles.models import ProfileList

Finder = Callable[[], dict[int, list[str]]]
"""Gives the names of what uses a list, for every list that is used somewhere, by its id."""

_finders: list[Finder] = []


def register(finder: Finder) -> None:
    _finders.append(finder)


def places() -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for finder in _finders:
        for list_id, names in finder().items():
            found.setdefault(list_id, []).extend(names)
    return found


def places_of(profile_list: ProfileList) -> list[str]:
    """The names of the segments, campaigns and so on whose conditions name `profile_list`."""
    return places().get(profile_list.pk, [])
