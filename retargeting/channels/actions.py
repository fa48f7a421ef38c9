from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from retargeting.accounts.actions import Actor, note
from retargeting.channels import health
from retargeting.channels.models import ChannelConfig, InAppMessage, SandboxMessage, Site, identity_secret
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


@transaction.atomic
def save_site(*, actor: Actor, site: Site) -> Site:
    """Raises ValidationError, by field."""
    new = site.pk is None
    site.full_clean()
    site.save()
    verb, said = ("create", "Created") if new else ("update", "Changed")
    note(actor=actor, verb=verb, instance=site, summary=f"{said} the site {site}, for {site.origins_in_words}.")
    return site


@transaction.atomic
def renew_identity(*, actor: Actor, site: Site) -> str:
    """Give the site another secret, and return it: it is not shown again. Proofs made with the old one end."""
    site.secrets = identity_secret()
    site.save(update_fields=["secrets"])
    note(actor=actor, verb="update", instance=site, summary=f"Made a new secret for the site {site}.")
    return site.secrets["identity"]


@transaction.atomic
def delete_site(*, actor: Actor, site: Site) -> None:
    note(actor=actor, verb="delete", instance=site, summary=f"Deleted the site {site}.")
    site.delete()


def scrub(profile_id: int) -> None:
    """What the outbox and the in-app messages say of somebody who is erased names them: it goes."""
    SandboxMessage.objects.filter(profile_id=profile_id).delete()
    InAppMessage.objects.filter(profile_id=profile_id).delete()
