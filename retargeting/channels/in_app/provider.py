"""Messages inside a web site or app: kept here until a device of the person asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django import forms
from django.utils import timezone

from retargeting.channels.adapter import Outcome, OutgoingMessage, Provider, Result
from retargeting.channels.models import InAppMessage
from retargeting.conditions.nodes import Channel

DAYS = 30


class InAppSettings(forms.Form):
    days = forms.IntegerField(
        label="Keep for so many days",
        required=False,
        min_value=1,
        max_value=365,
        help_text=f"A message that nobody has come for by then is not shown any more. Empty: {DAYS}.",
    )


class InAppProvider(Provider):
    key = "in_app"
    label = "Web SDK"
    channels = frozenset({Channel.IN_APP})
    batch_size = 1000
    watched = False
    settings_form = InAppSettings

    def deliver(self, messages: Sequence[OutgoingMessage]) -> list[Outcome]:
        expires_at = timezone.now() + timedelta(days=self.config.settings.get("days") or DAYS)
        rows = InAppMessage.objects.bulk_create(
            InAppMessage(
                delivery_id=message.delivery_id,
                profile_id=message.profile_id,
                content=dict(message.content),
                expires_at=expires_at,
            )
            for message in messages
        )
        return [Outcome(Result.ACCEPTED, provider_id=str(row.pk), handed_over=False) for row in rows]
