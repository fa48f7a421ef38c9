from __future__ import annotations

from typing import Any

from django.db import models

from retargeting.orchestrations.models import Orchestration


class AutomationStatus(models.TextChoices):
    DRAFT = "draft", "Draft"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    STOPPED = "stopped", "Stopped"


class Automation(Orchestration):
    """A journey of several steps. Its message steps are targets of conditions from the moment they are saved."""

    status = models.CharField(max_length=12, choices=AutomationStatus, default=AutomationStatus.DRAFT, editable=False)
    trigger: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
