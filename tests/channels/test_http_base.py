"""What all providers over HTTP have in common: nothing twice, waiting as told, leaving alone what is down."""

from __future__ import annotations

import socket
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from retargeting.channels import health
from retargeting.channels.adapter import Outcome, OutgoingMessage, Result
from retargeting.channels.health import FAILED_BATCHES
from retargeting.channels.http.provider import HttpProvider, by_status, retry_after
from retargeting.channels.http.transport import Answer, Call, Failure, Limits, exchange
from retargeting.channels.models import ChannelConfig, ProviderHealth
from retargeting.conditions.nodes import Channel
from tests.channels.webserver import BREAK_OFF, Reply, WebServer

pytestmark = pytest.mark.django_db


class Plain(HttpProvider):
    """The smallest provider that there can be."""

    key, label, channels = "plain", "Plain", frozenset({Channel.SMS})
    limits = Limits(concurrency=4, timeout=1)

    def call(self, message: OutgoingMessage) -> Call:
        return Call(self.config.settings["url"], message.address.encode())

    def read(self, answer: Answer, message: OutgoingMessage) -> Outcome:
        return by_status(answer)


@pytest.fixture
def server():
    with WebServer() as server:
        yield server


def plain(server: WebServer, **settings: object) -> Plain:
    return Plain(ChannelConfig(channel="sms", provider="plain", settings={"url": f"{server.url}/send", **settings}))


def messages(number: int) -> list[OutgoingMessage]:
    return [OutgoingMessage(profile_id=n, address=f"+{n}", content={"text": "Hi"}) for n in range(number)]


def results(outcomes: list[Outcome]) -> Counter[Result]:
    return Counter(outcome.result for outcome in outcomes)


def test_a_connection_that_breaks_after_the_request_is_never_used_to_ask_again(server):
    """libcurl would repeat a request on a kept connection that is closed without an answer: a second message."""
    seen: Counter[bytes] = Counter()

    def answer(request):
        seen[request.body] += 1
        return BREAK_OFF if len(seen) % 5 == 0 else Reply()

    server.answer = answer
    outcomes = plain(server).send(messages(200))
    assert set(seen.values()) == {1}
    assert results(outcomes)[Result.UNKNOWN] > 10
    for message, outcome in zip(messages(200), outcomes, strict=True):
        assert seen[message.address.encode()] == (1 if outcome.attempted else 0)


def test_a_server_that_is_not_there_was_not_asked():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    provider = Plain(ChannelConfig(channel="sms", provider="plain", settings={"url": f"http://127.0.0.1:{port}/"}))
    outcomes = provider.send(messages(100))
    assert results(outcomes) == {Result.RETRY: 100}
    assert not outcomes[-1].attempted, "after some failures in a row the rest is not tried"


def test_a_server_that_does_not_answer_in_time_may_have_taken_it(server):
    server.answer = lambda request: (time.sleep(1.5), Reply())[1]
    [outcome] = plain(server).send(messages(1))
    assert outcome.result is Result.UNKNOWN


def test_when_told_to_wait_the_rest_of_the_batch_and_the_next_ones_wait(server):
    server.answer = lambda request: Reply(429, headers={"Retry-After": "120"})
    outcomes = plain(server).send(messages(50))
    assert results(outcomes) == {Result.RETRY: 50}
    assert {outcome.retry_after for outcome in outcomes} == {120}
    asked = len(server.received)
    assert asked <= 8, "no more than were under way"
    assert sum(outcome.attempted for outcome in outcomes) == asked
    [later] = plain(server).send(messages(1))
    assert not later.attempted
    assert 110 < later.retry_after <= 120
    assert len(server.received) == asked


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (200, Result.ACCEPTED),
        (202, Result.ACCEPTED),
        (301, Result.PERMANENT),
        (400, Result.PERMANENT),
        (401, Result.RETRY),
        (403, Result.RETRY),
        (404, Result.PERMANENT),
        (429, Result.RETRY),
        (500, Result.RETRY),
        (502, Result.UNKNOWN),
        (503, Result.RETRY),
        (504, Result.UNKNOWN),
    ],
)
def test_what_a_status_means_of_which_nothing_more_is_known(status, result):
    assert by_status(Answer(status, {}, b"")).result is result


def test_retry_after_is_seconds_or_a_date():
    def of(value: str) -> float | None:
        return retry_after(Answer(429, {"retry-after": value}, b""))

    moment = timezone.now() + timedelta(seconds=90)
    assert of("7") == 7
    assert 85 < of(moment.strftime("%a, %d %b %Y %H:%M:%S GMT")) <= 90
    assert of("Mon, 01 Jan 2001 00:00:00 GMT") == 1
    assert of("soon") is None
    assert retry_after(Answer(429, {}, b"")) is None


def trouble(server: WebServer, batches: int = FAILED_BATCHES) -> list[Outcome]:
    server.answer = lambda request: Reply(500)
    return [plain(server).send(messages(1))[0] for _ in range(batches)]


def test_a_provider_that_keeps_failing_is_left_alone_and_then_tried_by_one(server):
    assert all(outcome.attempted for outcome in trouble(server))
    asked = len(server.received)
    [outcome] = plain(server).send(messages(1))
    assert not outcome.attempted
    assert 0 < outcome.retry_after <= 30
    assert len(server.received) == asked

    ProviderHealth.objects.update(closed_until=timezone.now() - timedelta(seconds=1))
    assert plain(server).send(messages(1))[0].attempted
    assert not plain(server).send(messages(1))[0].attempted, "the trial failed: a pause twice as long"
    assert ProviderHealth.objects.get().closed_until > timezone.now() + timedelta(seconds=55)

    ProviderHealth.objects.update(closed_until=timezone.now() - timedelta(seconds=1))
    server.answer = lambda request: Reply()
    assert plain(server).send(messages(1))[0].result is Result.ACCEPTED
    row = ProviderHealth.objects.get()
    assert (row.pauses, row.failed_batches, row.closed_until) == (0, 0, None)


def test_while_one_batch_is_being_tried_the_others_wait(server):
    trouble(server)
    ProviderHealth.objects.update(closed_until=timezone.now() - timedelta(seconds=1))
    config = plain(server).config
    assert health.closed(config) is None
    assert health.closed(config).reason == "one batch is being tried"


def test_new_settings_are_tried_at_once(server):
    trouble(server)
    health.start_afresh(plain(server).config)
    assert plain(server).send(messages(1))[0].attempted


def test_a_refusal_of_a_message_is_no_trouble_of_the_provider(server):
    server.answer = lambda request: Reply(400, text="not a number")
    for _ in range(FAILED_BATCHES + 2):
        [outcome] = plain(server).send(messages(1))
        assert outcome.attempted
        assert outcome.result is Result.PERMANENT


def test_the_pace_holds_over_batches(server):
    provider = plain(server, rate=100)
    began = time.monotonic()
    for _ in range(3):
        assert results(provider.send(messages(30))) == {Result.ACCEPTED: 30}
    assert time.monotonic() - began > 0.75


def test_what_does_not_fit_into_a_batch_by_the_pace_waits_its_turn(server):
    outcomes = plain(server, rate=0.1).send(messages(5))
    assert [outcome.attempted for outcome in outcomes] == [True, True, False, False, False]
    assert outcomes[-1].retry_after


def test_figures_are_kept_for_the_page_of_the_channel(server):
    server.answer = lambda request: Reply() if request.body != b"+1" else Reply(400, text="not a number")
    provider = plain(server)
    provider.send(messages(4))
    found = health.summary(provider.config)
    assert found.rates[0] == ("15 minutes", 4, 0.25)
    assert found.row.last_success_at
    assert "not a number" in found.row.last_failure
    assert not found.is_closed


def test_addresses_in_our_own_network_are_not_called_for_others(server, settings):
    settings.ALLOW_PRIVATE_ADDRESSES = False
    heard: list[object] = []
    exchange([Call(server.url, b"x")], Limits(public_only=True), lambda index, reply: heard.append(reply) or True)
    assert heard == [Failure("the address lies in a private network", sent=False)]
    assert server.received == []
