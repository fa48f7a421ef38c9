from __future__ import annotations

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.urls import NoReverseMatch, reverse

from retargeting.orchestrations.querysets import LabelQuerySet
from retargeting.profiles.models import CHANNEL_CHOICES

COLOURS = ["orange", "green", "blue", "purple", "red", "teal", "pink", "yellow", "cyan", "lime", "indigo", "gray"]


class Label(models.Model):
    """A name for a group of campaigns and automations, usable as the target of a condition."""

    code = models.CharField(
        max_length=50,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9][a-z0-9_-]*\Z", "Use small letters, digits, - and _ only.")],
        help_text="What programs use. Small letters, digits, - and _.",
    )
    name = models.CharField(max_length=100)
    colour = models.CharField(max_length=20, choices=[(name, name.title()) for name in COLOURS], default="blue")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = LabelQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Kind(models.TextChoices):
    CAMPAIGN = "campaign", "Campaign"
    AUTOMATION = "automation", "Automation"


class Orchestration(models.Model):
    """A campaign or an automation: the shared id that message events, labels and conditions refer to.

    Campaign and Automation extend it, each with the same id. Once it has events it is archived, never deleted,
    and stays a valid target.
    """

    id = models.AutoField(primary_key=True)
    kind = models.CharField(max_length=12, choices=Kind, editable=False)
    name = models.CharField(max_length=200)
    labels = models.ManyToManyField(Label, blank=True, related_name="orchestrations")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["kind", "-created_at"])]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Its own page, which a higher room has; empty where there is none."""
        try:
            return reverse(str(self.kind), args=[self.pk])
        except NoReverseMatch:
            return ""

    @property
    def channels(self) -> list[str]:
        """The channels of its message steps, each once, in their order."""
        return list(dict.fromkeys(step.channel for step in self.message_steps.all() if step.removed_at is None))


class MessageStep(models.Model):
    """A message sent by an orchestration: a campaign has one with an empty key, an automation one per message step.

    It says on which channel the message goes. A step that is taken out of its automation stays here, so that its
    events keep their target.
    """

    id = models.AutoField(primary_key=True)
    orchestration = models.ForeignKey(Orchestration, on_delete=models.CASCADE, related_name="message_steps")
    key = models.CharField(max_length=50, blank=True)
    name = models.CharField(max_length=200, blank=True)
    channel = models.CharField(max_length=10, choices=CHANNEL_CHOICES)
    position = models.PositiveSmallIntegerField(default=0)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "step"
        ordering = ["orchestration", "position", "id"]
        constraints = [models.UniqueConstraint(fields=["orchestration", "key"], name="message_step_key_unique")]

    def __str__(self) -> str:
        return self.name or self.key
