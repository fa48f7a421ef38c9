"""Web Push: what a browser can read, who it is from, and what each answer of a push service means."""

from __future__ import annotations

import base64
import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.management import call_command
from google.auth import jwt
from google.auth.crypt.es256 import ES256Verifier

from retargeting.channels.adapter import OutgoingMessage, Result
from retargeting.channels.models import ChannelConfig
from retargeting.channels.push.addresses import kind_of, subscription_from_browser, subscription_of
from retargeting.channels.webpush import encryption
from retargeting.channels.webpush.provider import WebPushProvider, WebPushSettings
from retargeting.profiles.models import SuppressionReason
from tests.channels.push_service import Browser, PushService
from tests.channels.webserver import BREAK_OFF, Reply

pytestmark = pytest.mark.django_db

INVALID = SuppressionReason.INVALID
CONTENT = {
    "title": "Sale",
    "body": "Half off – today",
    "link": "https://shop.example/",
    "image": "https://shop.example/a.png",
    "action1_label": "Shop",
    "action1_link": "https://shop.example/now",
    "action2_label": "Later",
}


@pytest.fixture
def service(settings):
    settings.ALLOW_PRIVATE_ADDRESSES = True
    with PushService() as server:
        yield server


def provider(service: PushService, **settings: object) -> WebPushProvider:
    return WebPushProvider(
        ChannelConfig(channel="push", provider="webpush", settings={**service.settings, **settings})
    )


def message(browser: Browser, **content: str) -> OutgoingMessage:
    return OutgoingMessage(
        profile_id=1,
        address=browser.subscription.address,
        content={**CONTENT, **content},
        headers={"report": "https://us.example/t/r/x/"},
    )


def test_the_example_of_the_standard_comes_out_byte_by_byte():
    """RFC 8291, appendix A."""
    sender = encryption.private_key_of("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
    body = encryption.encrypt(
        b"When I grow up, I want to be a watermelon",
        p256dh="BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        auth="BTBZMqHH6r4Tts7J_aSIgg",
        key=sender,
        salt=encryption.decode64("DGv6ra1nlYgDCS1FRnbzlw"),
    )
    assert encryption.encode64(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
        "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


def test_a_browser_reads_every_field(service):
    browser = service.browser()
    [outcome] = provider(service, ttl=600).send([message(browser)])
    assert outcome.result is Result.ACCEPTED
    [request] = service.received
    assert outcome.provider_id == f"{service.url}/message/1"
    assert (request.method, request.path) == ("POST", "/wpush/ana")
    assert request.headers["content-encoding"] == "aes128gcm"
    assert request.headers["ttl"] == "600"
    assert request.headers["urgency"] == "normal"
    assert browser.read(request.body) == {
        "title": "Sale",
        "body": "Half off – today",
        "image": "https://shop.example/a.png",
        "link": "https://shop.example/",
        "actions": [{"title": "Shop", "link": "https://shop.example/now"}, {"title": "Later", "link": ""}],
        "report": "https://us.example/t/r/x/",
    }


def test_it_is_signed_for_the_service_that_gets_it(service):
    provider(service).send([message(service.browser())])
    scheme, _, rest = service.received[0].headers["authorization"].partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert scheme == "vapid"
    assert parts["k"] == service.public_key
    header, claims, signature = parts["t"].split(".")
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), encryption.decode64(parts["k"]))
    assert ES256Verifier(point).verify(f"{header}.{claims}".encode(), encryption.decode64(signature))
    assert json.loads(encryption.decode64(header)) == {"typ": "JWT", "alg": "ES256"}
    claimed = json.loads(encryption.decode64(claims))
    assert (claimed["aud"], claimed["sub"]) == (service.url, "mailto:ops@example.com")
    assert time.time() < claimed["exp"] <= time.time() + 24 * 3600
    assert jwt.decode_header(parts["t"])["alg"] == "ES256"


@pytest.mark.parametrize(
    ("reply", "result", "suppress", "wait"),
    [
        (Reply(200), Result.ACCEPTED, None, None),
        (Reply(202), Result.ACCEPTED, None, None),
        (Reply(400), Result.PERMANENT, None, None),
        (Reply(401), Result.RETRY, None, None),
        (Reply(403), Result.PERMANENT, None, None),
        (Reply(404), Result.PERMANENT, INVALID, None),
        (Reply(410), Result.PERMANENT, INVALID, None),
        (Reply(413), Result.PERMANENT, None, None),
        (Reply(429, headers={"Retry-After": "30"}), Result.RETRY, None, 30),
        (Reply(429), Result.RETRY, None, 60),
        (Reply(500), Result.RETRY, None, None),
        (Reply(502), Result.RETRY, None, None),
        (Reply(503, headers={"Retry-After": "5"}), Result.RETRY, None, 5),
        (BREAK_OFF, Result.UNKNOWN, None, None),
    ],
)
def test_each_answer_has_its_meaning(service, reply, result, suppress, wait):
    service.replies["/wpush/ana"] = reply
    [outcome] = provider(service).send([message(service.browser())])
    assert (outcome.result, outcome.suppress, outcome.retry_after) == (result, suppress, wait)


def test_one_busy_service_does_not_hold_the_others(service):
    service.replies["/wpush/ana"] = Reply(429, headers={"Retry-After": "600"})
    browsers = [service.browser(name) for name in ("ana", "ben", "cleo")]
    outcomes = provider(service).send([message(browser) for browser in browsers])
    assert [outcome.result for outcome in outcomes] == [Result.RETRY, Result.ACCEPTED, Result.ACCEPTED]
    assert provider(service).send([message(browsers[1])])[0].result is Result.ACCEPTED


def test_a_message_that_is_too_long_is_not_sent(service):
    [outcome] = provider(service).send([message(service.browser(), body="x" * 4000)])
    assert outcome.result is Result.PERMANENT
    assert outcome.suppress is None
    assert service.received == []


@pytest.mark.parametrize(
    "address",
    [
        "https://push.example/x",
        "https://push.example/x#p256dh=abc&auth=def",
        "https://push.example/x#p256dh=BCVxsr7N_eNgVRqvHtD0zTZsEc6&auth=",
        "http://#p256dh=a&auth=b",
    ],
)
def test_an_address_that_no_browser_gave_is_closed(service, address):
    sent = OutgoingMessage(profile_id=1, address=address, content=CONTENT)
    [outcome] = provider(service).send([sent])
    assert (outcome.result, outcome.suppress) == (Result.PERMANENT, INVALID)


def test_an_endpoint_in_our_own_network_is_not_called(service, settings):
    settings.ALLOW_PRIVATE_ADDRESSES = False
    [outcome] = provider(service).send([message(service.browser())])
    assert outcome.result is not Result.ACCEPTED
    assert service.received == []


def test_what_a_browser_gives_becomes_an_address_and_back():
    given = {
        "endpoint": "https://push.example/x?y=1",
        "expirationTime": None,
        "keys": {"p256dh": "BC-_", "auth": "a_"},
    }
    subscription = subscription_from_browser(json.dumps(given))
    assert subscription_of(subscription.address) == ("https://push.example/x?y=1", "BC-_", "a_")
    assert kind_of(subscription.address) == "webpush"
    for wrong in ({}, {"endpoint": "https://x"}, {"endpoint": "ftp://x", "keys": {"p256dh": "a", "auth": "b"}}, 3):
        with pytest.raises(ValueError, match="subscription"):
            subscription_from_browser(wrong)


def test_the_command_makes_keys_that_the_settings_take(capsys):
    call_command("make_vapid_keys")
    lines = dict(line.split(":") for line in capsys.readouterr().out.splitlines())
    public, private = lines["public"].strip(), lines["private"].strip()
    assert len(base64.urlsafe_b64decode(public + "=")) == 65
    form = WebPushSettings({"private_key": private, "subject": "mailto:ops@example.com"})
    assert form.is_valid()
    assert encryption.public_key_of(private) == public
    assert WebPushSettings({"private_key": "no", "subject": "ops"}).errors.keys() == {"private_key", "subject"}
