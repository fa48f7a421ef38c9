"""Cards on the page of a person that higher rooms add. They register them in `AppConfig.ready()`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from retargeting.profiles.models import Profile

Context = Callable[[HttpRequest, Profile], dict[str, Any] | None]
"""Gives what the template needs, as `card` in it; None leaves the card out."""


@dataclass(frozen=True)
class Shown:
    template: str
    context: dict[str, Any]


_cards: dict[str, Context] = {}


def register(template: str, context: Context) -> None:
    _cards[template] = context


def shown(request: HttpRequest, person: Profile) -> list[Shown]:
    found = ((template, context(request, person)) for template, context in _cards.items())
    return [Shown(template, context) for template, context in found if context is not None]
