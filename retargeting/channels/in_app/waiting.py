"""The messages that wait for a person's devices, and what the devices say of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from retargeting.channels.models import InAppMessage
from retargeting.channels.receipts import Receipt, take
from retargeting.conditions.nodes import Channel, Interaction

AT_ONCE = 10
EVENTS = {"displayed": Interaction.OPENED, "clicked": Interaction.CLICKED, "dismissed": None}
"""What a device can say, and what is recorded of it."""
FINISHING = {"clicked", "dismissed"}


class Report(NamedTuple):
    """`id` is the device's own name for this one event."""

    message: UUID
    event: str
    id: str


@transaction.atomic
def hand_over(profile_id: int) -> list[InAppMessage]:
    """What a device of this person is to show, oldest first. The first time that it asks, the message is sent."""
    now = timezone.now()
    waiting = InAppMessage.objects.filter(profile_id=profile_id, finished_at=None, expires_at__gt=now)
    found = list(waiting.order_by("created_at")[:AT_ONCE])
    new = [message for message in found if message.handed_at is None]
    if new:
        InAppMessage.objects.filter(pk__in=[message.pk for message in new], handed_at=None).update(handed_at=now)
        take([_receipt(message, Interaction.SENT, "") for message in new if message.delivery_id is not None])
    return found


@transaction.atomic
def accept_reports(profile_id: int, reports: Sequence[Report]) -> int:
    """Record what a device says of messages to this person; returns of how many. Others are passed over."""
    wanted = {report.message for report in reports}
    found = {message.pk: message for message in InAppMessage.objects.filter(profile_id=profile_id, pk__in=wanted)}
    known = [report for report in reports if report.message in found]
    finished = [report.message for report in known if report.event in FINISHING]
    InAppMessage.objects.filter(pk__in=finished, finished_at=None).update(finished_at=timezone.now())
    take(list(_told(found, known)))
    return len(known)


def _told(found: dict[UUID, InAppMessage], reports: Iterable[Report]) -> Iterable[Receipt]:
    for report in reports:
        event, message = EVENTS[report.event], found[report.message]
        if event is not None and message.delivery_id is not None:
            yield _receipt(message, event, report.id)


def _receipt(message: InAppMessage, event: Interaction, id: str) -> Receipt:
    key = f"in_app:{message.pk}:{event}:{id}"
    return Receipt(key, Channel.IN_APP, event=event, delivery_id=message.delivery_id)


def shown(message: InAppMessage) -> dict[str, Any]:
    """The message as the SDK gets it."""
    keys = ("title", "body", "image", "button", "link")
    content = {key: message.content[key] for key in keys if message.content.get(key)}
    return {"id": str(message.pk), "layout": message.content.get("layout") or "banner", **content}


def forget_old() -> None:
    """The clock's duty."""
    InAppMessage.objects.filter(expires_at__lt=timezone.now()).delete()
