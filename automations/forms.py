"""The forms of the canvas' panel. Each reads a part of a definition's JSON and writes it anew; the codec judges it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.utils.dateparse import parse_datetime

from automations.fields import FiltersField, LengthField, ValuesField, offered
from automations.graph.editing import JSON
from automations.graph.nodes import Crossing, Existing, Reentry
from retargeting.audiences.builder.field import AudienceField
from retargeting.audiences.models import Segment
from retargeting.conditions.nodes import Interaction
from retargeting.messaging.forms import MessageForm
from retargeting.messaging.models import Priority
from retargeting.messaging.recurring import WEEKDAY_NAMES, WEEKDAYS
from retargeting.orchestrations.models import Kind, Label, Orchestration
from retargeting.profiles.models import CHANNEL_CHOICES

NAME = "condition"
"""Of the field that holds the condition builder."""
MOST_OFFERED = 200


@cache
def zone_choices() -> list[tuple[str, str]]:
    names = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return [(name, name.replace("_", " ")) for name in ["UTC", *names]]


class LabelsForm(forms.Form):
    """The name and the labels of an automation."""

    name = forms.CharField(max_length=200)
    labels = forms.ModelMultipleChoiceField(
        Label.objects.order_by("name"), required=False, widget=forms.CheckboxSelectMultiple
    )


class StepForm(forms.Form):
    """`written` gives the parts of the step that the form is about, to be put over those that are there."""

    name = forms.CharField(max_length=200, required=False, label="Name", help_text="What it is called in conditions.")

    def __init__(self, data: Any = None, *, step: JSON) -> None:
        super().__init__(data, initial={"name": step.get("name", ""), **self.initial_of(step)})
        self.step = step

    def initial_of(self, step: JSON) -> dict[str, Any]:
        return {}

    def written(self) -> JSON:
        return {"name": self.cleaned_data["name"]}


class MessageStepForm(MessageForm):
    """The message of a step in one language."""

    def __init__(self, data: Any = None, *, step: JSON, language: str = "") -> None:
        super().__init__(step["channel"], data, whole=step.get("message", {}), language=language)
        if not language:
            self.fields["name"] = forms.CharField(
                max_length=200, required=False, label="Name of the step", help_text="What it is called in conditions.",
                initial=step.get("name", ""),
            )  # fmt: skip
            self.fields["priority"] = forms.ChoiceField(
                label="Priority", choices=Priority.choices, initial=step.get("priority", Priority.NORMAL)
            )

    def written(self) -> JSON:
        data = self.cleaned_data
        own: JSON = {key: data[key] for key in ("name", "priority") if key in data}
        return {**own, "message": self.content}


class DelayForm(StepForm):
    mode = forms.ChoiceField(
        label="How long",
        choices=[("for", "For a time"), ("until", "Until a time of day")],
        widget=forms.RadioSelect,
    )
    length = LengthField(label="Wait", required=False)
    time = forms.TimeField(label="Until", required=False, widget=forms.TimeInput({"type": "time"}, format="%H:%M"))
    weekdays = forms.MultipleChoiceField(
        label="On",
        choices=list(zip(WEEKDAYS, WEEKDAY_NAMES, strict=True)),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None: on any day. The clocks are those of each person.",
    )
    time_zone = forms.ChoiceField(label="For people without a known zone", choices=zone_choices, required=False)

    def initial_of(self, step: JSON) -> dict[str, Any]:
        until = step.get("until")
        return {"mode": "until" if until else "for", "length": step.get("for"), **(until or {})}

    def clean(self) -> None:
        data = self.cleaned_data
        needed = {"for": "length", "until": "time"}.get(data.get("mode", ""), "mode")
        if not data.get(needed) and needed not in self.errors:
            self.add_error(needed, "Say until when." if needed == "time" else "Say how long.")

    def written(self) -> JSON:
        data = self.cleaned_data
        if data["mode"] == "for":
            return {**super().written(), "for": data["length"], "until": None}
        until = {"time": f"{data['time']:%H:%M}", "time_zone": data["time_zone"] or "UTC"}
        return {**super().written(), "for": None, "until": {**until, "weekdays": data["weekdays"]}}


class EventMixin(forms.Form):
    """An event by its name, with filters on its properties."""

    event = forms.CharField(
        label="Event",
        max_length=200,
        required=False,
        widget=forms.TextInput({"list": "event-names", "autocomplete": "off"}),
    )
    where = FiltersField(label="Only where")

    def kept(self, before: Mapping[str, Any]) -> list[Any]:
        """Filters that the form cannot show, of the same event."""
        if self.cleaned_data["event"] != before.get("event"):
            return []
        return [row for row in before.get("where", []) if not offered(row)]

    def written_event(self, before: Mapping[str, Any]) -> JSON:
        return {"event": self.cleaned_data["event"], "where": [*self.cleaned_data["where"], *self.kept(before)]}


class WaitForm(StepForm, EventMixin):
    """The event; the condition has a form of its own."""

    timeout = LengthField(label="At most")

    field_order = ["name", "event", "where", "timeout"]

    def initial_of(self, step: JSON) -> dict[str, Any]:
        return {"event": step.get("event", ""), "where": step.get("where", []), "timeout": step["timeout"]}

    def written(self) -> JSON:
        data = self.cleaned_data
        # Either an event or a condition is waited for: the one that was written last.
        event = (
            {**self.written_event(self.step), "condition": None} if data["event"] else {"event": None, "where": None}
        )
        return {**super().written(), "timeout": data["timeout"], **event}


class ConditionForm(forms.Form):
    """The condition of a split, of a branch, of a wait, or of who may enter."""

    def __init__(self, data: Any = None, *, tree: Any, url: str, scope_allowed: bool) -> None:
        super().__init__(data, initial={NAME: tree})
        self.fields[NAME] = AudienceField(url=url, scope_allowed=scope_allowed, label="Condition")


class BranchesForm(StepForm):
    """Names and weights of the branches of a split that has a list of them."""

    def __init__(self, data: Any = None, *, step: JSON) -> None:
        super().__init__(data, step=step)
        for branch in step["branches"]:
            letter = branch["key"].upper()
            self.fields[f"name_{branch['key']}"] = forms.CharField(
                max_length=200, required=False, label=f"Name of branch {letter}", initial=branch.get("name", "")
            )
            if "weight" in branch:
                self.fields[f"weight_{branch['key']}"] = forms.IntegerField(
                    min_value=0, max_value=1000, label=f"Weight of branch {letter}", initial=branch["weight"]
                )

    def clean(self) -> None:
        weights = [value for name, value in self.cleaned_data.items() if name.startswith("weight_")]
        if weights and not any(weights) and not self.errors:
            self.add_error(None, "At least one branch needs a weight above 0.")

    def rows(self) -> list[tuple[JSON, forms.BoundField, forms.BoundField | None]]:
        return [
            (branch, self[f"name_{branch['key']}"], self[f"weight_{branch['key']}"] if "weight" in branch else None)
            for branch in self.step["branches"]
        ]

    def written(self) -> JSON:
        branches = []
        for branch in self.step["branches"]:
            changed = {**branch, "name": self.cleaned_data[f"name_{branch['key']}"]}
            if "weight" in branch:
                changed["weight"] = self.cleaned_data[f"weight_{branch['key']}"]
            branches.append(changed)
        return {**super().written(), "branches": branches}


class AttributesForm(StepForm):
    attributes = ValuesField(label="Set", nulls=True, help_text="An empty value takes the attribute away.")

    def initial_of(self, step: JSON) -> dict[str, Any]:
        return {"attributes": step.get("attributes", {})}

    def written(self) -> JSON:
        return {**super().written(), "attributes": self.cleaned_data["attributes"]}


class WebhookForm(StepForm):
    url = forms.CharField(
        label="Address",
        max_length=2000,
        required=False,
        widget=forms.TextInput({"placeholder": "https://…", "spellcheck": "false"}),
    )
    values = ValuesField(label="Sent along")

    def initial_of(self, step: JSON) -> dict[str, Any]:
        return {"url": step.get("url", ""), "values": step.get("values", {})}

    def written(self) -> JSON:
        return {**super().written(), "url": self.cleaned_data["url"].strip(), "values": self.cleaned_data["values"]}


FORMS: dict[str, type[StepForm]] = {
    "delay": DelayForm,
    "wait_until": WaitForm,
    "split": StepForm,
    "multi_split": BranchesForm,
    "random_split": BranchesForm,
    "update_profile": AttributesForm,
    "webhook": WebhookForm,
    "exit": StepForm,
}


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


class PublishForm(forms.Form):
    people = forms.ChoiceField(widget=forms.RadioSelect, required=False)
    others = forms.ChoiceField(widget=forms.RadioSelect, required=False)
    reach_finished = forms.BooleanField(required=False)


def step_form(step: JSON, data: Any = None, *, language: str = "") -> StepForm | MessageStepForm:
    if step["type"] == "message":
        return MessageStepForm(data, step=step, language=language)
    return FORMS[step["type"]](data, step=step)
