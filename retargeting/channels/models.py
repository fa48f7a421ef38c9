from __future__ import annotations

import hmac
import secrets
import uuid
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


def publishable_key() -> str:
    return "pk_" + secrets.token_urlsafe(18)


def identity_secret() -> dict[str, str]:
    return {"identity": secrets.token_urlsafe(32)}


class Site(models.Model):
    """A web site or app whose pages call us from people's browsers. Its key may be known to everybody.

    Who somebody is, is proved by an HMAC that the site's own server makes with the secret.
    """

    name = models.CharField(max_length=100)
    key = models.CharField(max_length=40, unique=True, default=publishable_key, editable=False)
    secrets = SealedJSONField(default=identity_secret, editable=False)
    origins = models.TextField(help_text="One in a line, such as https://shop.example. Other pages are refused.")
    attributes = models.TextField(
        blank=True, help_text="Names of attributes that pages may set, one in a line. Empty: none."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def allowed_origins(self) -> set[str]:
        return {line.strip().rstrip("/") for line in self.origins.splitlines() if line.strip()}

    @property
    def origins_in_words(self) -> str:
        return ", ".join(sorted(self.allowed_origins))

    @property
    def allowed_attributes(self) -> set[str]:
        return {line.strip() for line in self.attributes.splitlines() if line.strip()}

    def identity_of(self, external_id: str) -> str:
        """The proof that `external_id` is who asks: HMAC-SHA256 of it, hexadecimal; "" if there is no secret."""
        secret = self.secrets.get("identity", "")
        return hmac.new(secret.encode(), external_id.encode(), "sha256").hexdigest() if secret else ""


class InAppMessage(models.Model):
    """A message that waits for a device of its person to ask for it, until it is clicked, closed or too old."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    delivery_id = models.BigIntegerField(null=True, unique=True, help_text="Empty for a test.")
    profile_id = models.IntegerField()
    content: models.JSONField[Any, Any] = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    handed_at = models.DateTimeField(null=True, help_text="When a device first got it.")
    finished_at = models.DateTimeField(null=True, help_text="When it was clicked or closed.")

    class Meta:
        ordering = ["created_at"]
        indexes = [
            models.Index(fields=["profile_id"], condition=models.Q(finished_at=None), name="in_app_waiting"),
            models.Index(fields=["expires_at"]),
        ]

    def __str__(self) -> str:
        return str(self.content.get("title", self.pk))


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
