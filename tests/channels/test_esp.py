"""Email services: what they are sent, what their answers mean, and what they tell by webhook."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F
from pyroaring import BitMap

from retargeting.channels.adapter import OutgoingMessage, Result
from retargeting.channels.callbacks import callback_url
from retargeting.channels.esp.provider import EspProvider, EspSettings
from retargeting.channels.esp.services import SERVICES, backend_for, hooks_for
from retargeting.channels.models import ChannelConfig
from retargeting.channels.receipts import read_delivery, sign_delivery
from retargeting.conditions.nodes import Interaction
from retargeting.interactions.models import MessageEvent
from retargeting.messaging import dispatches, sending
from retargeting.messaging.actions import record_reaction
from retargeting.messaging.models import Chunk, Delivery, Dispatch
from retargeting.messaging.tracking import Recipient
from retargeting.orchestrations.models import Kind, MessageStep, Orchestration
from retargeting.profiles.actions import upsert_profiles
from retargeting.profiles.models import Address, Profile, Suppression
from tests.channels.email_services import PostmarkServer, postmark_error
from tests.channels.webserver import BREAK_OFF, Reply

pytestmark = pytest.mark.django_db

ANA = "ana@example.com"
SENT = Interaction.SENT


@pytest.fixture
def service(settings):
    settings.PUBLIC_URL = "https://us.example"
    with PostmarkServer() as server:
        yield server


def through(server: PostmarkServer) -> EspProvider:
    sender = "Shop <shop@example.com>"
    return EspProvider(ChannelConfig(channel="email", provider="esp", sender=sender, settings=server.settings))


def message(address: str = ANA) -> OutgoingMessage:
    content = {"subject": "Spring\r\nBcc: x@evil.example", "text": "Hi", "html": "<p>Hi</p>"}
    headers = {"List-Unsubscribe": "<https://us.example/u>"}
    return OutgoingMessage(1, address, content, delivery_id=7, headers=headers)


def test_a_mail_has_every_field_and_is_left_as_it_is(service):
    [outcome] = through(service).send([message()])
    [request] = service.received
    assert (outcome.result, outcome.provider_id) == (Result.ACCEPTED, f"id-{ANA}")
    assert request.headers["x-postmark-server-token"] == "token-1"
    sent = request.json
    assert (sent["From"], sent["To"]) == ("Shop <shop@example.com>", ANA)
    assert (sent["Subject"], sent["TextBody"], sent["HtmlBody"]) == ("Spring Bcc: x@evil.example", "Hi", "<p>Hi</p>")
    assert {"Name": "List-Unsubscribe", "Value": "<https://us.example/u>"} in sent["Headers"]
    assert (sent["TrackOpens"], sent["TrackLinks"]) == (False, "None")
    assert read_delivery("esp", sent["Metadata"]["delivery"]) == 7


def test_many_mails_go_over_a_few_connections_and_keep_their_order(service):
    addresses = [f"p{index}@example.com" for index in range(40)]
    service.refusals["p17@example.com"] = postmark_error(422, 300)
    outcomes = through(service).send([message(address) for address in addresses])
    assert [outcome.provider_id for outcome in outcomes if outcome.result is Result.ACCEPTED] == [
        f"id-{address}" for address in addresses if not address.startswith("p17@")
    ]
    assert outcomes[17].result is Result.PERMANENT


@pytest.mark.parametrize(
    ("reply", "result", "wait"),
    [
        (postmark_error(422, 300), Result.PERMANENT, None),
        (postmark_error(401, 10), Result.RETRY, None),
        (postmark_error(429, 429, Retry_After="9"), Result.RETRY, 9),
        (postmark_error(500, 500), Result.RETRY, None),
        (postmark_error(503, 100), Result.RETRY, 60),
        (Reply(502, text="<html>"), Result.UNKNOWN, None),
        (Reply(200, text="<html>"), Result.UNKNOWN, None),
        (BREAK_OFF, Result.UNKNOWN, None),
    ],
)
def test_each_answer_has_its_meaning(service, reply, result, wait):
    service.refusals[ANA] = reply
    [outcome] = through(service).send([message()])
    assert (outcome.result, outcome.retry_after) == (result, wait), outcome.detail


def test_a_service_that_asks_to_wait_is_asked_no_further(service):
    service.answer = lambda request: postmark_error(429, 429, Retry_After="120")
    messages = [message(f"p{index}@example.com") for index in range(40)]
    outcomes = through(service).send(messages)
    assert {outcome.result for outcome in outcomes} == {Result.RETRY}
    assert len(service.received) == 8, "one on each connection"
    assert 100 < through(service).send(messages)[0].retry_after <= 120
    assert len(service.received) == 8


@pytest.mark.parametrize("address", ["a@x.example, b@x.example", "a@x.example\r\nBcc: b@x.example", "nothing", ""])
def test_an_address_that_is_none_or_several_gets_nothing(service, address):
    [outcome] = through(service).send([message(address)])
    assert outcome.result is Result.PERMANENT
    assert service.received == []


@pytest.fixture
def sent(service) -> Delivery:
    ChannelConfig.objects.create(channel="email", provider="esp", sender="shop@example.com", settings=service.settings)
    upsert_profiles(actor=None, items=[{"external_id": "ana", "addresses": [{"channel": "email", "address": ANA}]}])
    orchestration = Orchestration.objects.create(kind=Kind.CAMPAIGN, name="Spring sale")
    step = MessageStep.objects.create(orchestration=orchestration, channel="email")
    content = {"subject": "Hi", "html": "<p>Hi</p>"}
    dispatch = Dispatch.objects.create(orchestration=orchestration, step=step, channel="email", content=content)
    dispatches.start(dispatch=dispatch, members=BitMap([Profile.objects.get().pk]))
    for chunk in Chunk.objects.all():
        sending.send_chunk(chunk_id=chunk.pk)
    Delivery.objects.update(updated_at=F("updated_at") - timedelta(minutes=1))
    return Delivery.objects.get()


@pytest.fixture
def hook(client, service):
    """Posts what Postmark would say of the mail that it was sent."""

    def post(kind: str, *, user: str = "us:secret", signed: str = "", **more: object) -> int:
        metadata = {"delivery": signed} if signed else service.received[0].json["Metadata"]
        document = {"RecordType": kind, "MessageID": "m1", "Recipient": ANA, "Metadata": metadata, **more}
        authorization = {"HTTP_AUTHORIZATION": f"Basic {base64.b64encode(user.encode()).decode()}"} if user else {}
        path = callback_url("email", "esp").removeprefix("https://us.example")
        return client.post(path, json.dumps(document), content_type="application/json", **authorization).status_code

    return post


def events() -> list[tuple[Interaction, bool]]:
    return [(event.kind, event.machine) for event in MessageEvent.objects.order_by("occurred_at")]


def after(seconds: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def test_a_delivered_mail_is_recorded_once(sent, hook):
    moment = after()
    assert [hook("Delivery", DeliveredAt=moment) for _ in range(2)] == [200, 200]
    assert events() == [(SENT, False), (Interaction.DELIVERED, False)]


def test_a_hard_bounce_closes_the_address(sent, hook):
    hook("Bounce", Type="HardBounce", Email=ANA, ID=42)
    assert Suppression.objects.get().reason == "bounced"
    assert events() == [(SENT, False), (Interaction.BOUNCED, False)]


def test_a_mail_that_is_only_delayed_closes_nothing(sent, hook):
    hook("Bounce", Type="Transient", Email=ANA, ID=42)
    assert not Suppression.objects.exists()
    assert events() == [(SENT, False)]


def test_who_complains_is_not_written_to_any_more(sent, hook):
    hook("SpamComplaint", Type="SpamComplaint", Email=ANA, ID=43)
    assert Suppression.objects.get().reason == "complained"
    assert events() == [(SENT, False), (Interaction.COMPLAINED, False)]


def test_who_unsubscribes_at_the_service_is_unsubscribed_here(sent, hook):
    hook("SubscriptionChange", SuppressSending=True, SuppressionReason="ManualSuppression", ChangedAt=after())
    assert Address.objects.get().subscribed is False
    assert events() == [(SENT, False), (Interaction.UNSUBSCRIBED, False)]


def test_an_open_that_only_the_service_saw_counts(sent, hook):
    hook("Open", ReceivedAt=after(), UserAgent="Mozilla/5.0 (X11; Linux) Thunderbird/128.0")
    assert events() == [(SENT, False), (Interaction.OPENED, False)]


def test_an_open_that_we_saw_as_well_counts_once(sent, hook):
    record_reaction(recipient=Recipient(sent.dispatch_id, sent.profile_id), event=Interaction.OPENED)
    hook("Open", ReceivedAt=after(-5), UserAgent="Mozilla/5.0 (X11; Linux) Thunderbird/128.0")
    assert events() == [(SENT, False), (Interaction.OPENED, False)]


@pytest.mark.parametrize(("agent", "seconds"), [("Barracuda Sentinel", 0), ("Mozilla/5.0 (X11) Thunderbird/1", -57)])
def test_a_click_by_a_scanner_is_a_machines_also_when_the_service_tells_of_it(sent, hook, agent, seconds):
    hook("Click", ReceivedAt=after(seconds), UserAgent=agent, OriginalLink="https://shop.example")
    assert sorted(events()) == sorted([(SENT, False), (Interaction.CLICKED, True)])


def test_what_does_not_prove_where_it_comes_from_is_refused(sent, hook, service):
    assert hook("Delivery", user="us:guess") == 403
    assert hook("Delivery", user="") == 403
    ChannelConfig.objects.update(settings={**service.settings, "webhook_password": ""})
    assert hook("Delivery") == 403, "nothing is set that could prove it"
    ChannelConfig.objects.update(settings={**service.settings, "service": "mailersend"})
    assert hook("Delivery") == 403, "it signs, and the key is not set"
    assert events() == [(SENT, False)]


def test_what_cannot_be_read_is_refused(sent, client):
    path = callback_url("email", "esp").removeprefix("https://us.example")
    proof = {"HTTP_AUTHORIZATION": f"Basic {base64.b64encode(b'us:secret').decode()}"}
    assert client.post(path, "no json", content_type="application/json", **proof).status_code == 403
    assert client.get(path, **proof).status_code == 403
    assert client.head(path).status_code == 200, "services ask so whether anybody is there"


def test_mails_of_another_installation_on_the_same_account_are_passed_over(sent, hook):
    assert hook("Delivery", signed=sign_delivery("another", sent.pk), DeliveredAt=after()) == 200
    assert events() == [(SENT, False)]


def test_a_signature_is_checked_where_the_service_signs(sent, client, service):
    settings = {"service": "mailgun", "api_key": "k", "signing_key": "sign-1"}
    ChannelConfig.objects.update(settings=settings)

    def post(key: str) -> int:
        stamp, token = "1700000000", "t" * 50
        proof = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
        told = {
            "event": "delivered",
            "id": "e1",
            "timestamp": datetime.now(UTC).timestamp(),
            "recipient": ANA,
            "message": {"headers": {"message-id": "m1"}},
            "user-variables": service.received[0].json["Metadata"],
        }
        document = {"signature": {"timestamp": stamp, "token": token, "signature": proof}, "event-data": told}
        path = callback_url("email", "esp").removeprefix("https://us.example")
        return client.post(path, json.dumps(document), content_type="application/json").status_code

    assert post("another") == 403
    assert events() == [(SENT, False)]
    assert post("sign-1") == 200
    assert events() == [(SENT, False), (Interaction.DELIVERED, False)]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_takes_the_settings_of_our_form(name):
    typed = {
        "service": name,
        "api_key": "k",
        "secret_key": "s",
        "account": "shop.example",
        "endpoint": "https://x.example",
        "webhook_password": "us:secret",
    }
    form = EspSettings(typed)
    assert form.is_valid(), form.errors
    assert backend_for(form.cleaned_data).esp_name
    service = SERVICES[name]
    if service.hooks and name not in {"mailersend", "postal"}:
        assert hooks_for(form.cleaned_data, "https://us.example/hook").esp_name


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"service": "mailjet"}, "secret_key"),
        ({"service": "postal"}, "endpoint"),
        ({"service": "scaleway"}, "account"),
        ({"webhook_password": "secret"}, "webhook_password"),
        ({"service": "sendgrid", "signing_key": "no key"}, "signing_key"),
        ({"api_key": ""}, "api_key"),
    ],
)
def test_settings_that_cannot_work_are_refused(change, field):
    good = {"service": "postmark", "api_key": "k"}
    assert EspSettings(good).is_valid()
    assert field in EspSettings({**good, **change}).errors
