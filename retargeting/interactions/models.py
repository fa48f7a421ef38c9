"""What happened: message events (interactions) and custom events, append-only and partitioned by month.

The tables are made by SQL in the first migration, since Django cannot declare partitions; these classes are for
reading in small numbers (a timeline, a report). Conditions are answered by `reading`, writes go through `ingest`.
"""

from __future__ import annotations

from typing import Any

from django.db import models

from retargeting.conditions.nodes import Channel, Interaction
from retargeting.interactions.querysets import PersonalQuerySet

# Rows hold small numbers, not words: a billion of them are kept. A number is never given a new meaning.
CHANNEL_CODES = {Channel.PUSH: 1, Channel.EMAIL: 2, Channel.SMS: 3, Channel.IN_APP: 4}
EVENT_CODES = {
    Interaction.SENT: 1,
    Interaction.DELIVERED: 2,
    Interaction.OPENED: 3,
    Interaction.CLICKED: 4,
    Interaction.BOUNCED: 5,
    Interaction.UNSUBSCRIBED: 6,
    Interaction.COMPLAINED: 7,
    Interaction.SKIPPED: 8,
}
CHANNELS_BY_CODE = {code: channel for channel, code in CHANNEL_CODES.items()}
EVENTS_BY_CODE = {code: event for event, code in EVENT_CODES.items()}


class MessageEvent(models.Model):
    """Something that happened between a person and a message.

    `profile_id`, `orchestration_id`, `step_id` and `journey_id` are plain numbers, not foreign keys: rows arrive by
    COPY and outlive what they refer to. `transaction` is the id of the transaction that wrote the row; folding
    takes only rows whose transaction can no longer be in progress.
    """

    id = models.UUIDField(primary_key=True)
    profile_id = models.IntegerField()
    orchestration_id = models.IntegerField()
    step_id = models.IntegerField()
    journey_id = models.BigIntegerField(null=True)
    channel = models.SmallIntegerField(choices=[(code, str(name)) for name, code in CHANNEL_CODES.items()])
    event = models.SmallIntegerField(choices=[(code, str(name)) for name, code in EVENT_CODES.items()])
    machine = models.BooleanField(default=False)
    occurred_at = models.DateTimeField()

    objects = PersonalQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "interactions_messageevent"
        ordering = ["occurred_at"]

    def __str__(self) -> str:
        return f"{self.kind} {self.profile_id} at {self.occurred_at}"

    @property
    def kind(self) -> Interaction:
        return EVENTS_BY_CODE[self.event]


class CustomEvent(models.Model):
    """Something a person did elsewhere, told by a program: an order, a visit."""

    id = models.UUIDField(primary_key=True)
    profile_id = models.IntegerField()
    name = models.CharField(max_length=200)
    properties: models.JSONField[Any, Any] = models.JSONField(default=dict)
    occurred_at = models.DateTimeField()

    objects = PersonalQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "interactions_customevent"
        ordering = ["occurred_at"]

    def __str__(self) -> str:
        return f"{self.name} {self.profile_id} at {self.occurred_at}"


class AcceptedId(models.Model):
    """The ids under which programs sent events: the first item with an id stays, later ones are duplicates.

    A table of its own because the events are partitioned by time and a second item may carry another time.
    """

    id = models.UUIDField(primary_key=True, help_text="Digest of the kind of event and the client's id.")

    class Meta:
        db_table = "interactions_acceptedid"

    def __str__(self) -> str:
        return str(self.id)


class Bucket(models.Model):
    """How often each person had one kind of event of one target in one stretch of time; see `index`.

    `hour` counts from 1970 in UTC, `length` is in hours: 1, 24, or a month. Months pool a channel's campaigns and
    automations, with 0 for `orchestration_id` and `step_id`. `fold` is the number of the fold that wrote it last.
    """

    pk = models.CompositePrimaryKey("orchestration_id", "event", "length", "hour", "step_id", "channel", "machine")
    orchestration_id = models.IntegerField()
    event = models.SmallIntegerField()
    length = models.SmallIntegerField()
    hour = models.IntegerField()
    step_id = models.IntegerField()
    channel = models.SmallIntegerField()
    machine = models.BooleanField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    events = models.BigIntegerField()
    fold = models.BigIntegerField()
    counts = models.BinaryField()

    class Meta:
        db_table = "interactions_bucket"

    def __str__(self) -> str:
        return f"{self.events} events of {self.orchestration_id} in {self.length} h from {self.hour}"


class EventName(models.Model):
    """A name of custom events, as the columns know it."""

    id = models.AutoField(primary_key=True)
    name = models.TextField(unique=True)

    class Meta:
        db_table = "interactions_eventname"

    def __str__(self) -> str:
        return self.name


class EventValue(models.Model):
    """A value that a property of custom events of one name has had: `code` stands for it in columns.

    `digest` is the MD5 of all that it is – name, property, text – by which it is found.
    """

    pk = models.CompositePrimaryKey("name_id", "property", "code")
    name_id = models.IntegerField()
    property = models.TextField()
    code = models.IntegerField()
    digest = models.UUIDField()
    value: models.JSONField[Any, Any] = models.JSONField()

    class Meta:
        db_table = "interactions_eventvalue"

    def __str__(self) -> str:
        return f"{self.property} {self.value}"


class EventPiece(models.Model):
    """Custom events of one name and day: whose they are, and when they were; see `columns`.

    `day` is its first hour, counted from 1970 in UTC; a day has several pieces, `number` tells them apart.
    """

    pk = models.CompositePrimaryKey("name_id", "day", "number")
    name_id = models.IntegerField()
    day = models.IntegerField()
    number = models.BigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    events = models.IntegerField()
    profiles = models.BinaryField()
    moments = models.BinaryField()

    class Meta:
        db_table = "interactions_eventpiece"

    def __str__(self) -> str:
        return f"{self.events} events of {self.name_id} from hour {self.day}"


class EventColumn(models.Model):
    """The values of one property of the events of a piece, as codes."""

    pk = models.CompositePrimaryKey("name_id", "property", "day", "number")
    name_id = models.IntegerField()
    property = models.TextField()
    day = models.IntegerField()
    number = models.BigIntegerField()
    codes = models.BinaryField()

    class Meta:
        db_table = "interactions_eventcolumn"

    def __str__(self) -> str:
        return f"{self.property} of {self.name_id} from hour {self.day}"


class Arrival(models.Model):
    """Rows of message events, or of custom ones, that one transaction wrote and that are not folded yet."""

    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    events = models.BigIntegerField()
    custom = models.BooleanField(default=False)

    class Meta:
        db_table = "interactions_arrival"

    def __str__(self) -> str:
        return f"{self.events} events from {self.first_at} to {self.last_at}"


class IndexState(models.Model):
    """How far the index is: one row. `index.state` reads it together with its mark."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    generation = models.UUIDField()
    cluster = models.BigIntegerField()
    xid_offset = models.BigIntegerField()
    fold = models.BigIntegerField()
    event_mark = models.BigIntegerField(default=0)
    hours_from = models.IntegerField()
    days_until = models.IntegerField()
    months_until = models.IntegerField()
    rows_from = models.IntegerField()

    class Meta:
        db_table = "interactions_indexstate"

    def __str__(self) -> str:
        return f"fold {self.fold}"
