"""The forms of what is about an automation as a whole: what begins a journey, what ends it, its name."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.dateparse import parse_datetime

from automations.fields import LengthField
from automations.forms.steps import EventMixin, zone_choices
from automations.graph.editing import JSON
from automations.graph.nodes import Crossing, Existing, Reentry
from retargeting.audiences.models import Segment
from retargeting.conditions.nodes import Interaction
from retargeting.messaging.recurring import WEEKDAYS
from retargeting.orchestrations.models import Kind, Label, Orchestration
from retargeting.profiles.models import CHANNEL_CHOICES

MOST_OFFERED = 200


class LabelsForm(forms.Form):
    """The name and the labels of an automation."""

    name = forms.CharField(max_length=200)
    labels = forms.ModelMultipleChoiceField(
        Label.objects.order_by("name"), required=False, widget=forms.CheckboxSelectMultiple
    )


TRIGGERS = [
    ("event", "An event, such as a purchase"),
    ("message", "What somebody does with a message"),
    ("segment", "Somebody enters or leaves a segment"),
    ("schedule", "A moment, again and again if wanted"),
    ("api", "A call of the API"),
]
HAPPENED = [Interaction.SENT, Interaction.OPENED, Interaction.CLICKED]
REPEATS = [("", "Once"), ("day", "Every day"), ("week", "Every week"), ("month", "Every month")]
MOMENT = {"type": "datetime-local"}


class TriggerForm(EventMixin):
    """What begins a journey, who may enter and how often."""

    type = forms.ChoiceField(label="A journey begins with", choices=TRIGGERS, widget=forms.RadioSelect)
    happened = forms.ChoiceField(
        label="They", choices=[(str(one), str(one)) for one in HAPPENED], required=False, initial="opened"
    )
    target = forms.ChoiceField(label="What", required=False)
    segment = forms.ModelChoiceField(Segment.objects.order_by("name"), required=False)
    on = forms.ChoiceField(label="When they", choices=[(str(each), f"{each} it") for each in Crossing], required=False)
    existing = forms.ChoiceField(
        label="Who is in it already",
        choices=[(str(Existing.WAIT), "Does not enter"), (str(Existing.ENTER), "Enters at once")],
        required=False,
    )
    at = forms.DateTimeField(label="At", required=False, widget=forms.DateTimeInput(MOMENT, format="%Y-%m-%dT%H:%M"))
    time_zone = forms.ChoiceField(label="On the clocks of", choices=zone_choices, required=False)
    every = forms.ChoiceField(label="Repeat", choices=REPEATS, required=False)
    reentry = forms.ChoiceField(
        label="Again",
        choices=[
            (str(Reentry.NEVER), "Never: once is enough"),
            (str(Reentry.ALWAYS), "Whenever it happens and they are not on their way"),
            (str(Reentry.AFTER), "After a pause"),
        ],
    )
    pause = LengthField(label="Pause since the last entry", required=False)
    key = forms.CharField(
        label="A journey for each",
        max_length=200,
        required=False,
        help_text="A property of the event, such as order_id: each of its values has a journey of its own.",
    )
    most = forms.IntegerField(label="At most so many entries", min_value=1, max_value=2**31 - 1, required=False)
    within = LengthField(label="Within", required=False)
    starts_at = forms.DateTimeField(
        label="From", required=False, widget=forms.DateTimeInput(MOMENT, format="%Y-%m-%dT%H:%M")
    )
    ends_at = forms.DateTimeField(
        label="Until", required=False, widget=forms.DateTimeInput(MOMENT, format="%Y-%m-%dT%H:%M")
    )

    def __init__(self, data: Any = None, *, definition: JSON, zone: str) -> None:
        self.before: JSON = definition.get("trigger") or {}
        super().__init__(data, initial=_trigger_initial(self.before, zone))
        self.fields["target"] = forms.ChoiceField(
            label="What", required=False, choices=target_choices(self.before.get("target"))
        )

    def clean(self) -> None:
        data = self.cleaned_data
        needs = {"event": "event", "message": "target", "segment": "segment", "schedule": "at"}
        needed = needs.get(data.get("type", ""))
        if needed and not data.get(needed) and needed not in self.errors:
            self.add_error(needed, "This is needed.")
        if data.get("reentry") == Reentry.AFTER and not data.get("pause"):
            self.add_error("pause", "Say how long.")

    def written(self) -> JSON:
        """The trigger. Who may enter is a condition with a form of its own, and stays."""
        data = self.cleaned_data
        written: JSON = {"type": data["type"], **self._written_of_type()}
        if "audience" in self.before:
            written["audience"] = self.before["audience"]
        written["reentry"] = {"rule": data["reentry"]}
        if data["reentry"] == Reentry.AFTER:
            written["reentry"]["pause"] = data["pause"]
        if data["type"] in {"event", "api"}:
            written["key"] = data["key"]
        if data["most"]:
            written["cap"] = {"most": data["most"], "within": data["within"]}
        for name in ("starts_at", "ends_at"):
            if data[name]:
                written[name] = data[name].astimezone(UTC).isoformat()
        return written

    def _written_of_type(self) -> JSON:
        data = self.cleaned_data
        match data["type"]:
            case "event":
                return self.written_event(self.before)
            case "message":
                return {"event": data["happened"], "target": json.loads(data["target"])}
            case "segment":
                on = data["on"] or Crossing.ENTERS
                existing = Existing.WAIT if on == Crossing.LEAVES else data["existing"] or Existing.WAIT
                return {"segment": data["segment"].pk, "on": on, "existing": existing}
            case "schedule":
                return self._written_schedule()
        return {}

    def _written_schedule(self) -> JSON:
        data = self.cleaned_data
        zone = data["time_zone"] or "UTC"
        # The field's own zone is that of whoever types; what was typed are the clocks of the zone beside it.
        local = data["at"].replace(tzinfo=None).replace(tzinfo=ZoneInfo(zone))
        written = {"type": "schedule", "at": local.astimezone(UTC).isoformat(), "time_zone": zone}
        before = self.before.get("repeat") or {}
        match data["every"]:
            case "":
                return written
            case every if before.get("every") == every:
                return {**written, "repeat": before}
            case "week":
                return {**written, "repeat": {"every": "week", "weekdays": [WEEKDAYS[local.weekday()]]}}
            case "month":
                return {**written, "repeat": {"every": "month", "day": local.day}}
            case every:
                return {**written, "repeat": {"every": every}}


def _trigger_initial(trigger: JSON, zone: str) -> JSON:
    initial = {"type": "event", "time_zone": zone, "reentry": str(Reentry.NEVER), **trigger}
    if trigger.get("type") == "message":
        initial |= {"happened": trigger["event"], "event": "", "target": _as_choice(trigger["target"])}
    if "reentry" in trigger:
        initial |= {"reentry": trigger["reentry"]["rule"], "pause": trigger["reentry"].get("pause")}
    if cap := trigger.get("cap"):
        initial |= {"most": cap["most"], "within": cap.get("within")}
    initial["every"] = (trigger.get("repeat") or {}).get("every", "")
    for name in ("at", "starts_at", "ends_at"):
        if isinstance(initial.get(name), str):
            initial[name] = parse_datetime(initial[name])
    if initial.get("at"):
        initial["at"] = initial["at"].astimezone(ZoneInfo(initial["time_zone"])).replace(tzinfo=None)
    return initial


def _as_choice(target: Any) -> str:
    return json.dumps(target, sort_keys=True)


def target_choices(current: Any = None) -> list[Any]:
    """What messages can be of: campaigns and automations, the latest first, labels and channels."""
    latest = Orchestration.objects.filter(archived_at=None).order_by("-created_at")
    groups: list[Any] = [("", "Choose one")]
    for kind, title in ((Kind.CAMPAIGN, "Campaigns"), (Kind.AUTOMATION, "Automations")):
        found = latest.filter(kind=kind)[:MOST_OFFERED]
        groups.append((title, [(_as_choice({"type": str(kind), "ids": [each.pk]}), each.name) for each in found]))
    labels = Label.objects.order_by("name")
    groups.append(("Labels", [(_as_choice({"type": "label", "codes": [each.code]}), each.name) for each in labels]))
    channels = [(_as_choice({"type": "channel", "channels": [key]}), name) for key, name in CHANNEL_CHOICES]
    groups.append(("Channels", channels))
    known = {key for _, group in groups[1:] for key, _ in group}
    if current is not None and _as_choice(current) not in known:
        groups.append(("As it is", [(_as_choice(current), "What was chosen through the API")]))
    return groups


class EndsForm(forms.Form):
    """What ends a journey before its end, what it is for, and who is left out to compare."""

    exits = forms.CharField(
        label="Events that end it at once",
        required=False,
        help_text="Several with commas between them. They end it for people who wait, too.",
        widget=forms.TextInput({"list": "event-names", "autocomplete": "off"}),
    )
    goal = forms.CharField(
        label="Goal",
        required=False,
        max_length=200,
        help_text="The event that the automation is for.",
        widget=forms.TextInput({"list": "event-names", "autocomplete": "off"}),
    )
    within = LengthField(label="Within", required=False)
    leaves = forms.BooleanField(label="Who has reached the goal leaves", required=False)
    holdout = forms.IntegerField(
        label="Holdout",
        min_value=0,
        max_value=50,
        required=False,
        help_text="Percent of those who enter that get nothing, to compare with.",
    )

    def __init__(self, data: Any = None, *, definition: JSON) -> None:
        self.before = definition
        goal = definition.get("goal") or {}
        initial = {
            "exits": ", ".join(event["event"] for event in definition.get("exits", [])),
            "goal": goal.get("event", ""),
            "within": goal.get("within", {"amount": 7, "unit": "day"}),
            "leaves": goal.get("exits", True),
            "holdout": definition.get("holdout", 0),
        }
        super().__init__(data, initial=initial)

    def clean(self) -> None:
        if self.cleaned_data.get("goal") and not self.cleaned_data.get("within"):
            self.add_error("within", "Say within which time.")

    def written(self) -> JSON:
        data = self.cleaned_data
        known = {event["event"]: event for event in self.before.get("exits", [])}
        names = dict.fromkeys(filter(None, (name.strip() for name in data["exits"].split(","))))
        goal = None
        if data["goal"]:
            before = self.before.get("goal") or {}
            where = before.get("where", []) if before.get("event") == data["goal"] else []
            goal = {"event": data["goal"], "where": where, "within": data["within"], "exits": data["leaves"]}
        return {
            "exits": [known.get(name, {"event": name}) for name in names],
            "goal": goal,
            "holdout": data["holdout"] or 0,
        }
