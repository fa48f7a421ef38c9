"""Records what providers and devices tell of messages: as events, once each, and as consent and suppression."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

from django.db import transaction
from django.utils import timezone

from retargeting.channels.receipts import Receipt
from retargeting.conditions.nodes import Interaction
from retargeting.conditions.operators import INTERACTIONS
from retargeting.interactions.actions import record_once
from retargeting.interactions.ingest import MessageEventRow
from retargeting.interactions.models import EVENT_CODES, EVENTS_BY_CODE, MessageEvent
from retargeting.messaging.deliveries import event_rows
from retargeting.messaging.machines import came_at_once
from retargeting.messaging.models import Delivery, Dispatch, HeldClick
from retargeting.messaging.tracking import Recipient
from retargeting.profiles.actions import suppress
from retargeting.profiles.erasure import hold_off_erasure
from retargeting.profiles.models import Address, Profile

SAME_MOMENT = timedelta(minutes=1)
"""So far apart may be what we and what a provider say of one open or click."""


def event_id(key: str) -> UUID:
    """The id of the event that is told under `key`."""
    return uuid5(NAMESPACE_URL, f"retargeting:receipt:{key}")


@transaction.atomic
def record(receipts: Sequence[Receipt]) -> None:
    """Whoever was erased meanwhile, and what nobody here sent, is passed over."""
    hold_off_erasure()
    named = {receipt.delivery_id for receipt in receipts if receipt.delivery_id is not None}
    deliveries = Delivery.objects.select_related("dispatch").in_bulk(named)
    live = _live(delivery.profile_id for delivery in deliveries.values())
    rows: list[MessageEventRow] = []
    for receipt in receipts:
        delivery = deliveries.get(receipt.delivery_id or 0) or _last_to(receipt)
        address = (delivery.address if delivery else "") or receipt.address
        if receipt.suppress is not None and address:
            suppress(actor=None, channel=receipt.channel, address=address, reason=receipt.suppress)
        if receipt.consent is not None and address:
            _consent(receipt.channel, address, receipt.consent)
        if delivery is not None and (delivery.profile_id in live or receipt.delivery_id is None):
            rows += _events(receipt, delivery)
    record_once(rows=rows)


def _live(ids: Iterator[int]) -> set[int]:
    return set(Profile.objects.filter(pk__in=list(ids)).values_list("pk", flat=True))


def _last_to(receipt: Receipt) -> Delivery | None:
    """The message that an answer from an address is most likely about: the last one to it."""
    if receipt.delivery_id is not None or not receipt.address:
        return None
    owners = Address.objects.filter(channel=receipt.channel, address=receipt.address).values("profile_id")
    sent = Delivery.objects.filter(profile_id__in=owners, dispatch__channel=receipt.channel, address=receipt.address)
    return sent.select_related("dispatch").order_by("-created_at").first()


def _consent(channel: str, address: str, subscribed: bool) -> None:
    """For everybody who has the address: whoever answers from it speaks for it."""
    found = Address.objects.filter(channel=channel, address=address).exclude(subscribed=subscribed)
    found.update(subscribed=subscribed, updated_at=timezone.now())


def _events(receipt: Receipt, delivery: Delivery) -> Iterator[MessageEventRow]:
    now = timezone.now()
    at = min(receipt.occurred_at or now, now)
    if receipt.event is not None and receipt.channel in INTERACTIONS[receipt.event].channels:
        machine = receipt.machine
        if receipt.second_hand:
            machine = machine or came_at_once(Recipient(delivery.dispatch_id, delivery.profile_id), at)
        for row in event_rows(delivery.dispatch, receipt.event, [delivery.profile_id], at=at, machine=machine):
            if not (receipt.second_hand and _seen_here(row)):
                yield row._replace(id=event_id(receipt.key), machine=machine and _can_be_machine(row))


def _seen_here(row: MessageEventRow) -> bool:
    """Whether the same was recorded, or waits to be, at about the same time: then it is told a second time."""
    about = (row.occurred_at - SAME_MOMENT, row.occurred_at + SAME_MOMENT)
    if row.event == EVENT_CODES[Interaction.CLICKED]:
        held = HeldClick.objects.filter(dispatch__step=row.step_id, profile_id=row.profile_id)
        if held.filter(clicked_at__range=about).exists():
            return True
    return MessageEvent.objects.filter(
        profile_id=row.profile_id, step_id=row.step_id, event=row.event, occurred_at__range=about
    ).exists()


def _can_be_machine(row: MessageEventRow) -> bool:
    return INTERACTIONS[EVENTS_BY_CODE[row.event]].opens


@transaction.atomic
def record_report(*, recipient: Recipient, event: Interaction) -> None:
    """What the device of a recipient says; `recipient` has been read from a signed token. Each event counts once."""
    hold_off_erasure()
    dispatch = Dispatch.objects.filter(pk=recipient.dispatch_id).first()
    if dispatch is None or not Profile.objects.filter(pk=recipient.profile_id).exists():
        return
    rows = event_rows(dispatch, event, [recipient.profile_id])
    record_once(rows=[row._replace(id=event_id(f"device:{recipient}:{event}")) for row in rows])
