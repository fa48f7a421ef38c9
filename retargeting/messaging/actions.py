"""What recipients do with a message, and what admins set for all messages."""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import TypeVar

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone

from retargeting.accounts.actions import Actor, note, note_changes
from retargeting.conditions.nodes import Interaction
from retargeting.interactions.ingest import record_message_events
from retargeting.messaging.deliveries import event_rows
from retargeting.messaging.models import ControlGroup, Delivery, Dispatch, FrequencyCap, QuietHours
from retargeting.messaging.tracking import Recipient
from retargeting.profiles.erasure import hold_off_erasure
from retargeting.profiles.models import Address, Profile


@transaction.atomic
def record_reaction(*, recipient: Recipient, event: Interaction, machine: bool = False) -> bool:
    """Record what a recipient, or a machine in their place, did with their message; False if there is none."""
    hold_off_erasure()
    dispatch = Dispatch.objects.filter(pk=recipient.dispatch_id).first()
    if dispatch is None or not Profile.objects.filter(pk=recipient.profile_id).exists():
        return False
    record_message_events(event_rows(dispatch, event, [recipient.profile_id], machine=machine))
    return True


@transaction.atomic
def unsubscribe(*, recipient: Recipient) -> bool:
    """Take the address that this message went to off its channel; False if that was done before or nobody is there.

    It is taken off for everybody who has it: whoever reads that mailbox does not want our mails.
    """
    delivery = (
        Delivery.objects.filter(dispatch=recipient.dispatch_id, profile_id=recipient.profile_id)
        .select_related("dispatch")
        .first()
    )
    if delivery is None or not delivery.address:
        return False
    addresses = Address.objects.filter(channel=delivery.dispatch.channel, address=delivery.address, subscribed=True)
    if not addresses.update(subscribed=False):
        return False
    record_reaction(recipient=recipient, event=Interaction.UNSUBSCRIBED)
    return True


def scrub(profile_id: int) -> None:
    """Forget where somebody who is erased was written to; that they were stays, as a number."""
    Delivery.objects.filter(profile_id=profile_id).update(address="", detail="")


@transaction.atomic
def save_cap(*, actor: Actor, cap: FrequencyCap) -> FrequencyCap:
    """Raises ValidationError, by field."""
    if cap.most is not None and cap.reserved >= cap.most:
        raise ValidationError({"reserved": "Fewer than the cap allows: else nothing of normal priority goes out."})
    return _save(actor, cap, "frequency cap")


@transaction.atomic
def save_quiet_hours(*, actor: Actor, hours: QuietHours) -> QuietHours:
    """Raises ValidationError, by field."""
    if hours.starts == hours.ends:
        raise ValidationError({"ends": "They would last the whole day."})
    return _save(actor, hours, "quiet hours")


@transaction.atomic
def remove_limit(*, actor: Actor, limit: FrequencyCap | QuietHours) -> None:
    note(actor=actor, verb="delete", instance=limit, summary=f"Deleted the {limit._meta.verbose_name} {limit}.")
    limit.delete()


@transaction.atomic
def draw_control_group(*, actor: Actor, percent: Decimal | None = None, reshuffle: bool = False) -> ControlGroup:
    """Set how many are in the control group, or draw other people. Raises ValidationError.

    Of another percentage those who are in stay in, or those who are out stay out.
    """
    group = ControlGroup.objects.select_for_update().first() or ControlGroup()
    said = []
    if percent is not None and percent != group.percent:
        said.append(f"from {group.percent} % to {percent} % of all people")
        group.percent = percent
    if reshuffle or group.drawn_at is None:
        group.seed, group.drawn_at = secrets.randbelow(2**31 - 1) + 1, timezone.now()
        said.append("with people drawn anew")
    group.full_clean()
    group.save()
    if said:
        note(actor=actor, verb="update", instance=group, summary=f"Changed the control group {', '.join(said)}.")
    return group


Limit = TypeVar("Limit", FrequencyCap, QuietHours)


def _save(actor: Actor, limit: Limit, noun: str) -> Limit:
    """Check what the model declares, write, and say what differs in words."""
    limit.full_clean()
    before = type(limit).objects.filter(pk=limit.pk).first()
    limit.save()
    if before is None:
        note(actor=actor, verb="create", instance=limit, summary=f"Created the {noun} {limit}.")
    else:
        note_changes(actor=actor, instance=limit, noun=noun, before=_described(before), after=_described(limit))
    return limit


def _described(limit: models.Model) -> dict[str, str]:
    fields = [field for field in limit._meta.concrete_fields if not field.primary_key]
    return {str(field.verbose_name): str(getattr(limit, field.name) or "nothing") for field in fields}
