"""Every room that keeps something of people forgets it when they are erased."""

import pytest

from retargeting.channels.models import SandboxMessage
from retargeting.messaging.models import Delivery, DeliveryStatus, Dispatch
from retargeting.orchestrations.models import Kind, MessageStep, Orchestration
from retargeting.profiles.actions import erase
from retargeting.profiles.models import Profile

pytestmark = pytest.mark.django_db


def test_erasing_one_person_leaves_the_others_alone():
    campaign = Orchestration.objects.create(kind=Kind.CAMPAIGN, name="Spring")
    step = MessageStep.objects.create(orchestration=campaign, channel="email")
    dispatch = Dispatch.objects.create(orchestration=campaign, step=step, channel="email", content={})
    people = [Profile.objects.create(external_id=name) for name in ("ana", "ben")]
    for person in people:
        address = f"{person.external_id}@example.com"
        SandboxMessage.objects.create(profile_id=person.id, channel="email", address=address)
        Delivery.objects.create(
            dispatch=dispatch, profile_id=person.id, address=address, status=DeliveryStatus.SENT, detail=address
        )
    erase(actor=None, profile=people[0])
    assert [message.address for message in SandboxMessage.objects.all()] == ["ben@example.com"]
    assert set(Delivery.objects.values_list("address", "detail")) == {("", ""), ("ben@example.com", "ben@example.com")}
