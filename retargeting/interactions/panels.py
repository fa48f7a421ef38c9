"""What the room of events shows on pages that know nothing of it: the home page, a person, a label."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from retargeting.conditions.nodes import Interaction
from retargeting.interactions import statistics
from retargeting.interactions.models import CHANNELS_BY_CODE, CustomEvent, MessageEvent
from retargeting.interactions.overview import known_overview
from retargeting.orchestrations.figures import Figures
from retargeting.orchestrations.models import MessageStep, Orchestration
from retargeting.profiles.timeline import Moment

WORDS = {
    Interaction.SENT: ("Was sent", "send"),
    Interaction.DELIVERED: ("Received", "check"),
    Interaction.OPENED: ("Opened", "mail-opened"),
    Interaction.CLICKED: ("Clicked in", "click"),
    Interaction.BOUNCED: ("Bounced", "alert-triangle"),
    Interaction.UNSUBSCRIBED: ("Unsubscribed through", "bell-off"),
    Interaction.COMPLAINED: ("Complained about", "ban"),
    Interaction.SKIPPED: ("Was skipped by", "arrow-right"),
}


def channels(request: HttpRequest) -> dict[str, Any]:
    return {"channels": known_overview()}


def message_moments(profile_id: int, before: datetime | None, limit: int) -> list[Moment]:
    events = list(MessageEvent.objects.of_person(profile_id, before)[:limit])
    orchestrations = Orchestration.objects.in_bulk({event.orchestration_id for event in events})
    steps = MessageStep.objects.in_bulk({event.step_id for event in events})
    moments = []
    for event in events:
        verb, icon = WORDS[event.kind]
        orchestration, step = orchestrations.get(event.orchestration_id), steps.get(event.step_id)
        moments.append(
            Moment(
                at=event.occurred_at,
                icon=icon,
                text=verb,
                target=str(orchestration or "something deleted"),
                url=orchestration.get_absolute_url() if orchestration else "",
                detail=str(step) if step else "",
                channel=str(CHANNELS_BY_CODE[event.channel]),
                machine=event.machine,
            )
        )
    return moments


def custom_moments(profile_id: int, before: datetime | None, limit: int) -> list[Moment]:
    return [
        Moment(
            at=event.occurred_at,
            icon="bolt",
            text=event.name,
            properties=sorted((str(name), str(value)) for name, value in event.properties.items()),
        )
        for event in CustomEvent.objects.of_person(profile_id, before)[:limit]
    ]


COUNTED = (Interaction.SENT, Interaction.OPENED, Interaction.CLICKED)


def figures_of_orchestrations(ids: Sequence[int]) -> dict[int, Figures]:
    return {id: _figures(totals) for id, totals in statistics.totals(ids, events=COUNTED).items()}


def figures_of_steps(ids: Sequence[int]) -> dict[int, Figures]:
    return {id: _figures(totals) for id, totals in statistics.step_totals(ids, events=COUNTED).items()}


def _figures(totals: dict[Interaction, statistics.Total]) -> Figures:
    counted = (totals.get(event) for event in COUNTED)
    return Figures(*(total.people if total else 0 for total in counted))
