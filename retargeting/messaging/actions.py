"""What recipients do with a message, and what is left to decide about deliveries."""

from __future__ import annotations

from django.db import transaction

from retargeting.conditions.nodes import Interaction
from retargeting.interactions.ingest import record_message_events
from retargeting.messaging.deliveries import event_rows
from retargeting.messaging.models import Delivery, Dispatch
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
