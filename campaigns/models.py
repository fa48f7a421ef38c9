from __future__ import annotations

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from campaigns.querysets import CampaignQuerySet
from retargeting.messaging.models import Dispatch, Priority
from retargeting.orchestrations.models import Orchestration
from retargeting.profiles.models import CHANNEL_CHOICES
from retargeting.states import StateTable


class CampaignStatus(models.TextChoices):
    DRAFT = "draft", "Draft"
    SCHEDULED = "scheduled", "Scheduled"
    RUNNING = "running", "Sending"
    PAUSED = "paused", "Paused"
    COMPLETED = "completed", "Completed"
    CANCELED = "canceled", "Canceled"


class IfPast(models.TextChoices):
    """What becomes of people in whose zone the time is over already when a campaign starts."""

    SEND = "send", "They get it at once"
    SKIP = "skip", "They are left out"


class WinnerBy(models.TextChoices):
    """What decides between variants. The first two are keys of outcomes."""

    CLICKED = "clicked", "Clicks"
    OPENED = "opened", "Opens"
    HAND = "hand", "I choose by hand"


class Campaign(Orchestration):
    """A message to an audience, once or again and again. Shares its id with its Orchestration.

    `send_at` is the next time it goes out, on the clocks of `time_zone`; with `own_zones` it is that time of day in
    each person's own zone. `starts_at` is when work on it begins: when the first zone has that time.

    `content` is the original message; `variants` are the others, and their weights leave the original its own. A
    `test_share` of the people try them out, the others get the winner.
    """

    STATES = StateTable(
        {
            CampaignStatus.DRAFT: {CampaignStatus.SCHEDULED, CampaignStatus.RUNNING},
            CampaignStatus.SCHEDULED: {CampaignStatus.DRAFT, CampaignStatus.RUNNING, CampaignStatus.CANCELED},
            CampaignStatus.RUNNING: {
                CampaignStatus.PAUSED,
                CampaignStatus.COMPLETED,
                CampaignStatus.CANCELED,
                CampaignStatus.SCHEDULED,  # a recurring one, until its next run
                CampaignStatus.DRAFT,  # undone before anything was sent
            },
            CampaignStatus.PAUSED: {CampaignStatus.RUNNING, CampaignStatus.CANCELED, CampaignStatus.DRAFT},
            # "Retry failed only" goes on with a run that was through.
            CampaignStatus.COMPLETED: {CampaignStatus.RUNNING},
            CampaignStatus.CANCELED: set(),
        }
    )

    channel = models.CharField(max_length=10, choices=CHANNEL_CHOICES)
    status = models.CharField(max_length=12, choices=CampaignStatus, default=CampaignStatus.DRAFT, editable=False)
    audience: models.JSONField[Any, Any] = models.JSONField(help_text="A tree in the language of conditions.")
    content: models.JSONField[Any, Any] = models.JSONField(default=dict, help_text="Fields of the channel's message.")
    send_at = models.DateTimeField(null=True, blank=True, help_text="When it goes out; empty means at launch.")
    starts_at = models.DateTimeField(null=True, blank=True, editable=False)
    clock = models.TimeField(
        null=True, blank=True, editable=False, help_text="The time of day at which a recurring one goes out again."
    )
    time_zone = models.CharField(max_length=64, default="UTC", help_text="On whose clocks the time was chosen.")
    own_zones = models.BooleanField(default=False, help_text="At that time in each person's own zone.")
    if_past = models.CharField(max_length=5, choices=IfPast, default=IfPast.SEND)
    repeat: models.JSONField[Any, Any] = models.JSONField(null=True, blank=True, help_text="See `recurring`.")
    pace = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="At most so many messages a minute."
    )
    expires_after = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="Minutes after which nothing is sent."
    )
    priority = models.CharField(max_length=10, choices=Priority, default=Priority.NORMAL)
    holdout = models.PositiveSmallIntegerField(
        default=0, validators=[MaxValueValidator(50)], help_text="Percent of the audience who get nothing."
    )
    original_name = models.CharField(max_length=60, default="Original", help_text="Of `content` among its variants.")
    test_share = models.PositiveSmallIntegerField(
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Percent of the audience who try the variants; the others get the winner.",
    )
    winner_by = models.CharField(max_length=10, choices=WinnerBy, default=WinnerBy.CLICKED)
    winner_after = models.PositiveIntegerField(
        default=240, validators=[MinValueValidator(1)], help_text="Minutes from the last test message to the choice."
    )
    goal_event = models.CharField(max_length=200, blank=True, help_text="The event that it is to bring about.")
    goal_days = models.PositiveSmallIntegerField(
        default=7, validators=[MinValueValidator(1), MaxValueValidator(90)], help_text="Days in which that counts."
    )
    follow_up_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="follow_ups", editable=False
    )
    launched_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = CampaignQuerySet.as_manager()  # type: ignore[misc]  # mypy takes the parent's for a ClassVar

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["status", "starts_at"])]


class Variant(models.Model):
    """Another message of a campaign beside the original. The draft's; a dispatch has a copy of its own."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="variants")
    key = models.CharField(max_length=1, help_text="A letter; the original is a.")
    name = models.CharField(max_length=60)
    weight = models.PositiveSmallIntegerField(help_text="Percent of those who try; the original gets what is left.")
    content: models.JSONField[Any, Any] = models.JSONField(default=dict)

    class Meta:
        ordering = ["campaign", "key"]
        constraints = [models.UniqueConstraint(fields=["campaign", "key"], name="variant_key_unique")]

    def __str__(self) -> str:
        return f"{self.key.upper()} {self.name}"


class Run(models.Model):
    """One send-out of a campaign. What it was to reach is frozen here and can be looked into later."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="runs")
    number = models.PositiveIntegerField(default=1)
    dispatch = models.OneToOneField(Dispatch, on_delete=models.PROTECT, related_name="run")
    audience: models.JSONField[Any, Any] = models.JSONField()
    sentence = models.TextField(blank=True)
    as_of = models.DateTimeField(null=True, help_text="The moment for which the audience was computed.")
    own_zones: models.JSONField[Any, Any] = models.JSONField(
        null=True,
        help_text="The time on the clocks of each person's zone, and what where that is past.",
    )
    members = models.BinaryField(null=True, help_text="Serialised bitmap of everyone in the audience.")
    matched = models.PositiveIntegerField(null=True, help_text="Size of `members`.")
    decides_at = models.DateTimeField(null=True, help_text="When the winner is chosen.")
    decision = models.TextField(blank=True, help_text="How the winner was chosen, in words.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["campaign", "number"], name="run_number_unique")]

    def __str__(self) -> str:
        return f"{self.campaign}, run {self.number}"
