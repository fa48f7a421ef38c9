"""Webhook steps: signed, tried again, and not to our own network."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from automations import webhooks
from automations.models import CallStatus, WebhookCall
from tests.channels.webserver import Reply, WebServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def called(town, settings):
    """A call that is due, to a server on loopback."""
    settings.ALLOW_PRIVATE_ADDRESSES = True
    with WebServer() as server:
        step = {"key": "tell", "type": "webhook", "url": f"{server.url}/hook", "values": {"reason": "cart"}}
        automation = town.automation({"steps": [step]})
        [person] = town.people(1)
        town.enter(automation, person, entry={"event": "added", "properties": {"value": 5}})
        town.move()
        yield server, automation


def test_a_call_is_signed_and_says_who_where_and_why(called):
    server, automation = called
    assert webhooks.make_due() == 1
    [request] = server.received
    assert request.json["profile"] == "p0"
    assert request.json["entry"] == {"event": "added", "properties": {"value": 5}}
    assert request.json["values"] == {"reason": "cart"}
    headers = {name.lower(): value for name, value in request.headers.items()}
    expected = webhooks.signature(
        webhooks.secret_of(automation.pk), headers["webhook-id"], int(headers["webhook-timestamp"]), request.body
    )
    assert headers["webhook-signature"] == expected
    assert webhooks.make_due() == 0
    assert WebhookCall.objects.get().status == CallStatus.DONE


def test_a_call_that_fails_is_made_again_with_the_same_id_and_given_up_in_the_end(called):
    server, _ = called
    server.answer = lambda request: Reply(503)
    now = timezone.now()
    for attempt in range(webhooks.MOST_ATTEMPTS):
        with time_machine.travel(now + timedelta(hours=2 * attempt)):
            webhooks.make_due()
            webhooks.make_due()
    assert len(server.received) == webhooks.MOST_ATTEMPTS
    ids = {{name.lower(): value for name, value in each.headers.items()}["webhook-id"] for each in server.received}
    assert len(ids) == 1
    call = WebhookCall.objects.get()
    assert (call.status, call.detail) == (CallStatus.FAILED, "503")


def test_a_refusal_is_not_repeated(called):
    server, _ = called
    server.answer = lambda request: Reply(404, text="no such hook")
    webhooks.make_due()
    call = WebhookCall.objects.get()
    assert (call.status, call.detail) == (CallStatus.FAILED, "404 no such hook")


def test_a_call_into_our_own_network_is_refused(called, settings):
    settings.ALLOW_PRIVATE_ADDRESSES = False
    server, _ = called
    webhooks.make_due()
    assert server.received == []
    assert WebhookCall.objects.get().detail == "the address lies in a private network"


def test_the_call_of_a_killed_worker_is_made_by_another_one(called):
    server, _ = called
    webhooks._claim()
    assert webhooks.make_due() == 0
    with time_machine.travel(timezone.now() + webhooks.CLAIMED_FOR):
        assert webhooks.make_due() == 1
    assert len(server.received) == 1
