"""What browsers call: who may, what they see, and what is recorded of it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from retargeting.channels.adapter import OutgoingMessage
from retargeting.channels.models import ChannelConfig, InAppMessage, Site
from retargeting.channels.registry import provider_for
from retargeting.conditions.nodes import Interaction
from retargeting.interactions.models import CustomEvent, MessageEvent
from retargeting.messaging import dispatches, sending
from retargeting.messaging.models import Chunk, Delivery, DeliveryStatus, Dispatch
from retargeting.orchestrations.models import Kind, MessageStep, Orchestration
from retargeting.profiles.actions import erase, upsert_profiles
from retargeting.profiles.models import Address, Profile

pytestmark = pytest.mark.django_db

SHOP = "https://shop.example"


@pytest.fixture(autouse=True)
def _fresh_throttles():
    from django.core.cache import cache

    cache.clear()


@pytest.fixture
def site() -> Site:
    return Site.objects.create(name="Shop", origins=f"{SHOP}\nhttp://localhost:3000", attributes="plan")


@pytest.fixture
def ana(site) -> Profile:
    addresses = [{"channel": "in_app", "address": "tab-1"}]
    upsert_profiles(actor=None, items=[{"external_id": "ana", "addresses": addresses}])
    return Profile.objects.get(external_id="ana")


@pytest.fixture
def call(client, site):
    def post(path, user="ana", proof=None, origin=SHOP, kind="text/plain", **data):
        body = {"user": user, "hash": site.identity_of(user) if proof is None else proof, **data}
        headers = {"Origin": origin} if origin else {}
        return client.post(f"/sdk/v1/{site.key}/{path}/", json.dumps(body), content_type=kind, headers=headers)

    return post


@pytest.fixture
def sent(ana) -> InAppMessage:
    """An in-app campaign that has been sent to Ana."""
    ChannelConfig.objects.create(channel="in_app", provider="in_app")
    orchestration = Orchestration.objects.create(kind=Kind.CAMPAIGN, name="Spring sale")
    step = MessageStep.objects.create(orchestration=orchestration, channel="in_app")
    content = {"layout": "modal", "title": "Hi {{ external_id }}", "body": "Look", "link": "https://shop.example/sale"}
    dispatch = Dispatch.objects.create(orchestration=orchestration, step=step, channel="in_app", content=content)
    from pyroaring import BitMap

    dispatches.start(dispatch=dispatch, members=BitMap([ana.pk]))
    for chunk in Chunk.objects.all():
        sending.send_chunk(chunk_id=chunk.pk)
    return InAppMessage.objects.get()


def events() -> list[Interaction]:
    return [event.kind for event in MessageEvent.objects.order_by("occurred_at")]


def test_a_message_is_sent_when_a_device_comes_for_it_and_not_before(sent, call):
    assert Delivery.objects.get().status == DeliveryStatus.SENT
    assert events() == []
    for _ in range(2):
        answer = call("messages")
        assert answer.status_code == 200
        assert answer.json()["messages"] == [
            {
                "id": str(sent.pk),
                "layout": "modal",
                "title": "Hi ",
                "body": "Look",
                "link": "https://shop.example/sale",
            }
        ]
    assert events() == [Interaction.SENT]


def test_what_the_visitor_does_is_recorded_once_each(sent, call):
    call("messages")
    shown = {"message": str(sent.pk), "event": "displayed", "id": "v1"}
    clicked = {"message": str(sent.pk), "event": "clicked", "id": "c1"}
    assert call("reports", reports=[shown]).json() == {"accepted": 1}
    assert call("reports", reports=[shown, clicked]).json() == {"accepted": 2}
    assert events() == [Interaction.SENT, Interaction.OPENED, Interaction.CLICKED]
    assert call("messages").json()["messages"] == [], "what was clicked is not shown again"


def test_a_closed_message_does_not_come_back_and_is_no_click(sent, call):
    call("reports", reports=[{"message": str(sent.pk), "event": "dismissed", "id": "d"}])
    assert call("messages").json()["messages"] == []
    assert events() == []


def test_an_old_message_is_not_shown_any_more(sent, call):
    InAppMessage.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert call("messages").json()["messages"] == []


@pytest.mark.parametrize("proof", ["", "0" * 64, None])
def test_a_stranger_reads_and_does_nothing(sent, call, site, proof):
    """With no proof, a wrong one, or one that is somebody else's."""
    proof = site.identity_of("ben") if proof is None else proof
    reports = [{"message": str(sent.pk), "event": "clicked", "id": "x"}]
    for path, data in (
        ("messages", {}),
        ("reports", {"reports": reports}),
        ("identify", {}),
        ("track", {"events": []}),
    ):
        answer = call(path, proof=proof, **data)
        assert answer.status_code == 403
        assert "Hi" not in answer.text
    assert events() == []


def test_nobody_acts_on_the_messages_of_others(sent, call):
    upsert_profiles(actor=None, items=[{"external_id": "ben"}])
    reports = [{"message": str(sent.pk), "event": "clicked", "id": "x"}]
    assert call("reports", user="ben", reports=reports).json() == {"accepted": 0}
    assert call("messages", user="ben").json() == {"messages": []}
    assert events() == []


def test_a_site_whose_secret_cannot_be_read_lets_nobody_in(sent, call, site, settings):
    import hmac

    settings.SECRET_KEY = "lost"
    forged = hmac.new(b"", b"ana", "sha256").hexdigest()
    assert call("messages", proof=forged).status_code == 403
    assert call("messages", proof="").status_code == 403


def test_only_pages_of_the_site_may_call(call, client, site):
    assert call("messages", origin="https://evil.example").status_code == 403
    answer = call("messages")
    assert answer["Access-Control-Allow-Origin"] == SHOP
    assert "Origin" in answer["Vary"]
    assert call("messages", origin=None).status_code == 200, "apps send no origin"
    for origin, status in ((SHOP, 204), ("https://evil.example", 403)):
        asked = client.options(f"/sdk/v1/{site.key}/messages/", headers={"Origin": origin})
        assert asked.status_code == status
        assert (asked.get("Access-Control-Allow-Origin") == SHOP) is (status == 204)
    assert client.post("/sdk/v1/pk_none/messages/", "{}", content_type="text/plain").status_code == 403


def test_identifying_makes_a_person_with_an_address_and_only_allowed_attributes(call):
    answer = call(
        "identify",
        user="new",
        installation="tab-9",
        language="fr",
        time_zone="Europe/Paris",
        attributes={"plan": "pro", "vip": True},
    )
    assert answer.json() == {"push_key": None, "ignored": ["vip"]}
    person = Profile.objects.get(external_id="new")
    assert (person.language, person.time_zone, person.attributes) == ("fr", "Europe/Paris", {"plan": "pro"})
    assert Address.objects.get(profile=person).address == "tab-9"


def test_identifying_does_not_reopen_an_address_that_was_closed(ana, call):
    Address.objects.update(subscribed=False)
    call("identify", installation="tab-1")
    assert Address.objects.get().subscribed is False


def test_events_are_of_the_visitor_whatever_they_say(ana, call):
    upsert_profiles(actor=None, items=[{"external_id": "ben"}])
    item = {"id": "1", "event": "viewed", "properties": {"sku": "a"}, "profile": "ben"}
    assert call("track", events=[item, 3]).json()["accepted"] == 1
    assert CustomEvent.objects.get().profile_id == ana.pk


def test_a_browser_subscribes_to_push_and_ends_it(ana, call):
    given = {"endpoint": "https://push.example/x", "keys": {"p256dh": "BC", "auth": "aa"}}
    assert call("push", subscription=given).json() == {"subscribed": True}
    address = Address.objects.get(channel="push")
    assert address.address == "https://push.example/x#p256dh=BC&auth=aa"
    call("push", subscription=given, subscribed=False)
    address.refresh_from_db()
    assert not address.subscribed
    assert call("push", subscription={"endpoint": "x"}).status_code == 422


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("reports", {}),
        ("reports", {"reports": [3]}),
        ("reports", {"reports": [{"message": "x", "event": "displayed", "id": "1"}]}),
        ("reports", {"reports": [{"message": "x", "event": "bought", "id": "1"}]}),
        ("reports", {"reports": [{"event": "displayed", "id": ""}]}),
        ("track", {"events": [{}] * 101}),
        ("identify", {"attributes": 3}),
        ("identify", {"installation": 3}),
        ("identify", {"time_zone": "Mars"}),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(ana, call, path, data):
    answer = call(path, **data)
    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_somebody_who_calls_too_often_is_told_to_wait(ana, call, settings):
    settings.SDK_RATE = "3/min"
    assert [call("messages").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_erasing_somebody_takes_their_messages_away(sent, ana):
    erase(actor=None, profile=ana)
    assert not InAppMessage.objects.exists()


def test_a_test_message_is_shown_and_leaves_no_events(ana, call):
    ChannelConfig.objects.create(channel="in_app", provider="in_app")
    content = {"title": "[Test] Hi", "body": "Look"}
    provider_for("in_app").send([OutgoingMessage(profile_id=ana.pk, address="tab-1", content=content)])
    [message] = call("messages").json()["messages"]
    assert message["layout"] == "banner"
    call("reports", reports=[{"message": message["id"], "event": "displayed", "id": "1"}])
    assert events() == []
