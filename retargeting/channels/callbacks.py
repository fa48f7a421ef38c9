"""The address under which a provider tells us of one delivery. Apart from `webhooks`, which knows the providers."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse

from retargeting.channels.receipts import sign_delivery


def callback_url(channel: str, provider: str, delivery_id: int | None = None) -> str:
    arguments = [channel, provider] + ([] if delivery_id is None else [sign_delivery(provider, delivery_id)])
    return settings.PUBLIC_URL + reverse("hook", args=arguments)
