"""Apps and browsers on one channel: each address goes through the service that reaches it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, ClassVar

from django import forms

from retargeting.channels.adapter import Outcome, OutgoingMessage, Provider, Result
from retargeting.channels.apns.provider import ApnsProvider
from retargeting.channels.fcm.provider import FcmProvider
from retargeting.channels.models import ChannelConfig
from retargeting.channels.push.addresses import NAMES, kind_of
from retargeting.channels.webpush.provider import WebPushProvider
from retargeting.conditions.nodes import Channel

PARTS: tuple[type[Provider], ...] = (FcmProvider, ApnsProvider, WebPushProvider)
TIME_TO_START = 4.0
"""Seconds of a batch after which no further service is begun with: one more at its longest ends in half a lease."""


def _fields() -> Iterator[tuple[str, forms.Field]]:
    """Those of each service under its name, none required: if it is used, its own form says what is missing."""
    for part in PARTS:
        yield f"{part.key}_use", forms.BooleanField(label=f"Send through {part.label}", required=False)
        form = part.settings_form()
        for name, field in form.fields.items():
            ours = deepcopy(field)
            ours.required = False
            ours.label = f"{part.label}: {field.label or name.replace('_', ' ')}"
            yield f"{part.key}_{name}", ours


class PushSettings(forms.Form):
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for part in PARTS:
            if not cleaned.get(f"{part.key}_use"):
                for name in [name for name in cleaned if name.startswith(f"{part.key}_")]:
                    del cleaned[name]
                continue
            form = part.settings_form(settings_of(part, cleaned))
            for name, errors in form.errors.items():
                self.add_error(f"{part.key}_{name}", [str(error) for error in errors])
        if not any(cleaned.get(f"{part.key}_use") for part in PARTS) and not self.errors:
            self.add_error(f"{PARTS[0].key}_use", "Choose at least one of the services.")
        return cleaned


PushSettings.base_fields.update(_fields())


class PushProvider(Provider):
    """Holds no pace and no breaker itself: each service has its own, and one that is down does not stop the others."""

    key = "push"
    label = "Apps and browsers together"
    channels = frozenset({Channel.PUSH})
    batch_size = 500
    settings_form = PushSettings
    watched = False
    parts: ClassVar[tuple[type[Provider], ...]] = PARTS

    def deliver(self, messages: Sequence[OutgoingMessage]) -> list[Outcome]:
        began = time.monotonic()
        places: dict[str, list[int]] = defaultdict(list)
        for place, message in enumerate(messages):
            places[kind_of(message.address)].append(place)
        outcomes: dict[int, Outcome] = {}
        for kind, theirs in places.items():
            if time.monotonic() - began > TIME_TO_START:
                late = Outcome(Result.RETRY, detail="waits until another service is done", attempted=False)
                outcomes |= dict.fromkeys(theirs, late)
                continue
            outcomes |= zip(theirs, self._through(kind, [messages[place] for place in theirs]), strict=True)
        return [outcomes[place] for place in range(len(messages))]

    def name_for(self, address: str) -> str:
        return kind_of(address)

    def _through(self, kind: str, messages: Sequence[OutgoingMessage]) -> list[Outcome]:
        part = next(part for part in PARTS if part.key == kind)
        if not self.config.settings.get(f"{kind}_use"):
            detail = f"this is an address of {NAMES[kind]}, which is not set up on this channel"
            return [Outcome(Result.PERMANENT, detail=detail)] * len(messages)
        return part(config_of_part(part, self.config)).send(messages)


def config_of_part(part: type[Provider], config: ChannelConfig) -> ChannelConfig:
    """The channel as it would be if `part` alone were its provider."""
    return ChannelConfig(
        channel=config.channel,
        provider=part.key,
        sender=config.sender,
        settings=settings_of(part, config.settings),
    )


def settings_of(part: type[Provider], settings: Mapping[str, Any]) -> dict[str, Any]:
    prefix = f"{part.key}_"
    return {name.removeprefix(prefix): value for name, value in settings.items() if name.startswith(prefix)}
