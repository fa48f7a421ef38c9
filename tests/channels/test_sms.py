"""SMS: what Twilio and a gateway are sent, what their answers mean, and what they and people tell us afterwards."""

from __future__ import annotations

import base64

import pytest
from pyroaring import BitMap

from retargeting.channels.adapter import OutgoingMessage, Result
from retargeting.channels.callbacks import callback_url
from retargeting.channels.gateway.provider import GatewayProvider, GatewaySettings
from retargeting.channels.models import ChannelConfig
from retargeting.channels.twilio.provider import TwilioProvider, signature
from retargeting.conditions.nodes import Interaction
from retargeting.interactions.models import MessageEvent
from retargeting.messaging import dispatches, sending
from retargeting.messaging.models import Chunk, Delivery, Dispatch
from retargeting.orchestrations.models import Kind, MessageStep, Orchestration
from retargeting.profiles.actions import upsert_profiles
from retargeting.profiles.models import Address, Profile, Suppression, SuppressionReason
from tests.channels.sms_servers import TEMPLATE, GatewayServer, TwilioServer, form_of, twilio_error
from tests.channels.webserver import BREAK_OFF, Reply

pytestmark = pytest.mark.django_db

PHONE = "+33612345678"
INVALID = SuppressionReason.INVALID


@pytest.fixture
def twilio(settings):
    settings.PUBLIC_URL = "https://us.example"
    with TwilioServer() as server:
        yield server


@pytest.fixture
def gateway(settings):
    settings.PUBLIC_URL = "https://us.example"
    with GatewayServer() as server:
        yield server


def message(address: str = PHONE, text: str = "Hi & bye", delivery: int | None = 7) -> OutgoingMessage:
    return OutgoingMessage(profile_id=1, address=address, content={"text": text}, delivery_id=delivery)


def through_twilio(server: TwilioServer, sender: str = "+15005550006") -> TwilioProvider:
    return TwilioProvider(ChannelConfig(channel="sms", provider="twilio", sender=sender, settings=server.settings))


def test_twilio_gets_every_field(twilio):
    [outcome] = through_twilio(twilio).send([message()])
    [request] = twilio.received
    assert outcome.result is Result.ACCEPTED
    assert outcome.provider_id.startswith("SM")
    assert request.path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert base64.b64decode(request.headers["authorization"].removeprefix("Basic ")) == b"AC1:token-1"
    assert form_of(request) == {
        "To": PHONE,
        "From": "+15005550006",
        "Body": "Hi & bye",
        "StatusCallback": callback_url("sms", "twilio", 7),
    }


def test_a_messaging_service_is_named_as_one(twilio):
    service = "MG" + "0a" * 16
    through_twilio(twilio, service).send([message(delivery=None)])
    form = form_of(twilio.received[0])
    assert form["MessagingServiceSid"] == service
    assert "From" not in form
    assert "StatusCallback" not in form


@pytest.mark.parametrize(
    ("reply", "result", "suppress", "wait"),
    [
        (twilio_error(400, 21211), Result.PERMANENT, INVALID, None),
        (twilio_error(400, 21614), Result.PERMANENT, INVALID, None),
        (twilio_error(400, 21610), Result.PERMANENT, None, None),
        (twilio_error(400, 21408), Result.PERMANENT, None, None),
        (twilio_error(400, 21612), Result.PERMANENT, None, None),
        (twilio_error(400, 21617), Result.PERMANENT, None, None),
        (twilio_error(400, 21606), Result.RETRY, None, 300),
        (twilio_error(401, 20003), Result.RETRY, None, 300),
        (twilio_error(403, 20005), Result.RETRY, None, 300),
        (twilio_error(404, 20404), Result.RETRY, None, 300),
        (twilio_error(429, 20429), Result.RETRY, None, 5),
        (twilio_error(429, 20429, Retry_After="9"), Result.RETRY, None, 9),
        (twilio_error(400, 21611), Result.RETRY, None, 5),
        (twilio_error(500, 20500), Result.RETRY, None, None),
        (twilio_error(503, 20503), Result.RETRY, None, 60),
        (Reply(502, text="<html>"), Result.UNKNOWN, None, None),
        (BREAK_OFF, Result.UNKNOWN, None, None),
    ],
)
def test_each_answer_of_twilio_has_its_meaning(twilio, reply, result, suppress, wait):
    twilio.refusals[PHONE] = reply
    [outcome] = through_twilio(twilio).send([message()])
    assert (outcome.result, outcome.suppress, outcome.retry_after) == (result, suppress, wait)


@pytest.fixture
def sent(twilio) -> Delivery:
    """A message to Ana's phone that Twilio has taken."""
    ChannelConfig.objects.create(channel="sms", provider="twilio", sender="+1500", settings=twilio.settings)
    return send_to_ana()


def send_to_ana() -> Delivery:
    addresses = [{"channel": "sms", "address": PHONE}]
    upsert_profiles(actor=None, items=[{"external_id": "ana", "addresses": addresses}])
    orchestration = Orchestration.objects.create(kind=Kind.CAMPAIGN, name="Spring sale")
    step = MessageStep.objects.create(orchestration=orchestration, channel="sms")
    dispatch = Dispatch.objects.create(orchestration=orchestration, step=step, channel="sms", content={"text": "Hi"})
    dispatches.start(dispatch=dispatch, members=BitMap([Profile.objects.get().pk]))
    for chunk in Chunk.objects.all():
        sending.send_chunk(chunk_id=chunk.pk)
    return Delivery.objects.get()


@pytest.fixture
def calls_back(client):
    def post(url: str, form: dict[str, str], secret: str = "token-1"):
        headers = {"X-Twilio-Signature": signature(secret, url, form)}
        return client.post(url.removeprefix("https://us.example"), form, headers=headers)

    return post


def events() -> list[Interaction]:
    return [event.kind for event in MessageEvent.objects.order_by("occurred_at")]


def test_the_example_of_twilios_documentation_has_its_signature():
    form = {"CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234", "From": "+14158675309"}
    form["To"] = "+18005551212"
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert signature("12345", url, form) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_a_delivered_message_is_recorded_once(sent, calls_back):
    form = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    for _ in range(2):
        assert calls_back(callback_url("sms", "twilio", sent.pk), form).status_code == 200
    assert events() == [Interaction.SENT, Interaction.DELIVERED]


def test_a_number_that_is_gone_is_closed(sent, calls_back):
    form = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30005"}
    calls_back(callback_url("sms", "twilio", sent.pk), form)
    assert Suppression.objects.get().address == PHONE
    assert events() == [Interaction.SENT]


def test_a_number_is_closed_also_when_the_callback_comes_before_the_address_is_noted(sent, calls_back):
    Delivery.objects.update(address="", status="sending")
    form = {"MessageSid": "SM1", "MessageStatus": "failed", "ErrorCode": "30006", "To": PHONE}
    calls_back(callback_url("sms", "twilio", sent.pk), form)
    assert Suppression.objects.get().address == PHONE


@pytest.mark.parametrize("word", ["STOP", "stop", " Stop. ", "UNSUBSCRIBE"])
def test_who_answers_stop_is_not_written_to_any_more(sent, calls_back, word):
    form = {"MessageSid": "SM9", "From": PHONE, "To": "+1500", "Body": word}
    for _ in range(2):
        assert calls_back(callback_url("sms", "twilio"), form).status_code == 200
    assert Address.objects.get().subscribed is False
    assert events() == [Interaction.SENT, Interaction.UNSUBSCRIBED]
    calls_back(callback_url("sms", "twilio"), {**form, "MessageSid": "SM10", "Body": "START"})
    assert Address.objects.get().subscribed is True


def test_other_answers_change_nothing(sent, calls_back):
    calls_back(callback_url("sms", "twilio"), {"MessageSid": "SM9", "From": PHONE, "Body": "please do not stop"})
    assert Address.objects.get().subscribed is True


def test_who_twilio_says_has_answered_stop_is_unsubscribed_here_too(sent, twilio):
    twilio.refusals[PHONE] = twilio_error(400, 21610)
    through_twilio(twilio).send([message()])
    assert Address.objects.get().subscribed is False


def test_calls_that_twilio_did_not_sign_are_refused(sent, calls_back, client):
    form = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    url = callback_url("sms", "twilio", sent.pk)
    assert calls_back(url, form, secret="another").status_code == 403
    assert client.post(url.removeprefix("https://us.example"), form).status_code == 403
    other = url.replace(f"/{sent.pk}.", f"/{sent.pk + 1}.")
    assert calls_back(other, form).status_code == 403
    assert calls_back(callback_url("sms", "gateway"), form).status_code == 403, "not the provider of the channel"
    assert events() == [Interaction.SENT]


def through_gateway(server: GatewayServer, **settings: object) -> GatewayProvider:
    config = ChannelConfig(channel="sms", provider="gateway", sender="Shop", settings={**server.settings, **settings})
    return GatewayProvider(config)


def test_a_gateway_gets_the_body_as_it_was_written(gateway):
    [outcome] = through_gateway(gateway).send([message(text='She said "Hi"\nand left')])
    [request] = gateway.received
    assert (outcome.result, outcome.provider_id) == (Result.ACCEPTED, "m1")
    assert (request.method, request.path) == ("POST", "/send?key=1")
    assert request.headers["authorization"] == "Bearer gw-1"
    assert request.headers["content-type"] == "application/json"
    assert request.json == {
        "recipient": PHONE,
        "message": 'She said "Hi"\nand left',
        "from": "Shop",
        "tell": callback_url("sms", "gateway", 7),
    }


def test_nothing_that_is_filled_in_becomes_syntax(gateway):
    url = f"{gateway.url}/send?to={{{{ to }}}}&text={{{{ text }}}}"
    through_gateway(gateway, url=url, method="GET", body="").send([message(text="a&to=+1 b#c")])
    through_gateway(gateway, kind="form", body="to={{to}}&text={{ text }}").send([message(text="a&to=+1 b")])
    assert gateway.received[0].path == "/send?to=%2B33612345678&text=a%26to%3D%2B1%20b%23c"
    assert form_of(gateway.received[1]) == {"to": PHONE, "text": "a&to=+1 b"}


def test_a_gateway_that_says_200_to_everything_is_read(gateway):
    gateway.answer = lambda request: Reply(200, {"status": "error", "reason": "no credit"})
    [outcome] = through_gateway(gateway, success='"status": "ok"').send([message()])
    assert outcome.result is Result.PERMANENT
    assert "no credit" in outcome.detail


def test_a_gateway_tells_what_became_of_a_message_under_its_signed_address(gateway, client):
    ChannelConfig.objects.create(channel="sms", provider="gateway", sender="Shop", settings=gateway.settings)
    delivery = send_to_ana()
    url = gateway.received[0].json["tell"].removeprefix("https://us.example")
    for _ in range(2):
        assert client.get(f"{url}?status=delivered").status_code == 200
    assert client.get(f"{url}?status=bought").status_code == 403
    assert client.get(f"{url.replace(f'/{delivery.pk}.', '/999.')}?status=delivered").status_code == 403
    client.post(url, {"status": "unsubscribed"})
    assert events() == [Interaction.SENT, Interaction.DELIVERED, Interaction.UNSUBSCRIBED]
    assert Address.objects.get().subscribed is False


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "ftp://x"}, "url"),
        ({"body": '{"to": "{{ to }}"}'}, "body"),
        ({"body": '{"to": "{{ to }}", "text": {{ text }}}'}, "body"),
        ({"body": '{"to": "{{ to }}", "text": "{{ text }}", "x": "{{ password }}"}'}, "body"),
        ({"secret_headers": "no header"}, "secret_headers"),
    ],
)
def test_settings_that_cannot_work_are_refused(change, field):
    good = {"method": "POST", "url": "https://gw.example/send", "kind": "json", "body": TEMPLATE}
    assert GatewaySettings(good).is_valid()
    assert field in GatewaySettings({**good, **change}).errors
