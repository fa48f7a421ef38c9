from __future__ import annotations

from typing import Any, ClassVar

from django.apps import apps
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.urls import NoReverseMatch, reverse

from retargeting.accounts.querysets import ActivityQuerySet


class Role(models.TextChoices):
    VIEWER = "viewer", "Viewer: sees everything, changes nothing"
    MARKETER = "marketer", "Marketer: builds and sends, and keeps labels"
    ADMIN = "admin", "Admin: also channels, users and keys"


class UserManager(BaseUserManager["User"]):
    """Whoever is made a superuser, on the command line say, is an admin on the pages too."""

    use_in_migrations = False

    def create_superuser(self, *args: Any, **fields: Any) -> User:
        return super().create_superuser(*args, **{"role": Role.ADMIN, **fields})


class User(AbstractUser):
    """Somebody who signs in. Not a Profile: those are the people who get messages."""

    role = models.CharField(max_length=20, choices=Role, default=Role.MARKETER)
    time_zone = models.CharField(max_length=64, default="UTC")

    objects: ClassVar[UserManager] = UserManager()

    class Meta(AbstractUser.Meta):
        constraints = [models.CheckConstraint(condition=models.Q(role__in=Role.values), name="user_role_known")]

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.username


class Scope(models.TextChoices):
    READ = "read", "Read"
    INGEST = "ingest", "Send in profiles and events"
    MANAGE = "manage", "Create and change campaigns, labels, segments and lists"
    SEND = "send", "Launch, pause and cancel"


class ApiKey(models.Model):
    """A program's way in. Only a digest is kept; the key itself is shown once."""

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, help_text="The first characters, to tell keys apart.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope), default=list)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name


class IdempotentRequest(models.Model):
    """The answer to a write that carried an Idempotency-Key, to be given again when the write is repeated."""

    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    status = models.PositiveSmallIntegerField(null=True)
    body: models.JSONField[Any, Any] = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["api_key", "key"], name="idempotent_request_unique")]
        indexes = [models.Index(fields=["created_at"])]

    def __str__(self) -> str:
        return self.key


# The names of pages by what they show; higher rooms have them.
PAGES = {"campaign": "campaign", "label": "label", "profile": "person", "profilelist": "list", "segment": "segment"}


class Activity(models.Model):
    """Who did what, when, in words. Written by actions; only an edit that goes on is rewritten (`note_changes`)."""

    at = models.DateTimeField(auto_now_add=True)
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="activities")
    api_key = models.ForeignKey(ApiKey, null=True, blank=True, on_delete=models.SET_NULL, related_name="activities")
    verb = models.CharField(max_length=40)
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=64, blank=True)
    object_name = models.CharField(max_length=255, blank=True)
    summary = models.TextField(help_text="One sentence: what changed, with old and new values.")
    changes: models.JSONField[Any, Any] = models.JSONField(
        default=dict, help_text="What changed: [old, new] in words."
    )

    objects = ActivityQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "activity"
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["-at", "-id"]),
            models.Index(fields=["object_type", "object_id", "-at"]),
        ]

    def __str__(self) -> str:
        return self.summary

    @staticmethod
    def kind_name(object_type: str) -> str:
        """The word for what `object_type` is the model name of; some of those models may be gone."""
        for model in apps.get_models():
            if model._meta.model_name == object_type:
                return str(model._meta.verbose_name)
        return object_type

    @property
    def about(self) -> str:
        return self.kind_name(self.object_type)

    @property
    def url(self) -> str:
        """The page of what it is about, which may be gone; empty where such things have no page."""
        try:
            return reverse(PAGES[self.object_type], args=[self.object_id])
        except (KeyError, NoReverseMatch):
            return ""
