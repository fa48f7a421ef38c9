from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pyroaring import BitMap

from retargeting.channels.models import ChannelConfig
from retargeting.messaging.models import Dispatch
from retargeting.orchestrations.models import Kind, MessageStep, Orchestration
from retargeting.profiles.models import Address, Profile
from tests.messaging.mailserver import MailServer


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def smtp(db, mail_server) -> MailServer:
    """Email goes through a real SMTP server on loopback."""
    ChannelConfig.objects.create(
        channel="email", provider="smtp", sender="Shop <shop@example.com>", settings=mail_server.settings
    )
    return mail_server


@pytest.fixture
def people(db) -> Callable[[int], BitMap]:
    """Makes so many people with a subscribed email address each; returns their ids."""

    def make(number: int) -> BitMap:
        profiles = Profile.objects.bulk_create(
            Profile(external_id=f"p{index}", attributes={"first_name": f"Name{index}"}) for index in range(number)
        )
        Address.objects.bulk_create(
            Address(profile=profile, channel="email", address=f"{profile.external_id}@example.com")
            for profile in profiles
        )
        return BitMap(profile.pk for profile in profiles)

    return make


@pytest.fixture
def dispatch(db) -> Dispatch:
    orchestration = Orchestration.objects.create(kind=Kind.CAMPAIGN, name="Spring sale")
    step = MessageStep.objects.create(orchestration=orchestration, channel="email")
    content = {
        "subject": "Hello {{ first_name }}",
        "html": '<p>Hi <a href="https://shop.example/sale?a=1&amp;b=2">look</a></p>',
    }
    return Dispatch.objects.create(orchestration=orchestration, step=step, channel="email", content=content)
