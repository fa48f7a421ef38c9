from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Upper

from retargeting.conditions.nodes import Channel
from retargeting.profiles.querysets import (
    AddressQuerySet,
    ImportRejectionQuerySet,
    ListImportQuerySet,
    ListMemberQuerySet,
    ProfileListQuerySet,
    ProfileQuerySet,
)
from retargeting.states import StateTable

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
    """A fixed list of people, from a CSV upload, by hand or from the API."""

    name = models.CharField(max_length=200, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True, help_text="When its name or its members changed.")

    objects = ProfileListQuerySet.as_manager()

    class Meta:
        verbose_name = "list"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class MemberSource(models.TextChoices):
    UPLOAD = "upload", "Upload"
    MANUAL = "manual", "By hand"
    API = "api", "API"


class ListMember(models.Model):
    """Who was put on a list by hand stays when an upload replaces the members."""

    list = models.ForeignKey(ProfileList, on_delete=models.CASCADE, related_name="members")
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="memberships")
    source = models.CharField(max_length=10, choices=MemberSource, db_default=MemberSource.API)
    added_at = models.DateTimeField(auto_now_add=True)

    objects = ListMemberQuerySet.as_manager()

    class Meta:
        verbose_name = "list member"
        constraints = [models.UniqueConstraint(fields=["list", "profile"], name="list_member_unique")]

    def __str__(self) -> str:
        return f"{self.profile_id} in {self.list_id}"


class ListRemoval(models.Model):
    """Who was taken off a list by hand: neither an upload nor a program puts them back unless told to.

    Keeps what the membership was, so that the removal can be undone.
    """

    list = models.ForeignKey(ProfileList, on_delete=models.CASCADE, related_name="removals")
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="+")
    source = models.CharField(max_length=10, choices=MemberSource)
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(auto_now_add=True)

    objects = ListMemberQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["list", "profile"], name="list_removal_unique")]

    def __str__(self) -> str:
        return f"{self.profile_id} off {self.list_id}"


class ImportStatus(models.TextChoices):
    UPLOADED = "uploaded", "Column to choose"
    RUNNING = "running", "Running"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELED = "canceled", "Canceled"


class ImportKey(models.TextChoices):
    EXTERNAL_ID = "external_id", "External id"
    EMAIL = "email", "Email address"


class ImportMode(models.TextChoices):
    ADD = "add", "Add these people to the list"
    REPLACE = "replace", "Replace the members by these people"


class ListImport(models.Model):
    """A file of people on its way to a list. The list itself changes at the very end, all at once."""

    STATES = StateTable(
        {
            ImportStatus.UPLOADED: {ImportStatus.RUNNING, ImportStatus.CANCELED},
            ImportStatus.RUNNING: {ImportStatus.COMPLETED, ImportStatus.FAILED, ImportStatus.CANCELED},
            ImportStatus.COMPLETED: set(),
            ImportStatus.FAILED: set(),
            ImportStatus.CANCELED: set(),
        }
    )

    list = models.ForeignKey(ProfileList, on_delete=models.CASCADE, related_name="imports")
    status = models.CharField(max_length=12, choices=ImportStatus, default=ImportStatus.UPLOADED, editable=False)
    problem = models.CharField(max_length=300, blank=True, help_text="Why it failed, in words.")

    file_name = models.CharField(max_length=200)
    size = models.BigIntegerField(help_text="Bytes of the file.")
    encoding = models.CharField(max_length=12)
    warning = models.CharField(max_length=300, blank=True, help_text="What to look at before it starts.")
    delimiter = models.CharField(max_length=1)

    has_header = models.BooleanField(default=True)
    column = models.PositiveIntegerField(default=0, help_text="Which column names the person, from 0.")
    key = models.CharField(max_length=12, choices=ImportKey, default=ImportKey.EXTERNAL_ID)
    mode = models.CharField(max_length=10, choices=ImportMode, default=ImportMode.ADD)
    put_back = models.BooleanField(default=False, help_text="Also people who were taken off the list by hand.")

    position = models.BigIntegerField(default=0, help_text="Bytes of the file that are done with.")
    line = models.BigIntegerField(default=0, help_text="Lines of the file that are done with.")
    records = models.BigIntegerField(default=0)
    matched = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    added = models.BigIntegerField(default=0)
    removed = models.BigIntegerField(default=0)
    left_out = models.BigIntegerField(default=0, help_text="Not put back, since they were taken off by hand.")

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField(auto_now_add=True, help_text="When a worker last had something to do with it.")
    finished_at = models.DateTimeField(null=True)

    objects = ListImportQuerySet.as_manager()

    class Meta:
        verbose_name = "upload"
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["status", "touched_at"])]

    def __str__(self) -> str:
        return self.file_name

    @property
    def unchanged(self) -> int:
        """People of the file who were on the list before."""
        return self.matched - self.added - self.left_out


class ImportChunk(models.Model):
    """A piece of the uploaded file, all of one size but the last: web and workers share a database, not a disk."""

    list_import = models.ForeignKey(ListImport, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["list_import", "number"], name="import_chunk_unique")]

    def __str__(self) -> str:
        return f"{self.list_import_id}, piece {self.number}"


class ImportMatch(models.Model):
    """Somebody found in the file, waiting for the end of it."""

    list_import = models.ForeignKey(ListImport, on_delete=models.CASCADE, related_name="matches")
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="+")
    line = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["list_import", "profile"], name="import_match_unique")]

    def __str__(self) -> str:
        return f"{self.profile_id} in line {self.line}"


class RejectionReason(models.TextChoices):
    UNKNOWN = "unknown", "unknown person"
    EMPTY = "empty", "empty"
    DUPLICATE = "duplicate", "duplicate in the file"
    AMBIGUOUS = "ambiguous", "ambiguous email"
    TAKEN_OFF = "taken_off", "taken off the list by hand"


class ImportRejection(models.Model):
    """A line of the file that put nobody on the list, and why."""

    list_import = models.ForeignKey(ListImport, on_delete=models.CASCADE, related_name="rejections")
    line = models.BigIntegerField()
    value = models.CharField(max_length=300, blank=True)
    reason = models.CharField(max_length=12, choices=RejectionReason)
    detail = models.CharField(max_length=100, blank=True)

    objects = ImportRejectionQuerySet.as_manager()

    class Meta:
        ordering = ["line", "id"]
        indexes = [
            models.Index(fields=["list_import", "line"]),
            # To forget a person, what the lines of old files say of them is found by value.
            models.Index(Upper("value"), name="import_rejection_value_upper"),
        ]

    def __str__(self) -> str:
        return f"line {self.line}: {self.get_reason_display()}"


class ProfileChange(models.Model):
    """People whom one statement changed in one respect (`topic`); written by triggers, read by `sets`."""

    topic = models.TextField()

    class Meta:
        db_table = "profiles_change"

    def __str__(self) -> str:
        return self.topic


class PeopleSet(models.Model):
    """A set of people as it was in a snapshot; `sets` brings it up to date with the changes since."""

    name = models.TextField(primary_key=True)
    members = models.BinaryField(null=True)

    class Meta:
        db_table = "profiles_peopleset"

    def __str__(self) -> str:
        return self.name


class AttributeValue(models.Model):
    """Who has one value of an attribute that has few; those who do not have the attribute are under null."""

    attribute = models.TextField()
    value: models.JSONField[Any, Any] = models.JSONField(null=True)
    members = models.BinaryField()

    class Meta:
        db_table = "profiles_attributevalue"

    def __str__(self) -> str:
        return f"{self.attribute} is {self.value}"


class SetState(models.Model):
    """Which changes are still there to bring sets up to date: one row."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    generation = models.UUIDField()
    horizon = models.BigIntegerField()
    next_horizon = models.BigIntegerField()
    next_at = models.DateTimeField()

    class Meta:
        db_table = "profiles_setstate"

    def __str__(self) -> str:
        return str(self.generation)
