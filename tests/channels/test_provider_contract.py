"""What every provider has to keep, tried on each that is registered."""

from __future__ import annotations

import pytest

from retargeting.channels.adapter import Outcome, OutgoingMessage, Provider, Result
from retargeting.channels.models import ChannelConfig
from retargeting.channels.registry import PROVIDERS, provider_for, providers_for
from retargeting.conditions.nodes import Channel
from retargeting.messaging.content import FIELDS
from tests.channels.conftest import STAGES

pytestmark = pytest.mark.django_db

CASES = [(provider, channel) for provider in PROVIDERS.values() for channel in sorted(provider.channels)]
WRITTEN = dict.fromkeys(("link", "image", "button_link", "action1_link", "action2_link"), "https://shop.example/")
NAMES = [f"{provider.key}-{channel}" for provider, channel in CASES]


@pytest.fixture(autouse=True)
def _servers_on_loopback(settings):
    settings.ALLOW_PRIVATE_ADDRESSES = True


def messages(channel: Channel, addresses: list[str]) -> list[OutgoingMessage]:
    content = {
        field.key: field.choices[0][0] if field.choices else WRITTEN.get(field.key, "Hello")
        for field in FIELDS[channel]
        if not field.setting
    }
    return [
        OutgoingMessage(profile_id=index, address=address, content=content, delivery_id=index)
        for index, address in enumerate(addresses)
    ]


def configured(provider: type[Provider], channel: Channel, settings: dict[str, object]) -> Provider:
    ChannelConfig.objects.create(
        channel=channel, provider=provider.key, sender="Shop <shop@example.com>", settings=settings
    )
    return provider_for(channel)


@pytest.mark.parametrize(("provider", "channel"), CASES, ids=NAMES)
def test_each_message_has_its_outcome_in_order(provider, channel):
    with STAGES[provider.key].server() as server:
        ready = configured(provider, channel, server.settings)
        outcomes = ready.send(messages(channel, [STAGES[provider.key].address(server, n) for n in range(3)]))
    assert [outcome.result for outcome in outcomes] == [Result.ACCEPTED] * 3, outcomes
    assert len({outcome.provider_id for outcome in outcomes}) == 3
    assert ready.send([]) == []


@pytest.mark.parametrize(("provider", "channel"), CASES, ids=NAMES)
def test_a_provider_that_cannot_be_reached_is_an_outcome_and_no_error(provider, channel):
    stage = STAGES[provider.key]
    with stage.server() as server:
        broken = {**server.settings, **stage.unreachable}
        addresses = [stage.astray(n) if stage.astray else stage.address(server, n) for n in range(2)]
        outcomes = configured(provider, channel, broken).send(messages(channel, addresses))
    expected = {Result.RETRY} if stage.unreachable or stage.astray else {Result.ACCEPTED}
    assert {outcome.result for outcome in outcomes} == expected
    assert all(isinstance(outcome, Outcome) for outcome in outcomes)


def needs_settings(provider: type[Provider]) -> bool:
    return any(field.required for field in provider.settings_form().fields.values())


NEEDY = [(provider, channel) for provider, channel in CASES if needs_settings(provider)]


@pytest.mark.parametrize(("provider", "channel"), NEEDY)
def test_a_provider_without_settings_sends_nothing_and_says_so(provider, channel):
    [outcome] = configured(provider, channel, {}).send(messages(channel, ["p@example.com"]))
    assert outcome.result is Result.RETRY
    assert outcome.detail


@pytest.mark.parametrize("key", PROVIDERS)
def test_a_provider_says_what_it_is(key):
    provider = PROVIDERS[key]
    assert provider.key == key
    assert provider.label
    assert provider.channels <= set(Channel)
    assert provider.batch_size >= 1
    assert provider.settings_form().fields is not None


@pytest.mark.parametrize("channel", Channel)
def test_every_channel_can_be_sent_on(channel):
    assert providers_for(channel)


@pytest.mark.parametrize(
    "change",
    [
        {"address": "p0@example.com\r\nBcc: evil@example.com"},
        {"address": "not an address"},
        {"address": ""},
        {"content": {"subject": "Hello\r\nBcc: evil@example.com", "text": "x"}},
    ],
)
def test_nothing_typed_becomes_a_header_of_a_mail(change, mail_server):
    smtp = configured(PROVIDERS["smtp"], Channel.EMAIL, mail_server.settings)
    [message] = messages(Channel.EMAIL, ["p0@example.com"])
    changed = {name: getattr(message, name) for name in ("profile_id", "address", "content")} | change
    [outcome] = smtp.send([OutgoingMessage(**changed)])
    for _, mail in mail_server.mailbox.mails:
        assert mail["Bcc"] is None
    assert outcome.result in {Result.ACCEPTED, Result.PERMANENT}
    assert "evil@example.com" not in mail_server.mailbox.per_address


def test_a_sender_that_is_none_is_permanent_and_said(mail_server):
    smtp = configured(PROVIDERS["smtp"], Channel.EMAIL, mail_server.settings)
    smtp.config.sender = ""
    [outcome] = smtp.send(messages(Channel.EMAIL, ["p0@example.com"]))
    assert outcome.result is Result.PERMANENT
    assert outcome.detail
