from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone

from retargeting.orchestrations.models import MessageStep, Orchestration
from retargeting.profiles.models import CHANNEL_CHOICES
from retargeting.states import StateTable


class DispatchStatus(models.TextChoices):
    PREPARING = "preparing", "Preparing"
    SENDING = "sending", "Sending"
    PAUSED = "paused", "Paused"
    COMPLETED = "completed", "Completed"
    CANCELED = "canceled", "Canceled"


class Dispatch(models.Model):
    """One message on its way to a frozen set of people. A Run of a campaign is one Dispatch.

    `content` is frozen too: what was approved is what is sent, whatever happens to the draft meanwhile.
    """

    STATES = StateTable(
        {
            DispatchStatus.PREPARING: {DispatchStatus.SENDING, DispatchStatus.PAUSED, DispatchStatus.CANCELED},
            DispatchStatus.SENDING: {DispatchStatus.PAUSED, DispatchStatus.CANCELED, DispatchStatus.COMPLETED},
            DispatchStatus.PAUSED: {DispatchStatus.PREPARING, DispatchStatus.SENDING, DispatchStatus.CANCELED},
            DispatchStatus.COMPLETED: set(),
            DispatchStatus.CANCELED: set(),
        }
    )

    orchestration = models.ForeignKey(Orchestration, on_delete=models.PROTECT, related_name="dispatches")
    step = models.ForeignKey(MessageStep, on_delete=models.PROTECT, related_name="dispatches")
    channel = models.CharField(max_length=10, choices=CHANNEL_CHOICES)
    content: models.JSONField[Any, Any] = models.JSONField()
    status = models.CharField(max_length=12, choices=DispatchStatus, default=DispatchStatus.PREPARING)
    deadline = models.DateTimeField(null=True, blank=True, help_text="Nothing is sent after this moment.")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "dispatches"
        indexes = [models.Index(fields=["status"])]

    def __str__(self) -> str:
        return f"{self.orchestration} ({self.get_status_display()})"


class ChunkStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    CLAIMED = "claimed", "Claimed"
    DONE = "done", "Done"


class Chunk(models.Model):
    """A part of a dispatch that one worker sends: the unit of claiming.

    A claim is a lease: a worker that dies stops renewing it, and the clock hands the chunk to another one.
    """

    STATES = StateTable(
        {
            ChunkStatus.PENDING: {ChunkStatus.CLAIMED},
            ChunkStatus.CLAIMED: {ChunkStatus.PENDING, ChunkStatus.DONE},
            ChunkStatus.DONE: set(),
        }
    )

    dispatch = models.ForeignKey(Dispatch, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    profiles = models.BinaryField(help_text="Serialised bitmap of profile ids.")
    status = models.CharField(max_length=10, choices=ChunkStatus, default=ChunkStatus.PENDING)
    lease_until = models.DateTimeField(null=True, blank=True)
    woken_at = models.DateTimeField(null=True, blank=True, help_text="When a worker was last asked to send it.")
    claim = models.UUIDField(null=True, blank=True, help_text="Which claim holds the lease.")

    class Meta:
        ordering = ["dispatch", "number"]
        constraints = [models.UniqueConstraint(fields=["dispatch", "number"], name="chunk_unique")]
        indexes = [
            models.Index(
                fields=["status", "lease_until"],
                name="chunk_open",
                condition=models.Q(status__in=["pending", "claimed"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.dispatch_id}/{self.number}"


class DeliveryStatus(models.TextChoices):
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    RETRY = "retry", "Will be tried again"
    UNCERTAIN = "uncertain", "Uncertain"
    SKIPPED = "skipped", "Skipped"


class SkipReason(models.TextChoices):
    """Why somebody who was in the audience got nothing. Each is counted, listed and shown."""

    NO_ADDRESS = "no_address", "No address"
    UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
    SUPPRESSED = "suppressed", "Address suppressed"
    RENDER_ERROR = "render_error", "Message could not be filled in"
    EXPIRED = "expired", "Too late"
    ERASED = "erased", "Erased"


class Delivery(models.Model):
    """One message to one person. The unique key is what makes a second copy impossible.

    `sending` is written before the provider is called and the outcome after it. A delivery whose worker died in
    between becomes `uncertain`: it may have gone out or not, and somebody decides.
    """

    STATES = StateTable(
        {
            DeliveryStatus.SENDING: {
                DeliveryStatus.SENT,
                DeliveryStatus.FAILED,
                DeliveryStatus.RETRY,
                DeliveryStatus.UNCERTAIN,
            },
            DeliveryStatus.RETRY: {DeliveryStatus.SENDING, DeliveryStatus.FAILED, DeliveryStatus.SKIPPED},
            # A worker that was only slow comes back and knows how it went.
            DeliveryStatus.UNCERTAIN: {DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.RETRY},
            DeliveryStatus.SENT: set(),
            DeliveryStatus.FAILED: set(),
            DeliveryStatus.SKIPPED: set(),
        }
    )

    dispatch = models.ForeignKey(Dispatch, on_delete=models.CASCADE, related_name="deliveries")
    chunk = models.ForeignKey(Chunk, null=True, on_delete=models.SET_NULL, related_name="deliveries")
    profile_id = models.IntegerField()
    address = models.CharField(max_length=1024, blank=True)
    status = models.CharField(max_length=10, choices=DeliveryStatus)
    reason = models.CharField(max_length=30, blank=True, help_text="Why it was skipped or failed.")
    detail = models.TextField(blank=True, help_text="What the provider or the template said.")
    provider_id = models.CharField(max_length=255, blank=True)
    attempt = models.PositiveSmallIntegerField(default=1)
    claim = models.UUIDField(null=True, blank=True, help_text="The claim of the chunk under which it was started.")
    retry_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [models.UniqueConstraint(fields=["dispatch", "profile_id"], name="delivery_once_per_person")]
        indexes = [
            models.Index(fields=["dispatch", "status", "reason"]),
            models.Index(fields=["profile_id", "-created_at"]),
            models.Index(fields=["dispatch"], condition=models.Q(status="uncertain"), name="delivery_uncertain"),
            models.Index(fields=["retry_at"], condition=models.Q(status="retry"), name="delivery_due_retry"),
        ]

    def __str__(self) -> str:
        return f"{self.dispatch_id} to {self.profile_id}: {self.status}"


class HeldClick(models.Model):
    """A click that is not an event yet: it waits to see whether the other links are followed at the same time."""

    dispatch = models.ForeignKey(Dispatch, on_delete=models.CASCADE, related_name="+")
    profile_id = models.IntegerField()
    url = models.TextField()
    clicked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["clicked_at"])]

    def __str__(self) -> str:
        return f"{self.profile_id} to {self.url}"
