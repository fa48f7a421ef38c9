from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone

from retargeting.channels.querysets import SandboxMessageQuerySet
from retargeting.channels.secrets import SealedJSONField
from retargeting.profiles.models import CHANNEL_CHOICES


class ChannelConfig(models.Model):
    """How one channel is sent: its provider, that provider's settings and the sender. One row a channel."""

    channel = models.CharField(max_length=10, choices=CHANNEL_CHOICES, primary_key=True)
    provider = models.CharField(max_length=40, default="sandbox", help_text="Key of a registered provider.")
    sender = models.CharField(max_length=255, blank=True, help_text="Who the message is from: an address or a name.")
    settings: SealedJSONField = SealedJSONField(default=dict, blank=True)
    enabled = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "channel"
        ordering = ["channel"]

    def __str__(self) -> str:
        return self.get_channel_display()


class ProviderHealth(models.Model):
    """How a provider is doing on a channel, as all workers see it; `health` is the only writer."""

    channel = models.CharField(max_length=10, choices=CHANNEL_CHOICES)
    provider = models.CharField(max_length=40)
    last_success_at = models.DateTimeField(null=True)
    last_failure_at = models.DateTimeField(null=True)
    last_failure = models.CharField(max_length=500, blank=True)
    failed_batches = models.PositiveIntegerField(default=0, help_text="In a row, up to now.")
    pauses = models.PositiveSmallIntegerField(default=0, help_text="How often in a row the breaker has opened.")
    closed_until = models.DateTimeField(null=True, help_text="Nothing is sent until then.")
    closed_reason = models.CharField(max_length=300, blank=True)
    next_slot_at = models.DateTimeField(default=timezone.now, help_text="When the pace allows the next message.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "provider"], name="provider_health_unique")]

    def __str__(self) -> str:
        return f"{self.provider} on {self.channel}"


class ProviderMinute(models.Model):
    """How many messages went which way in a minute."""

    channel = models.CharField(max_length=10, choices=CHANNEL_CHOICES)
    provider = models.CharField(max_length=40)
    minute = models.DateTimeField()
    accepted = models.PositiveIntegerField(default=0)
    retry = models.PositiveIntegerField(default=0)
    permanent = models.PositiveIntegerField(default=0)
    unknown = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["channel", "provider", "minute"], name="provider_minute_unique")
        ]

    def __str__(self) -> str:
        return f"{self.provider} on {self.channel} at {self.minute}"


class SandboxMessage(models.Model):
    """A message that the sandbox provider "delivered": into this outbox instead of the world."""

    delivery_id = models.BigIntegerField(null=True)
    orchestration_id = models.IntegerField(null=True, help_text="What it was sent by; empty for a test.")
    profile_id = models.IntegerField(null=True)
    channel = models.CharField(max_length=10, choices=CHANNEL_CHOICES)
    address = models.CharField(max_length=1024)
    content: models.JSONField[Any, Any] = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SandboxMessageQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["delivery_id"]), models.Index(fields=["orchestration_id", "-id"])]

    def __str__(self) -> str:
        return f"{self.channel} to {self.address}"

    @property
    def headline(self) -> str:
        """The line by which a list shows the message."""
        return next((self.content[key] for key in ("subject", "title", "text", "body") if self.content.get(key)), "")
