"""Apps and browsers on one push channel."""

from __future__ import annotations

import pytest

from retargeting.channels.actions import configure_channel
from retargeting.channels.adapter import OutgoingMessage, Result
from retargeting.channels.concerns import troubled
from retargeting.channels.models import ChannelConfig, ProviderHealth
from retargeting.channels.push.provider import PushProvider, PushSettings
from retargeting.channels.registry import push_key
from tests.channels.apns_server import ApnsServer, device, refusal
from tests.channels.fcm_server import FcmServer
from tests.channels.push_service import PushService

pytestmark = pytest.mark.django_db


@pytest.fixture
def services(settings):
    settings.ALLOW_PRIVATE_ADDRESSES = True
    with FcmServer() as fcm, ApnsServer() as apns, PushService() as webpush:
        yield {"fcm": fcm, "apns": apns, "webpush": webpush}


def settings_for(services, *used: str) -> dict[str, object]:
    made: dict[str, object] = {}
    for key in used:
        made[f"{key}_use"] = True
        made |= {f"{key}_{name}": value for name, value in services[key].settings.items()}
    return made


def messages(services) -> list[OutgoingMessage]:
    browser = services["webpush"].browser().subscription.address
    addresses = ["token-1", f"apns:{device(1)}", browser, "token-2", f"apns:{device(2)}"]
    return [
        OutgoingMessage(number, address, {"title": f"Sale {number}"}, delivery_id=number)
        for number, address in enumerate(addresses)
    ]


def through(services, *used: str) -> PushProvider:
    return PushProvider(ChannelConfig(channel="push", provider="push", settings=settings_for(services, *used)))


def test_each_address_goes_through_the_service_that_reaches_it(services):
    outcomes = through(services, "fcm", "apns", "webpush").send(messages(services))
    assert [outcome.result for outcome in outcomes] == [Result.ACCEPTED] * 5
    assert sorted(sent["token"] for sent in services["fcm"].messages) == ["token-1", "token-2"]
    assert sorted(sent.path for sent in services["apns"].received) == [f"/3/device/{device(n)}" for n in (1, 2)]
    assert len(services["webpush"].received) == 1
    assert [outcome.provider_id.startswith("projects/") for outcome in outcomes] == [True, False, False, True, False]


def test_a_service_that_is_not_used_is_said_to_be_missing(services):
    outcomes = through(services, "fcm").send(messages(services))
    kinds = [Result.ACCEPTED, Result.PERMANENT, Result.PERMANENT, Result.ACCEPTED, Result.PERMANENT]
    assert [outcome.result for outcome in outcomes] == kinds
    assert "Apple" in outcomes[1].detail
    assert outcomes[1].suppress is None


def test_a_service_that_is_down_stops_only_its_own_messages_and_admins_hear_of_it(services):
    services["apns"].refusals |= {device(n): refusal(403, "InvalidProviderToken") for n in (1, 2)}
    used = settings_for(services, "fcm", "apns", "webpush")
    ChannelConfig.objects.create(channel="push", provider="push", settings=used)
    for _ in range(2):
        outcomes = through(services, "fcm", "apns", "webpush").send(messages(services))
        results = [outcome.result for outcome in outcomes]
        assert results == [Result.ACCEPTED, Result.RETRY, Result.ACCEPTED, Result.ACCEPTED, Result.RETRY]
    assert outcomes[1].attempted is False, "the second time Apple is left alone"
    assert [concern.text for concern in troubled()] == [
        "Nothing is sent on Push through Apple (APNs) for the moment: the provider asked us to wait."
    ]
    configure_channel(
        actor=None, channel="push", provider="push", sender="", enabled=True, settings={**used, "apns_topic": "x.y"}
    )
    assert ProviderHealth.objects.get(provider="apns").closed_until is None


def test_browsers_subscribe_with_the_key_of_the_channel(services):
    config = ChannelConfig.objects.create(
        channel="push", provider="push", settings=settings_for(services, "fcm", "webpush")
    )
    assert push_key() == services["webpush"].public_key
    config.provider, config.settings = "apns", services["apns"].settings
    config.save()
    assert push_key() is None, "Apple's key is none for browsers"


def test_only_what_is_used_has_to_be_filled_in(services):
    typed = settings_for(services, "apns") | {"apns_environment": "sandbox", "webpush_subject": "typed and not used"}
    form = PushSettings(typed)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["apns_topic"] == "example.shop"
    assert not any(name.startswith("webpush") for name in form.cleaned_data)
    assert "apns_topic" in PushSettings({**typed, "apns_topic": ""}).errors
    assert "fcm_service_account" in PushSettings({**typed, "fcm_use": True}).errors
    assert "fcm_use" in PushSettings({}).errors
