from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Upper

from retargeting.conditions.nodes import Channel
from retargeting.profiles.querysets import AddressQuerySet, ProfileQuerySet

CHANNEL_CHOICES = [
    (Channel.PUSH.value, "Push"),
    (Channel.EMAIL.value, "Email"),
    (Channel.SMS.value, "SMS"),
    (Channel.IN_APP.value, "In-app"),
]


class Profile(models.Model):
    """A person. The id is a 32-bit number because audiences are bitmaps of ids; it is never used again."""

    id = models.AutoField(primary_key=True)
    external_id = models.CharField(max_length=255, unique=True)
    attributes: models.JSONField[Any, Any] = models.JSONField(default=dict)
    language = models.CharField(max_length=35, blank=True, help_text="BCP 47, such as fr or pt-BR.")
    time_zone = models.CharField(max_length=64, blank=True, help_text="IANA name, such as Europe/Paris.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ProfileQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(Upper("external_id"), name="profile_external_id_upper")]

    def __str__(self) -> str:
        return self.external_id

    @property
    def full_name(self) -> str:
        """From the attributes that programs commonly send; empty when they are not there."""
        names = (self.attributes.get(name) for name in ("first_name", "last_name"))
        return " ".join(str(name) for name in names if name) or str(self.attributes.get("name") or "")


class Address(models.Model):
    """One reachable endpoint of a channel: an email address, a phone, a push token, an in-app installation."""

    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="addresses")
    channel = models.CharField(max_length=10, choices=CHANNEL_CHOICES)
    address = models.CharField(max_length=1024)
    subscribed = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AddressQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "addresses"
        constraints = [
            models.UniqueConstraint(fields=["profile", "channel", "address"], name="address_unique_per_profile")
        ]
        indexes = [models.Index(fields=["channel", "address"])]

    def __str__(self) -> str:
        return self.address


class SuppressionReason(models.TextChoices):
    BOUNCED = "bounced", "Hard bounce"
    COMPLAINED = "complained", "Complaint"
    INVALID = "invalid", "Address is not valid any more"
    MANUAL = "manual", "Added by hand"


class Suppression(models.Model):
    """An address that must not be written to, whoever has it. Outlives the profile."""

    channel = models.CharField(max_length=10, choices=CHANNEL_CHOICES)
    address = models.CharField(max_length=1024)
    reason = models.CharField(max_length=20, choices=SuppressionReason)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "address"], name="suppression_unique")]

    def __str__(self) -> str:
        return f"{self.address} ({self.get_reason_display()})"


class ProfileList(models.Model):
    """A fixed list of people, from a CSV upload or the API."""

    name = models.CharField(max_length=200, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "list"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ListMember(models.Model):
    list = models.ForeignKey(ProfileList, on_delete=models.CASCADE, related_name="members")
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="memberships")
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "list member"
        constraints = [models.UniqueConstraint(fields=["list", "profile"], name="list_member_unique")]

    def __str__(self) -> str:
        return f"{self.profile_id} in {self.list_id}"
