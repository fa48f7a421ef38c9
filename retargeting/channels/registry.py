"""The providers that there are. A new one is a folder and a line here."""

from __future__ import annotations

from retargeting.channels.adapter import Provider
from retargeting.channels.apns.provider import ApnsProvider
from retargeting.channels.esp.provider import EspProvider
from retargeting.channels.fcm.provider import FcmProvider
from retargeting.channels.gateway.provider import GatewayProvider
from retargeting.channels.in_app.provider import InAppProvider
from retargeting.channels.models import ChannelConfig
from retargeting.channels.push.provider import PushProvider
from retargeting.channels.sandbox.provider import SandboxProvider
from retargeting.channels.smtp.provider import SmtpProvider
from retargeting.channels.twilio.provider import TwilioProvider
from retargeting.channels.webpush.encryption import public_key_of
from retargeting.channels.webpush.provider import WebPushProvider
from retargeting.conditions.nodes import Channel

PROVIDERS: dict[str, type[Provider]] = {
    provider.key: provider
    for provider in (
        SandboxProvider,
        FcmProvider,
        ApnsProvider,
        WebPushProvider,
        PushProvider,
        SmtpProvider,
        EspProvider,
        TwilioProvider,
        GatewayProvider,
        InAppProvider,
    )
}


def providers_for(channel: str) -> list[type[Provider]]:
    return [provider for provider in PROVIDERS.values() if channel in provider.channels]


def provider_for(channel: str) -> Provider:
    """The provider that the admin has chosen for `channel`."""
    config = config_of(channel)
    return PROVIDERS[config.provider](config)


def push_key() -> str | None:
    """The public key with which browsers subscribe to Web Push; None where that is not set up."""
    config = config_of(Channel.PUSH)
    names = {WebPushProvider.key: "private_key", PushProvider.key: "webpush_private_key"}
    private = config.settings.get(names.get(config.provider, ""))
    return public_key_of(private) if private else None


def config_of(channel: str) -> ChannelConfig:
    config, _ = ChannelConfig.objects.get_or_create(channel=Channel(channel))
    return config
