"""What an admin should know of channels: what is switched off, cannot be read, or is left alone because it is down."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse
from django.utils import timezone

from retargeting.channels.models import ChannelConfig, ProviderHealth
from retargeting.channels.registry import PROVIDERS
from retargeting.channels.secrets import Unreadable
from retargeting.web.panels import Concern


def disabled() -> Iterator[Concern]:
    for config in ChannelConfig.objects.filter(enabled=False):
        yield Concern(f"The channel {config} is disabled: nothing is sent on it.", _page(config), for_admins=True)


def troubled() -> Iterator[Concern]:
    closed = {
        (row.channel, row.provider): row for row in ProviderHealth.objects.filter(closed_until__gt=timezone.now())
    }
    for config in ChannelConfig.objects.all():
        if isinstance(config.settings, Unreadable):
            text = f"The settings of the channel {config} were sealed with another key. Type them anew."
            yield Concern(text, _page(config), level="danger", for_admins=True)
            continue
        parts = PROVIDERS[config.provider].parts if config.provider in PROVIDERS else ()
        names = {config.provider: str(config)} | {part.key: f"{config} through {part.label}" for part in parts}
        for provider, name in names.items():
            if row := closed.get((config.channel, provider)):
                text = f"Nothing is sent on {name} for the moment: {row.closed_reason}."
                yield Concern(text, _page(config), level="danger", for_admins=True)


def _page(config: ChannelConfig) -> str:
    return reverse("admin:channels_channelconfig_change", args=[config.pk])
