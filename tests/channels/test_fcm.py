"""Firebase: what is sent, field by field, and what each of its answers means."""

from __future__ import annotations

import pytest

from retargeting.channels.adapter import OutgoingMessage, Result
from retargeting.channels.fcm.provider import FcmProvider, FcmSettings
from retargeting.channels.models import ChannelConfig
from retargeting.profiles.models import SuppressionReason
from tests.channels.fcm_server import FcmServer, refusal
from tests.channels.webserver import BREAK_OFF, Reply

pytestmark = pytest.mark.django_db

INVALID = SuppressionReason.INVALID


@pytest.fixture
def fcm():
    with FcmServer() as server:
        yield server


def provider(server: FcmServer, **settings: object) -> FcmProvider:
    return FcmProvider(ChannelConfig(channel="push", provider="fcm", settings={**server.settings, **settings}))


def message(token: str = "token-1", **content: str) -> OutgoingMessage:
    return OutgoingMessage(
        profile_id=1,
        address=token,
        content={"title": "Sale", "body": "Half off", **content},
        delivery_id=7,
        headers={"report": "https://us.example/t/r/x/"},
    )


def test_a_message_has_every_field_of_the_protocol(fcm):
    content = {"link": "https://shop.example/sale", "image": "https://shop.example/a.png"}
    [outcome] = provider(fcm, ttl=3600).send([message(**content)])
    assert outcome.result is Result.ACCEPTED
    [request] = fcm.sent("messages:send")
    assert outcome.provider_id.startswith("projects/shop-1/messages/")
    assert (request.method, request.path) == ("POST", "/v1/projects/shop-1/messages:send")
    assert request.headers["authorization"] == "Bearer access"
    assert request.headers["content-type"] == "application/json"
    assert request.json == {
        "message": {
            "token": "token-1",
            "notification": {"title": "Sale", "body": "Half off", "image": "https://shop.example/a.png"},
            "data": {"link": "https://shop.example/sale", "report": "https://us.example/t/r/x/"},
            "android": {"priority": "HIGH", "ttl": "3600s"},
            "apns": {
                "payload": {"aps": {"sound": "default", "mutable-content": 1}},
                "fcm_options": {"image": "https://shop.example/a.png"},
            },
            "webpush": {"fcm_options": {"link": "https://shop.example/sale"}},
        }
    }


def test_the_access_token_is_asked_for_once_and_kept(fcm):
    for _ in range(3):
        provider(fcm).send([message()])
    assert len(fcm.sent("/token")) == 1
    assert len(fcm.messages) == 3


def test_deep_links_of_apps_are_data_and_no_link_of_the_web(fcm):
    provider(fcm).send([message(link="shop://cart")])
    [sent] = fcm.messages
    assert sent["data"]["link"] == "shop://cart"
    assert "webpush" not in sent


@pytest.mark.parametrize(
    ("reply", "result", "suppress", "wait"),
    [
        (refusal(404, "NOT_FOUND", "UNREGISTERED"), Result.PERMANENT, INVALID, None),
        (refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.token"), Result.PERMANENT, INVALID, None),
        (refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"), Result.PERMANENT, None, None),
        (refusal(400, "INVALID_ARGUMENT", None, "message.data[0].value"), Result.PERMANENT, None, None),
        (refusal(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"), Result.PERMANENT, None, None),
        (refusal(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), Result.RETRY, None, 60),
        (refusal(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", Retry_After="7"), Result.RETRY, None, 7),
        (refusal(503, "UNAVAILABLE", "UNAVAILABLE"), Result.RETRY, None, None),
        (refusal(503, "UNAVAILABLE", "UNAVAILABLE", Retry_After="30"), Result.RETRY, None, 30),
        (refusal(500, "INTERNAL", "INTERNAL"), Result.RETRY, None, None),
        (refusal(500, "UNKNOWN", "UNSPECIFIED_ERROR"), Result.RETRY, None, None),
        (refusal(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"), Result.RETRY, None, None),
        (refusal(401, "UNAUTHENTICATED"), Result.RETRY, None, 300),
        (refusal(403, "PERMISSION_DENIED"), Result.RETRY, None, 300),
        (Reply(404, text="<html>no such project"), Result.RETRY, None, 300),
        (Reply(502, text="<!DOCTYPE html>Error 502"), Result.RETRY, None, None),
        (Reply(413, text="too large"), Result.PERMANENT, None, None),
        (BREAK_OFF, Result.UNKNOWN, None, None),
    ],
)
def test_each_answer_of_the_documentation_has_its_meaning(fcm, reply, result, suppress, wait):
    fcm.errors["token-1"] = reply
    [outcome] = provider(fcm).send([message()])
    assert (outcome.result, outcome.suppress, outcome.retry_after) == (result, suppress, wait)
    assert outcome.detail
    assert outcome.attempted


def test_one_bad_token_does_not_stop_the_others(fcm):
    fcm.errors = {"token-3": refusal(404, "NOT_FOUND", "UNREGISTERED"), "token-5": BREAK_OFF}
    outcomes = provider(fcm).send([message(f"token-{number}") for number in range(100)])
    results = [outcome.result for outcome in outcomes]
    assert results.count(Result.ACCEPTED) == 98
    assert (results[3], results[5]) == (Result.PERMANENT, Result.UNKNOWN)
    assert sorted(sent["token"] for sent in fcm.messages) == sorted(f"token-{number}" for number in range(100))


def test_an_address_of_another_service_is_refused_before_anybody_is_asked(fcm):
    [outcome] = provider(fcm).send([message("apns:abcd")])
    assert outcome.result is Result.PERMANENT
    assert outcome.suppress is None
    assert fcm.messages == []


def test_without_an_access_token_nothing_is_sent_and_it_is_said(fcm):
    fcm.answer = lambda request: Reply(400, {"error": "invalid_grant", "error_description": "Invalid JWT"})
    [outcome] = provider(fcm).send([message()])
    assert outcome.result is Result.RETRY
    assert "invalid_grant" in outcome.detail
    assert fcm.sent("messages:send") == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"type": "service_account"}', '{"project_id": "x"}'])
def test_what_is_no_service_account_is_not_saved(text):
    assert "service_account" in FcmSettings({"service_account": text}).errors
