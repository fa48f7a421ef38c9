from __future__ import annotations

from typing import Any

from django.db import models

from campaigns.querysets import CampaignQuerySet
from retargeting.messaging.models import Dispatch
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


class Campaign(Orchestration):
    """A one-shot message to an audience. Shares its id with its Orchestration."""

    STATES = StateTable(
        {
            CampaignStatus.DRAFT: {CampaignStatus.SCHEDULED, CampaignStatus.RUNNING},
            CampaignStatus.SCHEDULED: {CampaignStatus.DRAFT, CampaignStatus.RUNNING, CampaignStatus.CANCELED},
            CampaignStatus.RUNNING: {CampaignStatus.PAUSED, CampaignStatus.COMPLETED, CampaignStatus.CANCELED},
            CampaignStatus.PAUSED: {CampaignStatus.RUNNING, CampaignStatus.CANCELED},
            CampaignStatus.COMPLETED: set(),
            CampaignStatus.CANCELED: set(),
        }
    )

    channel = models.CharField(max_length=10, choices=CHANNEL_CHOICES)
    status = models.CharField(max_length=12, choices=CampaignStatus, default=CampaignStatus.DRAFT, editable=False)
    audience: models.JSONField[Any, Any] = models.JSONField(help_text="A tree in the language of conditions.")
    content: models.JSONField[Any, Any] = models.JSONField(default=dict, help_text="Fields of the channel's message.")
    send_at = models.DateTimeField(null=True, blank=True, help_text="When it goes out; empty means at launch.")
    follow_up_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="follow_ups", editable=False
    )
    launched_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = CampaignQuerySet.as_manager()  # type: ignore[misc]  # mypy takes the parent's for a ClassVar

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["status", "send_at"])]


class Run(models.Model):
    """One send-out of a campaign. What it was to reach is frozen here and can be looked into later."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="runs")
    number = models.PositiveIntegerField(default=1)
    dispatch = models.OneToOneField(Dispatch, on_delete=models.PROTECT, related_name="run")
    audience: models.JSONField[Any, Any] = models.JSONField()
    sentence = models.TextField(blank=True)
    as_of = models.DateTimeField(null=True, help_text="The moment for which the audience was computed.")
    members = models.BinaryField(null=True, help_text="Serialised bitmap of everyone in the audience.")
    matched = models.PositiveIntegerField(null=True, help_text="Size of `members`.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["campaign", "number"], name="run_number_unique")]

    def __str__(self) -> str:
        return f"{self.campaign}, run {self.number}"
