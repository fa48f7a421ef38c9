"""The search over everything. Apps register a searcher in `AppConfig.ready()`; the page asks each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

LIMIT = 8


@dataclass(frozen=True)
class Hit:
    title: str
    url: str
    icon: str
    detail: str = ""


@dataclass(frozen=True)
class Searcher:
    """`find` takes the words and how many hits are wanted at most."""

    title: str
    find: Callable[[str, int], Iterable[Hit]]
    order: int = 50


@dataclass(frozen=True)
class Results:
    title: str
    hits: list[Hit]


_searchers: dict[str, Searcher] = {}


def register(searcher: Searcher) -> None:
    _searchers[searcher.title] = searcher


def search(words: str) -> list[Results]:
    """Groups of hits, those without any left out."""
    words = words.strip().replace("\x00", "")
    if not words:
        return []
    groups = (
        Results(searcher.title, list(searcher.find(words, LIMIT)))
        for searcher in sorted(_searchers.values(), key=lambda searcher: searcher.order)
    )
    return [group for group in groups if group.hits]
