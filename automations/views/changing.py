"""The buttons of the canvas: add, move, copy and remove steps, and undo. Each leads back to the canvas."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from automations import actions
from automations.actions import AutomationError
from automations.graph import editing
from automations.graph.editing import JSON, Gone, Spot
from automations.models import Automation
from retargeting.accounts.permissions import actor_of
from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.nodes import Channel, Interaction
from retargeting.messaging.content import LANGUAGE
from retargeting.messaging.languages import with_language
from retargeting.web.access import writer_required
from retargeting.web.confirming import go


@require_POST
@writer_required
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Do what the button says: `do` is a verb with the key of a step or branch behind a colon."""
    automation = get_object_or_404(Automation, pk=pk)
    verb, _, word = request.POST.get("do", "").partition(":")
    key = request.POST.get("step", "")
    if verb == "undo":
        return _undone(request, automation)
    shown: dict[str, str] = {"step": key}
    taken = set(automation.message_steps.values_list("key", flat=True))

    def done(definition: JSON) -> None:
        nonlocal shown
        shown = _do(definition, verb, word, key, request, taken, automation.pk)

    try:
        actions.change_draft(actor=actor_of(request), automation=automation, change=done)
    except Gone as error:
        words = str(error.args[0]) if " " in str(error.args[0]) else "Somebody has changed this place meanwhile."
        messages.warning(request, f"{words} Nothing was changed.")
    except (AutomationError, KeyError, ValueError) as error:
        messages.warning(request, f"Nothing was changed: {error}")
    except ConditionErrors as errors:
        messages.warning(request, f"Nothing was changed. {errors.errors[0].message}")
    return go(request, _url(automation, shown))


def _do(
    definition: JSON, verb: str, word: str, key: str, request: HttpRequest, taken: set[str], automation: int
) -> dict[str, str]:
    """Returns what the panel shows afterwards."""
    taken |= {step["key"] for step in editing.walk(definition["steps"])}
    match verb:
        case "add":
            step = editing.new_step(word, taken)
            editing.insert(definition, Spot.read(request.POST.get("spot", "")), step)
            return {"step": step["key"]}
        case "paste":
            source = editing.source(definition, word or request.POST.get("from", ""))
            copied = editing.copies(source, automation, taken)
            editing.insert(definition, Spot.read(request.POST.get("spot", "")), *copied)
            return {"step": copied[0]["key"]}
        case "move":
            editing.move(definition, word, Spot.read(request.POST.get("spot", "")))
            return {"step": word}
        case "up" | "down":
            editing.shift(definition, key, -1 if verb == "up" else 1)
        case "copy":
            copied = editing.copies([editing.find(definition, key)], automation, taken)
            spot = editing.spot_of(definition, key)
            editing.insert(definition, Spot(spot.parent, spot.branch, key), *copied)
            return {"step": copied[0]["key"]}
        case "remove":
            editing.remove(definition, key)
            return {}
        case "keep":
            editing.dissolve(definition, key, word)
            return {}
        case "ask":
            editing.find(definition, key)["condition"] = _asked(definition, word, automation)
        case "add_branch":
            editing.add_branch(editing.find(definition, key))
        case "remove_branch":
            editing.remove_branch(editing.find(definition, key), word)
        case "add_language" | "remove_language":
            return _language(definition, verb, word or request.POST.get("code", ""), key)
        case _:
            raise ValueError("there is no such button")
    return {"step": key}


def _asked(definition: JSON, key: str, automation: int) -> JSON:
    """Whether somebody opened the message of a step; of a text message, whether they clicked in it."""
    channel = editing.find(definition, key).get("channel")
    event = Interaction.CLICKED if channel == Channel.SMS else Interaction.OPENED
    target = {"type": "step", "automation": automation, "keys": [key]}
    test = {"type": "occurred", "value": True}
    return {"match": "all", "conditions": [{"kind": "message", "event": str(event), "target": target, "test": test}]}


def _language(definition: JSON, verb: str, code: str, key: str) -> dict[str, str]:
    step = editing.find(definition, key)
    content = step.get("message", {})
    if not LANGUAGE.fullmatch(code):
        raise ValueError("choose a language first")
    if verb == "remove_language":
        step["message"] = with_language(content, code, None)
        return {"step": key}
    if code not in content.get("languages", {}):
        step["message"] = with_language(content, code, {})
    return {"step": key, "language": code}


def _undone(request: HttpRequest, automation: Automation) -> HttpResponse:
    try:
        if not actions.undo(actor=actor_of(request), automation=automation):
            messages.info(request, "There is nothing to take back.")
    except AutomationError as error:
        messages.warning(request, str(error))
    return go(request, _url(automation, {}))


def _url(automation: Automation, shown: dict[str, Any]) -> str:
    url = reverse("automation", args=[automation.pk])
    query = urlencode({name: value for name, value in shown.items() if value})
    return f"{url}?{query}" if query else url
