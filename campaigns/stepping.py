"""The four cards of the editor, and how each of them stands."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from campaigns.forecast import Forecast, forecast
from campaigns.models import Campaign
from campaigns.readiness import Problem, problems
from campaigns.wording import moment_words, people_words
from retargeting.messaging import languages
from retargeting.messaging.content import headline
from retargeting.profiles.models import CHANNEL_CHOICES

STEPS = {"audience": "Audience", "message": "Message", "when": "When", "review": "Review"}


@dataclass(frozen=True)
class Step:
    """One field of the stepper."""

    key: str
    number: int
    name: str
    state: str
    current: bool


def steps_of(
    campaign: Campaign,
    current: str,
    *,
    keys: Collection[str] = frozenset(STEPS),
    counted: Callable[[], Forecast | None] | None = None,
) -> list[Step]:
    """The steps named by `keys`; only their states are worked out. `counted` gives a forecast that is at hand."""
    states: dict[str, Callable[[], str]] = {
        "audience": lambda: _audience((counted or (lambda: forecast(campaign)))()),
        "message": lambda: _message(campaign),
        "when": lambda: moment_words(campaign.send_at) if campaign.send_at else "at launch",
        "review": lambda: _review(problems(campaign)),
    }
    return [
        Step(key, number, name, states[key](), key == current)
        for number, (key, name) in enumerate(STEPS.items(), start=1)
        if key in keys
    ]


def _audience(found: Forecast | None) -> str:
    return "refers to what is gone" if found is None else people_words(found.matched)


def _message(campaign: Campaign) -> str:
    told, channel = languages.told_in(campaign.content), dict(CHANNEL_CHOICES)[campaign.channel]
    parts = [channel]
    if others := campaign.variants.count():
        parts.append(f"{others + 1} variants")
    if told:
        parts.append(f"{len(told) + 1} languages")
    if not headline(campaign.channel, campaign.content):
        parts.append("not written")
    return ", ".join(parts)


def _review(left: list[Problem]) -> str:
    return f"{len(left)} thing{'' if len(left) == 1 else 's'} to finish" if left else "ready"
