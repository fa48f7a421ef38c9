"""What became of orchestrations, in people. The room that keeps events registers how it is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.core.cache import cache

CACHE_SECONDS = 60


@dataclass(frozen=True)
class Figures:
    """People who were sent it, opened it and clicked in it; machines left out."""

    sent: int = 0
    opened: int = 0
    clicked: int = 0

    def __add__(self, other: Figures) -> Figures:
        return Figures(self.sent + other.sent, self.opened + other.opened, self.clicked + other.clicked)


Counter = Callable[[Sequence[int]], dict[int, Figures]]

_counters: dict[str, Counter] = {}


def register(kind: str, counter: Counter) -> None:
    """`kind` is orchestrations or steps; the counter takes ids and may leave out those without events."""
    _counters[kind] = counter


def of_orchestrations(ids: Sequence[int]) -> dict[int, Figures]:
    return _of("orchestrations", ids)


def of_steps(ids: Sequence[int]) -> dict[int, Figures]:
    return _of("steps", ids)


def _of(kind: str, ids: Sequence[int]) -> dict[int, Figures]:
    """A minute old at most; each id is kept by itself, so that lists share what pages have counted."""
    keys = {f"figures-{kind}-{id}": id for id in ids}
    known = {keys[key]: figures for key, figures in cache.get_many(keys).items()}
    missing = [id for id in ids if id not in known]
    if missing and kind in _counters:
        counted = _counters[kind](missing)
        fresh = {id: counted.get(id, Figures()) for id in missing}
        cache.set_many({f"figures-{kind}-{id}": figures for id, figures in fresh.items()}, CACHE_SECONDS)
        known |= fresh
    return {id: known.get(id, Figures()) for id in ids}
