from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from automations.graph import codec
from automations.models import Automation, AutomationStatus, Journey, JourneyStatus
from automations.publishing import People
from automations.readiness import problems
from automations.versions import current_of, draft_of, edited
from retargeting.api.serializers import StrictSerializer
from retargeting.orchestrations.serializers import LabelsField
from retargeting.profiles.models import Profile

PARTS = {
    "trigger": "What begins a journey, and who may enter: see the documentation of automations.",
    "steps": "The steps in their order; a split has its branches with steps of their own.",
    "exits": "Events that end a journey at once.",
    "goal": "The event that the automation is for, and within which time of the entry.",
    "holdout": "Percent of those who enter that get nothing, to compare with.",
}


class VersionSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    published_at = serializers.DateTimeField()


class AutomationSerializer(StrictSerializer):
    """An automation as it is edited: its draft, or what runs where there is none."""

    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(max_length=200)
    status = serializers.ChoiceField(choices=AutomationStatus.choices, read_only=True)
    labels = LabelsField(required=False)
    trigger = serializers.JSONField(required=False, allow_null=True, help_text=PARTS["trigger"])
    steps = serializers.JSONField(required=False, help_text=PARTS["steps"])
    exits = serializers.JSONField(required=False, help_text=PARTS["exits"])
    goal = serializers.JSONField(required=False, allow_null=True, help_text=PARTS["goal"])
    holdout = serializers.IntegerField(required=False, help_text=PARTS["holdout"])
    draft = serializers.IntegerField(read_only=True, allow_null=True, help_text="Number of the draft; null for none.")
    version = VersionSerializer(read_only=True, allow_null=True, help_text="What people enter now.")
    archived = serializers.BooleanField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)

    def to_representation(self, instance: Automation) -> dict[str, Any]:
        current, draft = current_of(instance), draft_of(instance)
        return {
            "id": instance.pk,
            "name": instance.name,
            "status": instance.status,
            "labels": [label.code for label in instance.labels.all()],
            **codec.encode(edited(instance)),
            "draft": draft.number if draft else None,
            "version": VersionSerializer(current).data if current else None,
            "archived": instance.archived_at is not None,
            "created_at": self.fields["created_at"].to_representation(instance.created_at),
        }


class GapSerializer(serializers.Serializer[Any]):
    step = serializers.CharField(help_text="Key of the step; empty for the trigger and the whole.")
    part = serializers.CharField()
    field = serializers.CharField()
    message = serializers.CharField()
    warning = serializers.BooleanField(help_text="It does not keep the automation from being published.")


def problems_of(automation: Automation) -> list[dict[str, Any]]:
    found = problems(automation.pk, edited(automation))
    return [dict(GapSerializer(problem).data) for problem in found]


class PublishSerializer(StrictSerializer):
    people = serializers.ChoiceField(
        choices=People.choices, default=People.FINISH, help_text="What becomes of people on their way."
    )
    others = serializers.ChoiceField(
        choices=[(People.FINISH, "finish"), (People.END, "end")],
        default=People.FINISH,
        help_text="With `move`: what becomes of those whose step is gone.",
    )
    reach_finished = serializers.BooleanField(
        default=False, help_text="Those who had come to the end go on with steps that were appended."
    )


class EntrySerializer(StrictSerializer):
    profile = serializers.CharField(max_length=1024, help_text="External id.")
    properties = serializers.DictField(required=False, help_text="What steps can ask of the entry.")


class EnteredSerializer(serializers.Serializer[Any]):
    entered = serializers.IntegerField()


class MoveSerializer(StrictSerializer):
    step = serializers.CharField(max_length=50, help_text="Key of the step to go on with at once.")


class JourneySerializer(serializers.ModelSerializer):
    profile = serializers.SerializerMethodField(help_text="External id; empty for somebody who was erased.")
    status = serializers.ChoiceField(choices=JourneyStatus.choices)
    version = serializers.IntegerField(source="version.number")

    class Meta:
        model = Journey
        fields = [
            "id", "profile", "key", "version", "status", "step", "arrived_at", "due_at", "entered_at", "ended_at",
            "ending", "goal_at",
        ]  # fmt: skip

    @extend_schema_field(str)
    def get_profile(self, journey: Journey) -> str:
        names: dict[int, str] = self.context.get("names") or dict(
            Profile.objects.filter(pk=journey.profile_id).values_list("pk", "external_id")
        )
        return names.get(journey.profile_id, "")


class StepNumbersSerializer(serializers.Serializer[Any]):
    step = serializers.CharField()
    waiting = serializers.IntegerField()
    passed = serializers.IntegerField()
    left = serializers.IntegerField()
    sent = serializers.IntegerField()
    opened = serializers.IntegerField()
    clicked = serializers.IntegerField()
    skipped = serializers.IntegerField()
    ways = serializers.DictField(child=serializers.IntegerField(), help_text="By which branch so many went on.")
    trouble = serializers.CharField(help_text="Why people are held back just now.")


class ConvertedSerializer(serializers.Serializer[Any]):
    journeys = serializers.IntegerField()
    reached = serializers.IntegerField(help_text="Of these, those that reached the goal in its time.")


class AutomationLiftSerializer(serializers.Serializer[Any]):
    """What the automation brings about, against the journeys that were held out."""

    difference = serializers.FloatField(source="difference.value", help_text="Of the shares, 0 to 1.")
    low = serializers.FloatField(source="difference.low", help_text="Ends of its 95 % interval.")
    high = serializers.FloatField(source="difference.high")
    needed = serializers.IntegerField(
        allow_null=True, help_text="More journeys for a difference of this size to show."
    )


class AutomationReportSerializer(serializers.Serializer[Any]):
    entries = serializers.IntegerField()
    active = serializers.IntegerField()
    completed = serializers.IntegerField()
    endings = serializers.DictField(child=serializers.IntegerField())
    treated = ConvertedSerializer()
    held_out = ConvertedSerializer()
    lift = AutomationLiftSerializer(allow_null=True, help_text="Null where nobody is held out.")
