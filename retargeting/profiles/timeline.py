"""Everything that happened to a person, newest first. Higher rooms register where moments come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter

PAGE = 50


@dataclass(frozen=True)
class Moment:
    """One line: “`text` `target`” with its channel; `properties` are pairs of names and values."""

    at: datetime
    icon: str
    text: str
    target: str = ""
    url: str = ""
    detail: str = ""
    channel: str = ""
    machine: bool = False
    properties: list[tuple[str, str]] = field(default_factory=list)


Source = Callable[[int, datetime | None, int], list[Moment]]
"""Takes a profile id, a moment (or None) and a number; gives so many moments before it, newest first."""

_sources: list[Source] = []


def register(source: Source) -> None:
    if source not in _sources:
        _sources.append(source)


def page(profile_id: int, before: datetime | None = None, size: int = PAGE) -> tuple[list[Moment], datetime | None]:
    """Moments before a time, and the time to ask with for the next ones; None when there are none."""
    found = [moment for source in _sources for moment in source(profile_id, before, size + 1)]
    found.sort(key=attrgetter("at"), reverse=True)
    if len(found) <= size:
        return found, None
    # Moments of one and the same time stay together, so that the next page loses none of them.
    cut = size
    while cut and found[cut - 1].at == found[size].at:
        cut -= 1
    shown = found[: cut or size]
    return shown, shown[-1].at
