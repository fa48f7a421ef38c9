"""A small world that every page has something to say about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.utils import timezone

from automations import actions as automation_actions
from automations.models import Automation
from retargeting.accounts.models import User
from retargeting.channels.models import ChannelConfig, SandboxMessage
from retargeting.conditions.nodes import Channel, Interaction
from retargeting.interactions.ingest import MessageEventRow, record_message_events
from retargeting.interactions.models import CHANNEL_CODES, EVENT_CODES
from retargeting.orchestrations import actions as label_actions
from retargeting.orchestrations.models import Label
from retargeting.profiles.actions import upsert_profiles
from retargeting.profiles.models import Profile


@dataclass
class World:
    person: Profile
    label: Label
    automation: Automation
    mail: SandboxMessage


@pytest.fixture(autouse=True)
def _no_old_counts():
    """Counts that pages keep for a minute are not handed from one test to the next."""
    cache.clear()


@pytest.fixture
def world(owner: User) -> World:
    people = [
        {
            "external_id": f"cust-{number}",
            "attributes": {"first_name": "Ana", "last_name": f"Nr{number}", "country": "France"},
            "language": "fr",
            "addresses": [{"channel": "email", "address": f"ana{number}@example.org"}],
        }
        for number in range(60)
    ]
    assert not upsert_profiles(actor=owner, items=people).errors
    person = Profile.objects.get(external_id="cust-7")
    label = label_actions.create_label(actor=owner, code="cart", name="Cart", colour="pink")
    automation = automation_actions.create_automation(actor=owner, name="Abandoned cart", labels=[label])
    step = automation_actions.save_step(
        actor=owner, automation=automation, key="reminder", channel="email", name="Still there?"
    )
    now = timezone.now()
    record_message_events(
        MessageEventRow(
            id=uuid4(),
            profile_id=person.pk,
            orchestration_id=automation.pk,
            step_id=step.pk,
            journey_id=None,
            channel=CHANNEL_CODES[Channel.EMAIL],
            event=EVENT_CODES[event],
            machine=False,
            occurred_at=now - timedelta(hours=hours),
        )
        for event, hours in ((Interaction.SENT, 5), (Interaction.OPENED, 3), (Interaction.OPENED, 2))
    )
    ChannelConfig.objects.update_or_create(channel="sms", defaults={"enabled": False})
    mail = SandboxMessage.objects.create(
        profile_id=person.pk,
        orchestration_id=automation.pk,
        channel="email",
        address="ana7@example.org",
        content={"subject": "Still there?", "html": "<p>Hello <script>alert(1)</script></p>", "text": "Hello"},
    )
    return World(person, label, automation, mail)
