"""What the home page is made of. Apps register panels and watchers in `AppConfig.ready()`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

COLUMNS = ["main", "side"]


@dataclass(frozen=True)
class Panel:
    """A card of the home page. `context` returns what `template` needs, or None to leave the card out."""

    name: str
    template: str
    context: Callable[[HttpRequest], dict[str, Any] | None]
    column: str = "main"
    order: int = 50


@dataclass(frozen=True)
class Concern:
    """Something that needs attention: one sentence, and where to look. `level` is warning or danger."""

    text: str
    url: str = ""
    level: str = "warning"
    for_admins: bool = False  # whether only admins can follow `url`


@dataclass(frozen=True)
class Shown:
    template: str
    context: dict[str, Any]


@dataclass(frozen=True)
class Step:
    """A step of the quick start, shown until the last is done. `url_name` takes no arguments and may not exist."""

    text: str
    detail: str
    url_name: str
    done: Callable[[], bool]
    order: int = 50
    for_admins: bool = False


@dataclass(frozen=True)
class ShownStep:
    step: Step
    url: str
    done: bool


_panels: dict[str, Panel] = {}
_steps: dict[str, Step] = {}
_watchers: list[Callable[[], Iterable[Concern]]] = []


def register(panel: Panel) -> None:
    if panel.column not in COLUMNS:
        raise ValueError(f"{panel.column!r} is no column of the home page: {COLUMNS}")
    _panels[panel.name] = panel


def watch(watcher: Callable[[], Iterable[Concern]]) -> None:
    """Add a function that names what needs attention now."""
    if watcher not in _watchers:
        _watchers.append(watcher)


def shown(request: HttpRequest, column: str) -> list[Shown]:
    panels = sorted((panel for panel in _panels.values() if panel.column == column), key=lambda panel: panel.order)
    found = ((panel, panel.context(request)) for panel in panels)
    return [Shown(panel.template, context) for panel, context in found if context is not None]


def concerns() -> list[Concern]:
    return sorted(
        (concern for watcher in _watchers for concern in watcher()), key=lambda concern: concern.level != "danger"
    )


def register_step(step: Step) -> None:
    _steps[step.text] = step


def quick_start(*, administers: bool) -> list[ShownStep]:
    """The way from an empty installation to the first message; gone with its last step."""
    shown = [
        ShownStep(step, url_of(step.url_name) if administers or not step.for_admins else "", step.done())
        for step in sorted(_steps.values(), key=lambda step: step.order)
    ]
    return [] if not shown or shown[-1].done else shown


def url_of(name: str) -> str:
    try:
        return reverse(name) if name else ""
    except NoReverseMatch:
        return ""
