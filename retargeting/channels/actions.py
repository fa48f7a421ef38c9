from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from retargeting.accounts.actions import Actor, note
from retargeting.channels import health
from retargeting.channels.models import ChannelConfig, InAppMessage, SandboxMessage
from retargeting.channels.registry import PROVIDERS, config_of


@transaction.atomic
def configure_channel(
    *, actor: Actor, channel: str, provider: str, sender: str, enabled: bool, settings: dict[str, Any]
) -> ChannelConfig:
    """Choose how a channel is sent. `settings` are those of the provider's own form, already cleaned.

    Raises ValidationError for a provider that cannot send on the channel. Settings may hold passwords: the Activity
    line says that they changed, not what they are.
    """
    if provider not in PROVIDERS or channel not in PROVIDERS[provider].channels:
        raise ValidationError({"provider": f"{provider} cannot send on {channel}."})
    config = config_of(channel)
    differences = [
        f"{field} from {getattr(config, field) or 'nothing'} to {value or 'nothing'}"
        for field, value in {"provider": provider, "sender": sender, "enabled": enabled}.items()
        if getattr(config, field) != value
    ]
    if config.settings != settings:
        differences.append("settings")
    if differences:
        config.provider, config.sender, config.enabled, config.settings = provider, sender, enabled, settings
        config.full_clean()
        config.save()
        health.start_afresh(config, [part.key for part in PROVIDERS[provider].parts])
        note(
            actor=actor,
            verb="update",
            instance=config,
            summary=f"Changed the channel {config}: {', '.join(differences)}.",
        )
    return config


def scrub(profile_id: int) -> None:
    """What the outbox and the in-app messages say of somebody who is erased names them: it goes."""
    SandboxMessage.objects.filter(profile_id=profile_id).delete()
    InAppMessage.objects.filter(profile_id=profile_id).delete()
