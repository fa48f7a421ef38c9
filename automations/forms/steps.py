"""The forms of the canvas' panel. Each reads a part of a definition's JSON and writes it anew; the codec judges it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django import forms

from automations.fields import FiltersField, LengthField, ValuesField, offered
from automations.graph.editing import JSON
from retargeting.audiences.builder.field import AudienceField
from retargeting.messaging.forms import MessageForm
from retargeting.messaging.models import Priority
from retargeting.messaging.recurring import WEEKDAY_NAMES, WEEKDAYS

NAME = "condition"
"""Of the field that holds the condition builder."""
MOST_OFFERED = 200


@cache
def zone_choices() -> list[tuple[str, str]]:
    names = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return [(name, name.replace("_", " ")) for name in ["UTC", *names]]


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

    def __init__(self, data: Any = None, *, tree: Any, url: str, in_automation: bool, entry_event: str = "") -> None:
        super().__init__(data, initial={NAME: tree})
        self.audience = AudienceField(url=url, in_automation=in_automation, entry_event=entry_event, label="Condition")
        self.fields[NAME] = self.audience


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


def step_form(step: JSON, data: Any = None, *, language: str = "") -> StepForm | MessageStepForm:
    if step["type"] == "message":
        return MessageStepForm(data, step=step, language=language)
    return FORMS[step["type"]](data, step=step)
