from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from retargeting.orchestrations.models import Label, MessageStep, Orchestration
from retargeting.profiles.models import CHANNEL_CHOICES
from retargeting.states import StateTable


class DispatchStatus(models.TextChoices):
    PREPARING = "preparing", "Preparing"
    SENDING = "sending", "Sending"
    PAUSED = "paused", "Paused"
    COMPLETED = "completed", "Completed"
    CANCELED = "canceled", "Canceled"


class Priority(models.TextChoices):
    """How much a message may ask of people who were written to a lot."""

    NORMAL = "normal", "Normal"
    HIGH = "high", "High: may use what frequency caps keep for it"
    SERVICE = "service", "Service message: neither caps, quiet hours nor the control group hold it back"


class Dispatch(models.Model):
    """One message on its way to a frozen set of people. A Run of a campaign is one Dispatch.

    `content` is frozen too: what was approved is what is sent, whatever happens to the draft meanwhile.
    """

    STATES = StateTable(
        {
            DispatchStatus.PREPARING: {DispatchStatus.SENDING, DispatchStatus.PAUSED, DispatchStatus.CANCELED},
            DispatchStatus.SENDING: {DispatchStatus.PAUSED, DispatchStatus.CANCELED, DispatchStatus.COMPLETED},
            DispatchStatus.PAUSED: {DispatchStatus.PREPARING, DispatchStatus.SENDING, DispatchStatus.CANCELED},
            # For failed or uncertain messages that somebody wants to be tried again.
            DispatchStatus.COMPLETED: {DispatchStatus.SENDING},
            DispatchStatus.CANCELED: set(),
        }
    )

    orchestration = models.ForeignKey(Orchestration, on_delete=models.PROTECT, related_name="dispatches")
    step = models.ForeignKey(MessageStep, on_delete=models.PROTECT, related_name="dispatches")
    channel = models.CharField(max_length=10, choices=CHANNEL_CHOICES)
    content: models.JSONField[Any, Any] = models.JSONField()
    status = models.CharField(max_length=12, choices=DispatchStatus, default=DispatchStatus.PREPARING)
    priority = models.CharField(max_length=10, choices=Priority, default=Priority.NORMAL)
    holdout = models.PositiveSmallIntegerField(default=0, help_text="Percent of people who get nothing, to compare.")
    variants: models.JSONField[Any, Any] = models.JSONField(
        default=list, db_default=[], blank=True, help_text="See `variants`; empty where everybody gets `content`."
    )
    test_share = models.PositiveSmallIntegerField(
        default=100, db_default=100, help_text="Percent of people who try the variants; the others get the winner."
    )
    winner = models.CharField(max_length=1, blank=True, default="", db_default="", help_text="Key of a variant.")
    winner_at = models.DateTimeField(null=True, blank=True, help_text="When the winner was chosen.")
    duplicates = models.BinaryField(null=True, help_text="Bitmap of those whose address somebody else has as well.")
    held_until = models.DateTimeField(null=True, blank=True, help_text="Until then a launch can be undone.")
    pace = models.PositiveIntegerField(null=True, blank=True, help_text="At most so many messages a minute.")
    next_release_at = models.DateTimeField(null=True, blank=True, help_text="When its pace allows the next chunk.")
    deadline = models.DateTimeField(null=True, blank=True, help_text="Nothing is sent after this moment.")
    open_until = models.DateTimeField(null=True, blank=True, help_text="Until then more people may be added.")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "dispatches"
        indexes = [models.Index(fields=["status"])]

    def __str__(self) -> str:
        return f"{self.orchestration} ({self.get_status_display()})"


class ChunkStatus(models.TextChoices):
    WAITING = "waiting", "Waiting for its time"
    PENDING = "pending", "Pending"
    CLAIMED = "claimed", "Claimed"
    DONE = "done", "Done"


class Chunk(models.Model):
    """A part of a dispatch that one worker sends: the unit of claiming. Some wait first: for a time, or their turn.

    A claim is a lease: a worker that dies stops renewing it, and the clock hands the chunk to another one.
    """

    STATES = StateTable(
        {
            ChunkStatus.WAITING: {ChunkStatus.PENDING},
            ChunkStatus.PENDING: {ChunkStatus.CLAIMED},
            ChunkStatus.CLAIMED: {ChunkStatus.PENDING, ChunkStatus.DONE},
            ChunkStatus.DONE: set(),
        }
    )

    dispatch = models.ForeignKey(Dispatch, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    profiles = models.BinaryField(help_text="Serialised bitmap of profile ids.")
    journeys = models.BinaryField(
        null=True, help_text="For a step of an automation: whose journey each is, in the order of their ids."
    )
    status = models.CharField(max_length=10, choices=ChunkStatus, default=ChunkStatus.PENDING)
    due_at = models.DateTimeField(null=True, blank=True, help_text="When it may be sent; empty: not decided yet.")
    deadline = models.DateTimeField(null=True, blank=True, help_text="Of its own: that of a zone.")
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
            ),
            models.Index(fields=["due_at"], name="chunk_waiting", condition=models.Q(status="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.dispatch_id}/{self.number}"


class DeliveryStatus(models.TextChoices):
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    RETRY = "retry", "Will be tried again"
    DEFERRED = "deferred", "Put off"
    UNCERTAIN = "uncertain", "Uncertain"
    SKIPPED = "skipped", "Skipped"


class SkipReason(models.TextChoices):
    """Why somebody who was in the audience got nothing. Each is counted, listed and shown."""

    NO_ADDRESS = "no_address", "No address"
    UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
    SUPPRESSED = "suppressed", "Address suppressed"
    DUPLICATE = "duplicate", "Address of somebody else too"
    CAPPED = "capped", "Over a frequency cap"
    QUIET_HOURS = "quiet_hours", "Quiet hours"
    CONTROL_GROUP = "control_group", "Control group"
    HOLDOUT = "holdout", "Holdout"
    RENDER_ERROR = "render_error", "Message could not be filled in"
    EXPIRED = "expired", "Too late"
    ERASED = "erased", "Erased"
    CANCELED = "canceled", "Campaign canceled"


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
            DeliveryStatus.RETRY: {
                DeliveryStatus.SENDING,
                DeliveryStatus.FAILED,
                DeliveryStatus.SKIPPED,
                DeliveryStatus.DEFERRED,
            },
            DeliveryStatus.DEFERRED: {DeliveryStatus.SENDING, DeliveryStatus.SKIPPED, DeliveryStatus.FAILED},
            # A worker that was only slow comes back and knows how it went.
            DeliveryStatus.UNCERTAIN: {DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.RETRY},
            DeliveryStatus.SENT: set(),
            # Somebody asks for it: "retry failed only".
            DeliveryStatus.FAILED: {DeliveryStatus.RETRY},
            DeliveryStatus.SKIPPED: set(),
        }
    )

    dispatch = models.ForeignKey(Dispatch, on_delete=models.CASCADE, related_name="deliveries")
    chunk = models.ForeignKey(Chunk, null=True, on_delete=models.SET_NULL, related_name="deliveries")
    profile_id = models.IntegerField()
    journey_id = models.BigIntegerField(null=True, blank=True, help_text="In an automation, on which way through it.")
    address = models.CharField(max_length=1024, blank=True)
    variant = models.CharField(max_length=1, blank=True, default="", db_default="", help_text="Key; see `variants`.")
    provider = models.CharField(max_length=20, blank=True, default="", db_default="", help_text="Who was to send it.")
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
            # With the people in it, so that a report by variant reads no rows.
            models.Index(
                fields=["dispatch", "variant", "profile_id"],
                condition=models.Q(status="sent") & ~models.Q(variant=""),
                name="delivery_by_variant",
            ),
            models.Index(fields=["dispatch"], condition=models.Q(status="uncertain"), name="delivery_uncertain"),
            models.Index(
                fields=["retry_at"], condition=models.Q(status__in=["retry", "deferred"]), name="delivery_due_again"
            ),
            models.Index(
                fields=["profile_id"],
                condition=models.Q(status__in=["sending", "uncertain"]),
                name="delivery_on_its_way",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dispatch_id} to {self.profile_id}: {self.status}"


class WhenReached(models.TextChoices):
    SKIP = "skip", "Skip the message"
    DEFER = "defer", "Put it off until it fits"


class CapUnit(models.TextChoices):
    HOUR = "hour", "hours"
    DAY = "day", "days"
    WEEK = "week", "weeks"


class FrequencyCap(models.Model):
    """At most so many messages to a person in a rolling time; see `caps`."""

    name = models.CharField(max_length=100, unique=True)
    channel = models.CharField(
        max_length=10, choices=CHANNEL_CHOICES, blank=True, help_text="Empty: messages on all channels together."
    )
    label = models.ForeignKey(
        Label, null=True, blank=True, on_delete=models.CASCADE, related_name="caps",
        help_text="Only messages of campaigns and automations that carry it are counted and held back.",
    )  # fmt: skip
    most = models.PositiveIntegerField(
        "at most", validators=[MinValueValidator(1), MaxValueValidator(1000)], help_text="Messages to one person."
    )
    amount = models.PositiveIntegerField("in the last", validators=[MinValueValidator(1), MaxValueValidator(1000)])
    unit = models.CharField(max_length=5, choices=CapUnit, default=CapUnit.DAY)
    reserved = models.PositiveIntegerField(
        default=0, help_text="How many of them are kept for campaigns of high priority."
    )
    when_reached = models.CharField(max_length=5, choices=WhenReached, default=WhenReached.SKIP)
    enabled = models.BooleanField(default=True)

    class Meta:
        verbose_name = "frequency cap"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def period(self) -> timedelta:
        return timedelta(**{f"{self.unit}s": self.amount})


class QuietHours(models.Model):
    """Hours of a person's own day in which they are left alone; see `quiet`."""

    channel = models.CharField(max_length=10, choices=CHANNEL_CHOICES, blank=True, help_text="Empty: all channels.")
    starts = models.TimeField(help_text="On the person's clocks.")
    ends = models.TimeField(help_text="May be earlier than the start: then they last past midnight.")
    time_zone = models.CharField(
        max_length=64, default="UTC", help_text="For people of whom no time zone is known. Such as Europe/Paris."
    )
    when_reached = models.CharField(max_length=5, choices=WhenReached, default=WhenReached.DEFER)
    enabled = models.BooleanField(default=True)

    class Meta:
        verbose_name_plural = "quiet hours"
        ordering = ["channel", "starts"]

    def __str__(self) -> str:
        return f"{self.starts:%H:%M} to {self.ends:%H:%M}, {self.get_channel_display() or 'all channels'}"


class ControlGroup(models.Model):
    """A share of all people who get no marketing at all, to see what that does. One row; see `draws`."""

    percent = models.DecimalField(
        max_digits=4, decimal_places=1, default=0, validators=[MinValueValidator(0), MaxValueValidator(50)]
    )
    seed = models.PositiveIntegerField(default=1, editable=False, help_text="Another number draws other people.")
    drawn_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name_plural = "control group"

    def __str__(self) -> str:
        return f"Control group of {self.percent} %"


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
