"""Writes on automations and their message steps. What makes them run is not here yet: they are targets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from automations.models import Automation
from retargeting.accounts.actions import Actor, note
from retargeting.accounts.models import User
from retargeting.orchestrations.models import Kind, Label, MessageStep

STEP_KEY = re.compile(r"[a-z0-9][a-z0-9_-]*")


@transaction.atomic
def create_automation(*, actor: Actor, name: str, labels: Iterable[Label] = ()) -> Automation:
    """Raises ValidationError by field."""
    automation = Automation(kind=Kind.AUTOMATION, name=name, created_by=actor if isinstance(actor, User) else None)
    automation.full_clean()
    automation.save()
    automation.labels.set(labels)
    note(actor=actor, verb="create", instance=automation, summary=f"Created the automation {name}.")
    return automation


@transaction.atomic
def update_automation(*, actor: Actor, automation: Automation, name: str, labels: Iterable[Label]) -> Automation:
    """Raises ValidationError by field. What stays the same leaves no Activity line."""
    automation = Automation.objects.select_for_update().get(pk=automation.pk)
    differences = []
    if automation.name != name:
        differences.append(f"name from {automation.name} to {name}")
        automation.name = name
    before, after = set(automation.labels.all()), set(labels)
    if before != after:
        differences.append(f"labels from {_names(before)} to {_names(after)}")
        automation.labels.set(after)
    if differences:
        automation.full_clean()
        automation.save()
        summary = f"Changed the automation {name}: {', '.join(differences)}."
        note(actor=actor, verb="update", instance=automation, summary=summary)
    return automation


@transaction.atomic
def save_step(
    *, actor: Actor, automation: Automation, key: str, channel: str, name: str = "", position: int = 0
) -> MessageStep:
    """Create the message step `key`, or change the one that has this key; a removed one comes back.

    The channel of a step that exists cannot change: its events are of that channel. Raises ValidationError by field.
    """
    step = automation.message_steps.select_for_update().filter(key=key).first()
    verb = "update" if step else "create"
    step = step or MessageStep(orchestration=automation, key=key)
    values: dict[str, Any] = {"channel": channel, "name": name, "position": position, "removed_at": None}
    changed = [field for field, value in values.items() if getattr(step, field) != value]
    if step.pk and not changed:
        return step
    check_step(step, key=key, channel=channel)
    for field, value in values.items():
        setattr(step, field, value)
    step.full_clean(exclude=["orchestration"])
    step.save()
    done = "Added" if verb == "create" else "Changed"
    note(actor=actor, verb=verb, instance=automation, summary=f"{done} the {channel} step {step} ({key}).")
    return step


def check_step(step: MessageStep, *, key: str, channel: str) -> None:
    """Raise ValidationError by field where a step cannot get this key and this channel."""
    mistakes = {}
    if not STEP_KEY.fullmatch(key):
        mistakes["key"] = "Use small letters, digits, - and _ only."
    if step.pk and step.key != key:
        mistakes["key"] = f"Conditions name this step {step.key}: a new key needs a new step."
    if step.pk and step.channel != channel:
        mistakes["channel"] = f"What was sent by this step was {step.get_channel_display()}: add a new step instead."
    if mistakes:
        raise ValidationError(mistakes)


@transaction.atomic
def remove_step(*, actor: Actor, step: MessageStep) -> None:
    """Take a step out of its automation. It stays a valid target, with its events."""
    if not MessageStep.objects.filter(pk=step.pk, removed_at=None).update(removed_at=timezone.now()):
        return
    note(actor=actor, verb="update", instance=step.orchestration, summary=f"Removed the step {step} ({step.key}).")


def _names(labels: Iterable[Label]) -> str:
    return ", ".join(sorted(label.name for label in labels)) or "none"
