"""Trying a draft out: the canvas with the numbers of a simulation, or the way of one person."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe
from pyroaring import BitMap

from automations import canvas, simulation
from automations.graph.nodes import Definition, Message, Step, WaitUntil
from automations.models import Automation
from automations.numbers import Whole
from automations.readiness import problems
from automations.simulation import Shares
from automations.versions import edited
from automations.wording import called, entry_words, trigger_words
from retargeting.audiences.builder.panel import find_person
from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.nodes import Channel


class SharesForm(forms.Form):
    """Who is sent through, and what part of them does what: percent, taken from history where there is one."""

    who = forms.CharField(
        label="One person",
        required=False,
        max_length=1024,
        help_text="Empty: everybody who could enter, or 10,000 of them drawn by lot.",
        widget=forms.TextInput({"placeholder": "External id or email", "autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, data: Any = None, *, definition: Definition, shares: dict[str, Shares]) -> None:
        super().__init__(data)
        self.history = shares
        for step in definition.walk():
            for part, label in _parts(step):
                self.fields[f"{part}-{step.key}"] = forms.DecimalField(
                    label=f"{label} “{called(step)}”",
                    min_value=0,
                    max_value=100,
                    decimal_places=1,
                    required=False,
                    initial=round(100 * getattr(shares[step.key], part), 1),
                    widget=forms.NumberInput({"step": "any", "min": 0, "max": 100}),
                )

    def shares(self) -> dict[str, Shares]:
        """What was typed, and history where nothing was."""
        found = {}
        for key, known in self.history.items():
            typed = {
                part: float(self.cleaned_data[f"{part}-{key}"]) / 100
                for part in ("opened", "clicked", "met")
                if self.cleaned_data.get(f"{part}-{key}") is not None
            }
            found[key] = Shares(**{"opened": known.opened, "clicked": known.clicked, "met": known.met, **typed})
        return found


def _parts(step: Step) -> list[tuple[str, str]]:
    match step.action:
        case Message(Channel.SMS):
            return [("clicked", "% who click in")]
        case Message():
            return [("opened", "% who open"), ("clicked", "% who click in")]
        case WaitUntil(_, _, None):
            return [("met", "% in time of")]
    return []


@require_safe
def show(request: HttpRequest, pk: int) -> HttpResponse:
    automation = get_object_or_404(Automation.objects.prefetch_related("labels"), pk=pk)
    definition = edited(automation)
    history = simulation.shares_from_history(automation.pk, definition)
    form = SharesForm(request.GET if "who" in request.GET else None, definition=definition, shares=history)
    context: dict[str, Any] = {"automation": automation, "form": form, "missing": "", "unknown": False}
    shares = form.shares() if form.is_bound and form.is_valid() else history
    words = form.cleaned_data.get("who", "") if form.is_bound and form.is_valid() else ""
    person = find_person(words) if words else None
    context["unknown"] = bool(words) and person is None
    try:
        audience = simulation.audience_of(definition)
        people = BitMap([person.pk]) if person is not None else simulation.sample(audience, automation.pk)
        found = simulation.simulate(automation.pk, definition, people, shares, audience=len(audience))
    except ConditionErrors as errors:
        context["missing"] = errors.errors[0].message
        return render(request, "automations/simulation.html", context)
    context |= {
        "found": found,
        "person": person,
        "could_enter": person is not None and person.pk in audience,
        "path": [(called(passed.step, automation.pk), passed) for passed in found.path],
        "trunk": canvas.trunk(definition, found.numbers, problems(automation.pk, definition), "", automation.pk),
        "whole": Whole(len(people), 0, len(found.finished), 0),
        "trigger_title": trigger_words(definition.trigger),
        "entry": entry_words(definition),
        "goal": definition.goal,
        "exits": definition.exits,
        "editable": False,
        "simulated": True,
    }
    return render(request, "automations/simulation.html", context)
