"""Automations, their versions, and the journeys of people through them.

Journeys are written in sets by `engine`, by SQL that knows these columns; the classes are for reading small numbers.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from automations.querysets import AutomationQuerySet, JourneyQuerySet
from retargeting.messaging.models import Dispatch
from retargeting.orchestrations.models import Orchestration
from retargeting.states import StateTable


class AutomationStatus(models.TextChoices):
    DRAFT = "draft", "Draft"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    STOPPED = "stopped", "Stopped"


class Automation(Orchestration):
    """A journey of several steps, in versions. Its message steps are targets from the moment they are saved."""

    STATES = StateTable(
        {
            AutomationStatus.DRAFT: {AutomationStatus.RUNNING},
            AutomationStatus.RUNNING: {AutomationStatus.PAUSED, AutomationStatus.STOPPED},
            AutomationStatus.PAUSED: {AutomationStatus.RUNNING, AutomationStatus.STOPPED},
            # Published again; those who were on their way stay out.
            AutomationStatus.STOPPED: {AutomationStatus.RUNNING},
        }
    )

    status = models.CharField(max_length=12, choices=AutomationStatus, default=AutomationStatus.DRAFT, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = AutomationQuerySet.as_manager()  # type: ignore[misc]  # mypy takes the parent's for a ClassVar

    class Meta:
        ordering = ["-created_at", "-id"]


class VersionStatus(models.TextChoices):
    DRAFT = "draft", "Draft"
    CURRENT = "current", "Current"
    FORMER = "former", "Former"


class Version(models.Model):
    """One state of an automation's definition. A draft changes, what was published never does.

    People enter the current one; on a former one there may be people who finish it.
    """

    STATES = StateTable(
        {
            VersionStatus.DRAFT: {VersionStatus.CURRENT},
            VersionStatus.CURRENT: {VersionStatus.FORMER},
            VersionStatus.FORMER: set(),
        }
    )

    automation = models.ForeignKey(Automation, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=8, choices=VersionStatus, default=VersionStatus.DRAFT)
    definition: models.JSONField[Any, Any] = models.JSONField(help_text="See `graph.codec`.")
    earlier: models.JSONField[Any, Any] = models.JSONField(
        default=list,
        db_default=[],
        help_text="Of a draft: what it was before each of the last changes.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["automation", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["automation", "number"], name="version_number_unique"),
            models.UniqueConstraint(
                fields=["automation", "status"],
                condition=models.Q(status__in=["draft", "current"]),
                name="version_one_draft_one_current",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.automation}, version {self.number}"


class JourneyStatus(models.TextChoices):
    WAITING = "waiting", "On the way"
    COMPLETED = "completed", "Completed"
    LEFT = "left", "Left"
    HELD_OUT = "held_out", "Held out"


class Ending(models.TextChoices):
    """Why a journey is over."""

    FINISHED = "finished", "Came to the end"
    EXIT = "exit", "Came to an exit"
    EXIT_EVENT = "exit_event", "Did what ends it"
    GOAL = "goal", "Reached the goal"
    REMOVED = "removed", "Removed by hand"
    VERSION = "version", "Ended with its version"
    STOPPED = "stopped", "The automation was stopped"
    HOLDOUT = "holdout", "Holdout"


class Way(models.TextChoices):
    """Of a journey that is at a step: how it goes on when it is due."""

    ARRIVES = "", "Comes to the step"
    WAITS = "waits", "Has waited there"
    MET = "met", "Got what it waited for"


class Journey(models.Model):
    """One person's way through an automation: at `step` since `arrived_at`, going on at `due_at`.

    `lap` tells the journeys of a person in one automation apart, and those parts of a journey between which somebody
    moved it by hand: within one lap no step is passed twice, and the database sees to it. It waits without a `due_at`
    for what only an event can bring.
    """

    STATES = StateTable(
        {
            JourneyStatus.WAITING: {JourneyStatus.COMPLETED, JourneyStatus.LEFT},
            # Steps that were appended later, where the marketer wants it.
            JourneyStatus.COMPLETED: {JourneyStatus.WAITING},
            JourneyStatus.LEFT: set(),
            JourneyStatus.HELD_OUT: set(),
        }
    )

    id = models.BigAutoField(primary_key=True)
    # Where the database checks nothing, rows are many and come from one place: a version names its automation.
    automation = models.ForeignKey(
        Automation, on_delete=models.CASCADE, related_name="journeys", db_index=False, db_constraint=False
    )
    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="journeys", db_index=False)
    profile_id = models.IntegerField()
    lap = models.PositiveIntegerField(default=1)
    key = models.CharField(max_length=200, blank=True, help_text="Value of the trigger's key property.")
    status = models.CharField(max_length=10, choices=JourneyStatus, default=JourneyStatus.WAITING)
    step = models.CharField(max_length=50, blank=True)
    way = models.CharField(max_length=50, blank=True, help_text="See `Way`.")
    arrived_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True)
    entered_at = models.DateTimeField()
    since = models.DateTimeField(help_text="When what began it happened: what somebody did before does not count.")
    ended_at = models.DateTimeField(null=True, blank=True)
    ending = models.CharField(max_length=12, choices=Ending, blank=True)
    goal_at = models.DateTimeField(null=True, blank=True)
    event_id = models.UUIDField(null=True, blank=True, help_text="The event that began it.")
    entry: models.JSONField[Any, Any] = models.JSONField(
        null=True, blank=True, help_text="Name and properties of the event that began it."
    )

    objects = JourneyQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            # Also what finds the journeys of a person.
            models.UniqueConstraint(fields=["profile_id", "automation", "lap"], name="journey_lap_unique"),
            # An event that is accepted late, or handled twice, enters once.
            models.UniqueConstraint(
                fields=["automation", "event_id", "profile_id"],
                condition=models.Q(event_id__isnull=False),
                name="journey_event_unique",
            ),
        ]
        indexes = [
            # All a tick reads: whatever waits for later costs it nothing.
            models.Index(
                fields=["version", "step", "due_at"],
                condition=models.Q(status="waiting"),
                name="journey_due",
            ),
            models.Index(fields=["automation", "entered_at"], name="journey_entered"),
            models.Index(
                fields=["automation", "ended_at"], condition=models.Q(ended_at__isnull=False), name="journey_ended"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.profile_id} in {self.automation_id}: {self.step or self.ending}"


class Passage(models.Model):
    """A journey that has passed a step, and by which way it went on. Written in sets, never changed."""

    id = models.BigAutoField(primary_key=True)
    journey = models.ForeignKey(
        Journey, on_delete=models.CASCADE, related_name="passages", db_index=False, db_constraint=False
    )
    lap = models.PositiveIntegerField(default=1)
    version = models.ForeignKey(
        Version, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    step = models.CharField(max_length=50)
    way = models.CharField(max_length=50, blank=True)
    profile_id = models.IntegerField()
    passed_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            # Exactly one next step, whoever is killed or late.
            models.UniqueConstraint(fields=["journey", "lap", "version", "step"], name="passage_once"),
        ]
        indexes = [models.Index(fields=["version", "step", "passed_at"], name="passage_of_step")]

    def __str__(self) -> str:
        return f"{self.journey_id} passed {self.step}"


class StepDispatch(models.Model):
    """The dispatch by which a message step sends to whoever comes by on one day, in one lap.

    Nobody can come by twice in the same lap, so the key of deliveries (dispatch, person) keeps a second copy out.
    """

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="step_dispatches")
    step = models.CharField(max_length=50)
    day = models.DateField()
    lap = models.PositiveIntegerField()
    dispatch = models.OneToOneField(Dispatch, on_delete=models.PROTECT, related_name="step_dispatch")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "step", "day", "lap"], name="step_dispatch_unique")]

    def __str__(self) -> str:
        return f"{self.version_id}/{self.step} on {self.day}"


class StepTrouble(models.Model):
    """Why a step holds people back at the moment: a condition names what is gone, a channel is switched off."""

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="troubles")
    step = models.CharField(max_length=50)
    message = models.TextField()
    since = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "step"], name="step_trouble_unique")]

    def __str__(self) -> str:
        return f"{self.step}: {self.message}"


class CallStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    CLAIMED = "claimed", "Claimed"
    DONE = "done", "Delivered"
    FAILED = "failed", "Failed"


class WebhookCall(models.Model):
    """A call of a webhook step that is to be made, or was. Its receiver tells repeats apart by `id`."""

    STATES = StateTable(
        {
            CallStatus.PENDING: {CallStatus.CLAIMED},
            CallStatus.CLAIMED: {CallStatus.PENDING, CallStatus.DONE, CallStatus.FAILED},
            CallStatus.DONE: set(),
            CallStatus.FAILED: set(),
        }
    )

    id = models.BigAutoField(primary_key=True)
    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="calls")
    lap = models.PositiveIntegerField(default=1)
    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="+")
    step = models.CharField(max_length=50)
    profile_id = models.IntegerField()
    status = models.CharField(max_length=8, choices=CallStatus, default=CallStatus.PENDING)
    attempt = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(help_text="When it is tried; while it is claimed, when the claim is over.")
    created_at = models.DateTimeField()
    detail = models.TextField(blank=True, help_text="What the receiver answered last.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["journey", "lap", "version", "step"], name="webhook_call_once")]
        indexes = [
            models.Index(
                fields=["due_at"], condition=models.Q(status__in=["pending", "claimed"]), name="webhook_call_due"
            )
        ]

    def __str__(self) -> str:
        return f"{self.step} for {self.profile_id}: {self.status}"


class TriggerState(models.Model):
    """How far the trigger of a version has looked: people of its segment, or the next moment of its schedule."""

    version = models.OneToOneField(Version, on_delete=models.CASCADE, related_name="trigger_state")
    members = models.BinaryField(null=True, help_text="Bitmap of those who were in the segment.")
    next_at = models.DateTimeField(null=True, blank=True)
    runs = models.PositiveIntegerField(default=0)
    looked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"trigger of {self.version_id}"


class EventReading(models.Model):
    """How far events have been read, one row for each kind: whatever was read is visible in the snapshot `seen`.

    `xid_offset` is what the index counted transactions from at that time.
    """

    kind = models.CharField(max_length=10, primary_key=True)
    seen = models.TextField()
    xid_offset = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.kind} up to {self.seen}"
