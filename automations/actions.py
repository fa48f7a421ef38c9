"""Everything that changes what an automation is. Publishing is in `publishing`, journeys by hand in `moving`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from automations.graph import codec
from automations.graph.nodes import Definition, Message, Step
from automations.graph.steps import KEY, places_of
from automations.models import Automation, AutomationStatus, Version
from automations.versions import current_of, draft_of, edited
from automations.wording import differences
from retargeting.accounts.actions import Actor, note, note_changes
from retargeting.accounts.models import User
from retargeting.conditions.errors import ConditionError, ConditionErrors
from retargeting.interactions.models import MessageEvent
from retargeting.messaging.content import headline
from retargeting.orchestrations.models import Kind, Label, MessageStep


class AutomationError(ValueError):
    """The automation cannot do that now; the message says why, and what to do."""


@transaction.atomic
def create_automation(
    *, actor: Actor, name: str, labels: Iterable[Label] = (), definition: Definition | None = None
) -> Automation:
    """A new draft. Raises ValidationError by field, and ConditionErrors for steps that cannot be."""
    automation = Automation(kind=Kind.AUTOMATION, name=name, created_by=actor if isinstance(actor, User) else None)
    automation.full_clean()
    automation.save()
    automation.labels.set(labels)
    Version.objects.create(automation=automation, number=1, definition=codec.encode(definition or Definition()))
    if definition is not None:
        _keep_steps(automation, definition)
    note(actor=actor, verb="create", instance=automation, summary=f"Created the automation {name}.")
    return automation


@transaction.atomic
def update_automation(*, actor: Actor, automation: Automation, name: str, labels: Iterable[Label]) -> Automation:
    """Raises ValidationError by field. What stays the same leaves no Activity line."""
    automation = locked(automation)
    before = _described(automation)
    automation.name = name
    automation.full_clean()
    automation.save()
    automation.labels.set(labels)
    note_changes(actor=actor, instance=automation, noun="automation", before=before, after=_described(automation))
    return automation


MOST_UNDONE = 30
TYPING_SECONDS = 60
"""Changes of one step that follow each other so soon are undone together: they are somebody who types."""


@transaction.atomic
def save_draft(*, actor: Actor, automation: Automation, definition: Definition, about: str = "") -> Version:
    """Change the draft; where there is none, begin one. Whoever is on the way notices nothing of it.

    `about` names the step that somebody is writing on. Raises ConditionErrors where a step cannot be: its key was
    another channel's.
    """
    automation = locked(automation)
    _check_open(automation)
    before = edited(automation)
    draft = draft_of(automation) or Version(automation=automation, number=_next_number(automation))
    if before != definition:
        _remember(draft, codec.encode(before), about)
    draft.definition = codec.encode(definition)
    draft.save()
    _keep_steps(automation, definition)
    changed = differences(before, definition, automation.pk)
    if changed:
        summary = f"Changed the draft of {automation}: {'; '.join(changed)}."
        note(actor=actor, verb="update", instance=automation, summary=summary)
    return draft


@transaction.atomic
def change_draft(
    *, actor: Actor, automation: Automation, change: Callable[[dict[str, Any]], None], about: str = ""
) -> Version:
    """Change the draft as it is now, whoever else works on it: `change` gets its JSON form.

    Raises what it raises, and ConditionErrors where the outcome is no definition.
    """
    automation = locked(automation)
    definition = codec.encode(edited(automation))
    change(definition)
    return save_draft(actor=actor, automation=automation, definition=codec.decode(definition), about=about)


def _remember(draft: Version, before: dict[str, Any], about: str) -> None:
    """Note what the draft was, unless that is what it was in the middle of a word."""
    now = timezone.now().timestamp()
    last = draft.earlier[-1] if draft.earlier else {}
    typing = about and last.get("about") == about and now - last["at"] < TYPING_SECONDS
    if typing:
        last["at"] = now
    else:
        draft.earlier = [*draft.earlier, {"definition": before, "about": about, "at": now}][-MOST_UNDONE:]


@transaction.atomic
def undo(*, actor: Actor, automation: Automation) -> bool:
    """Take back the last change of the draft; False if there is none."""
    automation = locked(automation)
    _check_open(automation)
    draft = draft_of(automation)
    if draft is None or not draft.earlier:
        return False
    before = codec.decode(draft.definition)
    draft.definition = draft.earlier[-1]["definition"]
    draft.earlier = draft.earlier[:-1]
    draft.save()
    definition = codec.decode(draft.definition)
    _keep_steps(automation, definition)
    changed = "; ".join(differences(before, definition, automation.pk))
    note(actor=actor, verb="update", instance=automation, summary=f"Took back a change of {automation}: {changed}.")
    return True


@transaction.atomic
def discard_draft(*, actor: Actor, automation: Automation) -> None:
    """Go back to the version that runs."""
    automation = locked(automation)
    current, draft = current_of(automation), draft_of(automation)
    if current is None:
        raise AutomationError(f"{automation} has not been published: there is nothing to go back to.")
    if draft is None:
        return
    draft.delete()
    _keep_steps(automation, codec.decode(current.definition))
    summary = f"Discarded the draft of {automation}; version {current.number} stays."
    note(actor=actor, verb="update", instance=automation, summary=summary)


@transaction.atomic
def duplicate(*, actor: Actor, automation: Automation) -> Automation:
    """A new draft like it. Conditions on its own steps are about those of the copy."""
    version = draft_of(automation) or current_of(automation)
    copy = create_automation(actor=actor, name=f"{automation.name[:190]} (copy)", labels=list(automation.labels.all()))
    if version is not None:
        definition = _about(version.definition, automation.pk, copy.pk)
        copy.versions.update(definition=definition)
        _keep_steps(copy, codec.decode(definition))
    return copy


def _about(data: Any, old: int, new: int) -> Any:
    """`data` with the targets that are steps of the automation `old` turned to those of `new`."""
    if isinstance(data, list):
        return [_about(item, old, new) for item in data]
    if not isinstance(data, dict):
        return data
    if data.get("type") == "step" and data.get("automation") == old:
        return {**data, "automation": new}
    return {key: _about(value, old, new) for key, value in data.items()}


@transaction.atomic
def archive(*, actor: Actor, automation: Automation) -> None:
    """Take it out of the lists. It stays a valid target, with its history."""
    automation = locked(automation)
    if automation.status in (AutomationStatus.RUNNING, AutomationStatus.PAUSED):
        raise AutomationError(f"{automation} is {automation.get_status_display().lower()}: stop it first.")
    if automation.archived_at is None:
        Automation.objects.filter(pk=automation.pk).update(archived_at=timezone.now())
        note(actor=actor, verb="archive", instance=automation, summary=f"Archived the automation {automation}.")


@transaction.atomic
def unarchive(*, actor: Actor, automation: Automation) -> None:
    if Automation.objects.filter(pk=automation.pk).exclude(archived_at=None).update(archived_at=None):
        note(actor=actor, verb="unarchive", instance=automation, summary=f"Brought the automation {automation} back.")


@transaction.atomic
def delete_automation(*, actor: Actor, automation: Automation) -> bool:
    """Delete what never ran and has no events; anything else is archived. True if it is gone."""
    automation = locked(automation)
    used = automation.status != AutomationStatus.DRAFT or automation.journeys.exists()
    if used or MessageEvent.objects.filter(orchestration_id=automation.pk).exists():
        archive(actor=actor, automation=automation)
        return False
    note(actor=actor, verb="delete", instance=automation, summary=f"Deleted the automation {automation}.")
    automation.delete()
    return True


# Message steps, which conditions name.


@transaction.atomic
def save_step(
    *, actor: Actor, automation: Automation, key: str, channel: str, name: str = "", position: int = 0
) -> MessageStep:
    """Make `key` a target, or change the one that has this key; a removed one comes back.

    For history of another tool; steps of the definition become targets when that is saved. Raises ValidationError by
    field.
    """
    before = automation.message_steps.filter(key=key, removed_at=None).first()
    step = _keep_step(automation, key, channel=channel, name=name, position=position)
    if before is None or (before.channel, before.name, before.position) != (channel, name, position):
        done = "Changed" if before else "Added"
        summary = f"{done} the {channel} step {step} ({key})."
        note(actor=actor, verb="update" if before else "create", instance=automation, summary=summary)
    return step


def _keep_step(automation: Automation, key: str, **values: Any) -> MessageStep:
    step = automation.message_steps.select_for_update().filter(key=key).first()
    step = step or MessageStep(orchestration=automation, key=key)
    values = {**values, "removed_at": None}
    if step.pk and all(getattr(step, field) == value for field, value in values.items()):
        return step
    check_step(step, key=key, channel=values["channel"])
    for field, value in values.items():
        setattr(step, field, value)
    step.full_clean(exclude=["orchestration"])
    step.save()
    return step


def check_step(step: MessageStep, *, key: str, channel: str) -> None:
    """Raise ValidationError by field where a step cannot get this key and this channel."""
    mistakes = {}
    if not KEY.fullmatch(key):
        mistakes["key"] = "Use up to 50 small letters, digits, - and _ only."
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


def _keep_steps(automation: Automation, definition: Definition) -> None:
    """Make the message steps of a definition targets, and take those out that neither it nor what runs has."""
    messages = [step for step in definition.walk() if isinstance(step.action, Message)]
    mistakes = []
    for position, step in enumerate(messages):
        assert isinstance(step.action, Message)
        try:
            channel = str(step.action.channel)
            # Conditions are to call it something that says what it is.
            name = step.name or headline(channel, step.action.content)[:200]
            _keep_step(automation, step.key, channel=channel, name=name, position=position)
        except ValidationError as error:
            place = places_of(definition.steps)[step.key]
            for field, texts in error.message_dict.items():
                mistakes += [ConditionError(f"{place}/{field}", text) for text in texts]
    if mistakes:
        raise ConditionErrors(mistakes)
    kept = {step.key for step in [*messages, *_running(automation)]}
    gone = automation.message_steps.filter(removed_at=None).exclude(key__in=kept)
    gone.update(removed_at=timezone.now())


def _running(automation: Automation) -> list[Step]:
    current = current_of(automation)
    return list(codec.decode(current.definition).walk()) if current else []


def locked(automation: Automation) -> Automation:
    return Automation.objects.select_for_update(of=("self",), no_key=True).get(pk=automation.pk)


def _check_open(automation: Automation) -> None:
    if automation.archived_at is not None:
        raise AutomationError(f"{automation} is archived: bring it back first.")


def _next_number(automation: Automation) -> int:
    last = automation.versions.order_by("-number").first()
    return last.number + 1 if last else 1


def _described(automation: Automation) -> dict[str, str]:
    labels = ", ".join(sorted(automation.labels.values_list("name", flat=True)))
    return {"name": automation.name, "labels": labels or "none"}
