"""What the sidebar lists. Apps register their entries in `AppConfig.ready()`, so the shell knows none of them.

An entry whose address does not exist is left out; a count is computed when the page shows it and kept for a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from django.core.cache import cache
from django.urls import NoReverseMatch, reverse

SECTIONS = ["", "Reach people", "People", "Measure"]
COUNT_SECONDS = 60


@dataclass(frozen=True)
class Entry:
    """One line of the sidebar: `url_name` takes no arguments, `icon` is a name for `{% icon %}`."""

    section: str
    label: str
    url_name: str
    icon: str
    order: int = 50
    count: Callable[[], int] | None = None


@dataclass
class Item:
    """An entry as one page shows it."""

    entry: Entry
    url: str
    active: bool = False

    @cached_property
    def count(self) -> int | None:
        if self.entry.count is None:
            return None
        return cache.get_or_set(f"navigation-count-{self.entry.url_name}", self.entry.count, COUNT_SECONDS)


@dataclass
class Section:
    title: str
    items: list[Item] = field(default_factory=list)


_entries: dict[str, Entry] = {}


def register(entry: Entry) -> None:
    if entry.section not in SECTIONS:
        raise ValueError(f"{entry.section!r} is no section of the sidebar: {SECTIONS}")
    _entries[entry.url_name] = entry


def forget_counts() -> None:
    """Compute the counts anew: for whoever has just added or removed something the sidebar counts."""
    cache.delete_many([f"navigation-count-{name}" for name in _entries])


def sections(path: str) -> list[Section]:
    """The sidebar for a page at `path`; the entry with the longest matching address is the active one."""
    found = {title: Section(title) for title in SECTIONS}
    for entry in sorted(_entries.values(), key=lambda entry: entry.order):
        try:
            found[entry.section].items.append(Item(entry, reverse(entry.url_name)))
        except NoReverseMatch:
            continue
    items = [item for section in found.values() for item in section.items]
    matching = [item for item in items if path == item.url or (item.url != "/" and path.startswith(item.url))]
    if matching:
        max(matching, key=lambda item: len(item.url)).active = True
    return [section for section in found.values() if section.items]
