"""An automation as its canvas sees it: what is edited, and which part of it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse

from automations.actions import AutomationError
from automations.engine.entries import latest_properties
from automations.forms.steps import ConditionForm
from automations.graph import codec, editing
from automations.graph.editing import JSON, Gone
from automations.graph.nodes import Definition, EventTrigger
from automations.models import Automation, Version
from automations.readiness import Problem, problems
from automations.versions import current_of, draft_of
from retargeting.audiences.builder.field import AudienceField
from retargeting.conditions.nodes import EventCondition
from retargeting.profiles.models import Profile
from retargeting.web.access import can_write

TRIGGER, ENDS = "trigger", "ends"
"""What the panel shows beside steps. No key of a step is in its way: those two are asked for as `part`."""
PERIODS = {"1": "last 24 hours", "7": "last 7 days", "30": "last 30 days", "365": "last year"}
DEFAULT_PERIOD = "30"


class Page:
    """An automation with what somebody who opens it sees of it: the draft, or what runs."""

    def __init__(self, request: HttpRequest, pk: int) -> None:
        self.request = request
        self.automation = get_object_or_404(Automation.objects.prefetch_related("labels"), pk=pk)
        self.forget()

    def forget(self) -> None:
        """Read it anew, after a change."""
        self.draft: Version | None = draft_of(self.automation)
        self.current: Version | None = current_of(self.automation)
        version = self.draft or self.current
        self.json: JSON = version.definition if version else codec.encode(Definition())
        self.definition = codec.decode(self.json)
        self.problems: list[Problem] = problems(self.automation.pk, self.definition)

    @property
    def editable(self) -> bool:
        return can_write(self.request.user) and self.automation.archived_at is None

    @property
    def step(self) -> JSON | None:
        """The step that is asked for."""
        try:
            return editing.find(self.json, self.request.GET.get("step", ""))
        except Gone:
            return None

    @property
    def part(self) -> str:
        asked = self.request.GET.get("part", "")
        return asked if asked in {TRIGGER, ENDS} else ""

    @property
    def branch(self) -> str:
        """Of a split by conditions, the branch whose condition is asked for."""
        return self.request.GET.get("branch", "")

    @property
    def language(self) -> str:
        asked = self.request.GET.get("language", "")
        step = self.step or {}
        return asked if asked in step.get("message", {}).get("languages", {}) else ""

    @property
    def period(self) -> str:
        asked = self.request.GET.get("days", DEFAULT_PERIOD)
        return asked if asked in PERIODS else DEFAULT_PERIOD

    def url(self, **asked: str) -> str:
        query = urlencode({name: value for name, value in asked.items() if value})
        url = reverse("automation", args=[self.automation.pk])
        return f"{url}?{query}" if query else url

    # The condition that the panel's builder is about: of a split, a branch, a wait, or of who may enter.

    @property
    def tree(self) -> Any:
        step = self.step
        if self.part == TRIGGER:
            return (self.json.get("trigger") or {}).get("audience")
        if step is None:
            return None
        if self.branch:
            found = [branch for branch in step.get("branches", []) if branch["key"] == self.branch]
            return found[0].get("condition") if found else None
        return step.get("condition")

    def set_tree(self, definition: JSON, tree: Any) -> None:
        if self.part == TRIGGER:
            trigger = definition.get("trigger")
            if trigger is None:
                raise AutomationError("Choose what begins a journey first.")
            trigger["audience"] = tree if tree["conditions"] else None
            return
        step = editing.find(definition, self.request.GET.get("step", ""))
        if self.branch:
            for branch in step["branches"]:
                if branch["key"] == self.branch:
                    branch["condition"] = tree
            return
        step["condition"] = tree if tree["conditions"] else None
        if step["type"] == "wait_until" and tree["conditions"]:
            step.pop("event", None)
            step.pop("where", None)

    def builder(self) -> AudienceField:
        return self.condition_form().audience

    def condition_form(self) -> ConditionForm:
        query = urlencode(
            {name: self.request.GET[name] for name in ("step", "part", "branch") if name in self.request.GET}
        )
        url = f"{reverse('automation-builder', args=[self.automation.pk])}?{query}"
        event = self.entry_event.event if self.entry_event else ""
        return ConditionForm(tree=self.tree, url=url, in_automation=self.part != TRIGGER, entry_event=event)

    # What begins a journey.

    @property
    def entry_event(self) -> EventCondition | None:
        trigger = self.definition.trigger
        return trigger.event if isinstance(trigger, EventTrigger) else None

    def entry_of(self, person: Profile | None) -> Mapping[str, Any]:
        """What a message can say of the event, with the latest one of that person."""
        if person is None or self.entry_event is None:
            return {}
        return latest_properties(person.pk, self.entry_event)
