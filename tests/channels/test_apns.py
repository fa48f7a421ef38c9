"""Apple's push service: what it is sent over HTTP/2, and what each of its answers means."""

from __future__ import annotations

import base64
import json
import time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from retargeting.channels.adapter import OutgoingMessage, Result
from retargeting.channels.apns.provider import ApnsProvider, ApnsSettings, _token
from retargeting.channels.models import ChannelConfig
from retargeting.profiles.models import SuppressionReason
from tests.channels.apns_server import ApnsServer, device, refusal
from tests.channels.webserver import BREAK_OFF, Reply

pytestmark = pytest.mark.django_db

INVALID = SuppressionReason.INVALID


@pytest.fixture
def apple():
    _token.cache_clear()
    with ApnsServer() as server:
        yield server


def through(server: ApnsServer, **settings: object) -> ApnsProvider:
    return ApnsProvider(ChannelConfig(channel="push", provider="apns", settings={**server.settings, **settings}))


def message(number: int = 1, address: str = "", **content: str) -> OutgoingMessage:
    content = {"title": "Sale", "body": "Half off", **content}
    headers = {"report": "https://us.example/r"}
    return OutgoingMessage(number, address or f"apns:{device(number)}", content, delivery_id=number, headers=headers)


def part(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_message_has_every_field(apple):
    [outcome] = through(apple, ttl=60).send(
        [message(link="shop://sale", image="https://x.example/i", action1_label="Go")]
    )
    [request] = apple.received
    assert outcome.result is Result.ACCEPTED
    assert (request.method, request.path) == ("POST", f"/3/device/{device()}")
    headers = request.headers
    assert headers["apns-topic"] == "example.shop"
    assert (headers["apns-push-type"], headers["apns-priority"]) == ("alert", "10")
    assert 50 < int(headers["apns-expiration"]) - time.time() < 70
    assert headers["apns-id"] == outcome.provider_id
    assert request.json == {
        "aps": {"alert": {"title": "Sale", "body": "Half off"}, "sound": "default", "mutable-content": 1},
        "link": "shop://sale",
        "image": "https://x.example/i",
        "report": "https://us.example/r",
        "action1_label": "Go",
    }


def test_the_token_is_signed_with_the_teams_key_and_used_again(apple):
    for _ in range(2):
        through(apple).send([message()])
    first, second = (request.headers["authorization"] for request in apple.received)
    assert first == second
    signed, _, proof = first.removeprefix("bearer ").rpartition(".")
    head, claims = (json.loads(part(text)) for text in signed.split("."))
    assert (head["alg"], head["kid"], claims["iss"]) == ("ES256", "KEY1", "TEAM1")
    assert abs(claims["iat"] - time.time()) < 60
    raw = part(proof)
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    apple.key.public_key().verify(encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256()))


def test_many_messages_share_two_connections(apple):
    outcomes = through(apple).send([message(number) for number in range(1, 301)])
    assert {outcome.result for outcome in outcomes} == {Result.ACCEPTED}
    assert len({request.path for request in apple.received}) == len(apple.received) == 300
    assert apple.connections <= 2


@pytest.mark.parametrize(
    ("reply", "result", "suppress", "wait"),
    [
        (refusal(410, "Unregistered"), Result.PERMANENT, INVALID, None),
        (refusal(410, "ExpiredToken"), Result.PERMANENT, INVALID, None),
        (refusal(400, "BadDeviceToken"), Result.PERMANENT, None, None),
        (refusal(400, "DeviceTokenNotForTopic"), Result.PERMANENT, None, None),
        (refusal(400, "PayloadEmpty"), Result.PERMANENT, None, None),
        (refusal(413, "PayloadTooLarge"), Result.PERMANENT, None, None),
        (refusal(400, "BadTopic"), Result.RETRY, None, 300),
        (refusal(400, "TopicDisallowed"), Result.RETRY, None, 300),
        (refusal(403, "InvalidProviderToken"), Result.RETRY, None, 300),
        (refusal(403, "BadCertificateEnvironment"), Result.RETRY, None, 300),
        (refusal(403, "Forbidden"), Result.RETRY, None, 300),
        (refusal(404, "BadPath"), Result.RETRY, None, 300),
        (refusal(403, "ExpiredProviderToken"), Result.RETRY, None, None),
        (refusal(429, "TooManyRequests"), Result.RETRY, None, None),
        (refusal(429, "TooManyProviderTokenUpdates"), Result.RETRY, None, 60),
        (refusal(500, "InternalServerError"), Result.RETRY, None, None),
        (refusal(503, "ServiceUnavailable", Retry_After="9"), Result.RETRY, None, 9),
        (refusal(503, "Shutdown"), Result.RETRY, None, None),
        (Reply(400, text="<html>"), Result.PERMANENT, None, None),
        (BREAK_OFF, Result.UNKNOWN, None, None),
    ],
)
def test_each_answer_of_apple_has_its_meaning(apple, reply, result, suppress, wait):
    apple.refusals[device()] = reply
    [outcome] = through(apple).send([message()])
    assert (outcome.result, outcome.suppress, outcome.retry_after) == (result, suppress, wait), outcome.detail
    assert len(apple.received) == 1, "nothing is asked twice"


def test_a_token_that_apple_calls_expired_is_made_anew(apple):
    apple.refusals[device()] = refusal(403, "ExpiredProviderToken")
    through(apple).send([message()])
    through(apple).send([message(2)])
    first, second = (request.headers["authorization"] for request in apple.received)
    assert first != second


@pytest.mark.parametrize(
    ("made", "suppress"),
    [
        (message(address="apns:nothing"), INVALID),
        (message(address="a-token-of-firebase"), None),
        (message(body="x" * 4096), None),
    ],
)
def test_what_apple_would_refuse_is_not_sent(apple, made, suppress):
    [outcome] = through(apple).send([made])
    assert (outcome.result, outcome.suppress) == (Result.PERMANENT, suppress)
    assert apple.received == []


def test_the_settings_take_the_key_file_of_apple_and_nothing_else(apple):
    good = {**apple.settings, "environment": "production"}
    assert ApnsSettings(good).is_valid()
    assert "private_key" in ApnsSettings({**good, "private_key": "no key"}).errors
    assert "topic" in ApnsSettings({**good, "topic": ""}).errors
