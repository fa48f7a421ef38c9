"""Writes on labels. Orchestrations themselves are written by the apps that extend them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from retargeting.accounts.actions import Actor, note
from retargeting.orchestrations.models import Label


def _save(label: Label) -> None:
    """Check what the model declares, then write: a taken code is a ValidationError here, not one of the database."""
    label.full_clean()
    label.save()


@transaction.atomic
def create_label(*, actor: Actor, code: str, name: str, colour: str = "blue") -> Label:
    """Raises ValidationError, by field, when the code is malformed or taken or the colour is not one of ours."""
    label = Label(code=code, name=name, colour=colour)
    _save(label)
    note(actor=actor, verb="create", instance=label, summary=f"Created the label {name} ({code}).")
    return label


@transaction.atomic
def update_label(*, actor: Actor, label: Label, **changes: Any) -> Label:
    """Change name or colour; what stays the same leaves no Activity line.

    The code stays: saved conditions refer to it, and a new one would turn them all into errors.
    """
    label = Label.objects.select_for_update().get(pk=label.pk)
    if changes.pop("code", label.code) != label.code:
        raise ValidationError({"code": "The code cannot change, since conditions refer to it. Make a new label."})
    if unknown := set(changes) - {"name", "colour"}:
        raise TypeError(f"A label has no {', '.join(sorted(unknown))}.")
    differences = []
    for field, value in changes.items():
        if (old := getattr(label, field)) != value:
            setattr(label, field, value)
            differences.append(f"{field} from {old} to {value}")
    if differences:
        _save(label)
        summary = f"Changed the label {label.code}: {', '.join(differences)}."
        note(actor=actor, verb="update", instance=label, summary=summary)
    return label


@transaction.atomic
def delete_label(*, actor: Actor, label: Label) -> None:
    """Delete the label and take it off whatever carries it. Conditions that name it become errors that say so."""
    carriers = label.orchestrations.count()
    note(
        actor=actor,
        verb="delete",
        instance=label,
        summary=f"Deleted the label {label.name} ({label.code}); {carriers:,} campaigns and automations carried it.",
    )
    label.delete()
