from __future__ import annotations

from typing import Any

from django.db import models

from retargeting.channels.querysets import SandboxMessageQuerySet
from retargeting.profiles.models import CHANNEL_CHOICES


class ChannelConfig(models.Model):
    """How one channel is sent: its provider, that provider's settings and the sender. One row a channel."""

    channel = models.CharField(max_length=10, choices=CHANNEL_CHOICES, primary_key=True)
    provider = models.CharField(max_length=40, default="sandbox", help_text="Key of a registered provider.")
    sender = models.CharField(max_length=255, blank=True, help_text="Who the message is from: an address or a name.")
    settings: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    enabled = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "channel"
        ordering = ["channel"]

    def __str__(self) -> str:
        return self.get_channel_display()


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
