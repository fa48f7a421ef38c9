"""Frequency caps: which messages count, in which time, for whom; and that two campaigns at once cannot both pass."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from pyroaring import BitMap

from retargeting.channels.models import SandboxMessage
from retargeting.conditions.nodes import Interaction
from retargeting.interactions.ingest import record_message_events
from retargeting.messaging import caps, dispatches, sending
from retargeting.messaging.deliveries import event_rows
from retargeting.messaging.eligibility import Intent
from retargeting.messaging.models import Chunk, Delivery, DeliveryStatus, Dispatch, FrequencyCap, Priority
from retargeting.orchestrations.models import Kind, Label, MessageStep, Orchestration
from retargeting.profiles.models import Profile
from tests.messaging.test_sending import drain, statuses, with_event

pytestmark = pytest.mark.django_db


@pytest.fixture
def a_dispatch(db) -> Callable[..., Dispatch]:
    def make(channel: str = "email", priority: str = Priority.NORMAL, labels: tuple[Label, ...] = ()) -> Dispatch:
        number = Orchestration.objects.count()
        orchestration = Orchestration.objects.create(kind=Kind.CAMPAIGN, name=f"Campaign {number}")
        orchestration.labels.set(labels)
        step = MessageStep.objects.create(orchestration=orchestration, channel=channel)
        return Dispatch.objects.create(
            orchestration=orchestration, step=step, channel=channel, priority=priority,
            content={"subject": "Hello", "text": "It is on."},
        )  # fmt: skip

    return make


def cap(**changes: object) -> FrequencyCap:
    number = FrequencyCap.objects.count()
    return FrequencyCap.objects.create(**{"name": f"Cap {number}", "most": 1, "amount": 1, "unit": "day", **changes})


def sent(dispatch: Dispatch, people: BitMap, ago: timedelta = timedelta(hours=1), times: int = 1) -> None:
    for _ in range(times):
        record_message_events(event_rows(dispatch, Interaction.SENT, people, at=timezone.now() - ago))


def go(dispatch: Dispatch, people: BitMap) -> dict[str, int]:
    dispatches.start(dispatch=dispatch, members=people)
    drain()
    return statuses(dispatch)


def test_whoever_had_as_many_as_a_cap_allows_is_skipped_for_it(people, a_dispatch):
    members = people(6)
    cap(most=2)
    earlier, now = a_dispatch(), a_dispatch()
    sent(earlier, BitMap(list(members)[:2]), times=2)
    sent(earlier, BitMap(list(members)[2:4]))
    assert go(now, members) == {"skipped": 2, "sent": 4}
    skipped = Delivery.objects.filter(dispatch=now, status=DeliveryStatus.SKIPPED)
    assert set(skipped.values_list("reason", flat=True)) == {"capped"}
    assert with_event(now, Interaction.SKIPPED) == BitMap(list(members)[:2])


def test_its_time_rolls_on_to_the_microsecond(people, a_dispatch):
    members = people(1)
    rule = cap()
    now = timezone.now()
    intent = Intent("email", a_dispatch().orchestration_id, at=now)
    with time_machine.travel(now, tick=False):
        sent(a_dispatch(), members, ago=timedelta(days=1))
    assert not caps.over(rule, members, intent), "a day ago to the microsecond is not in the last day"
    with time_machine.travel(now, tick=False):
        sent(a_dispatch(), members, ago=timedelta(days=1) - timedelta(microseconds=1))
    assert caps.over(rule, members, intent) == members


@pytest.mark.parametrize(
    ("rule", "counts"), [({}, True), ({"channel": "email"}, False), ({"channel": "push"}, False)], ids=str
)
def test_a_cap_counts_on_its_channel_or_on_all(people, a_dispatch, rule, counts):
    members = people(2)
    cap(**rule)
    sent(a_dispatch("push"), members)
    assert go(a_dispatch("email"), members) == ({"skipped": 2} if counts else {"sent": 2})


def test_a_cap_on_a_label_counts_and_holds_back_what_carries_it_now(people, a_dispatch):
    members = people(2)
    promo = Label.objects.create(code="promo", name="Promo")
    cap(label=promo)
    earlier = a_dispatch()
    sent(earlier, members)
    assert go(a_dispatch(labels=(promo,)), members) == {"sent": 2}
    earlier.orchestration.labels.add(promo)
    assert go(a_dispatch(), members) == {"sent": 2}
    assert go(a_dispatch(labels=(promo,)), members) == {"skipped": 2}


def test_what_is_kept_for_urgent_campaigns_others_do_not_get(people, a_dispatch):
    members = people(2)
    cap(most=2, reserved=1)
    sent(a_dispatch(), members)
    assert go(a_dispatch(), members) == {"skipped": 2}
    assert go(a_dispatch(priority=Priority.HIGH), members) == {"sent": 2}
    assert go(a_dispatch(priority=Priority.HIGH), members) == {"skipped": 2}
    assert go(a_dispatch(priority=Priority.SERVICE), members) == {"sent": 2}


def test_an_uncertain_message_counts_since_it_may_have_gone_out(people, a_dispatch):
    members = people(2)
    cap()
    Delivery.objects.create(dispatch=a_dispatch(), profile_id=members[0], status=DeliveryStatus.UNCERTAIN)
    assert go(a_dispatch(), members) == {"skipped": 1, "sent": 1}


def test_a_cap_that_puts_off_lets_them_have_it_when_it_fits(people, a_dispatch):
    members = people(3)
    cap(when_reached="defer")
    sent(a_dispatch(), BitMap(members[:2]), ago=timedelta(hours=20))
    later = a_dispatch()
    assert go(later, members) == {"deferred": 2, "sent": 1}
    put_off = Delivery.objects.filter(dispatch=later, status=DeliveryStatus.DEFERRED)
    assert {delivery.reason for delivery in put_off} == {"capped"}
    assert all(delivery.retry_at > timezone.now() for delivery in put_off)
    later.refresh_from_db()
    assert later.status == "sending", "somebody is still to get it"
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        dispatches.retry_due()
        drain()
        assert statuses(later) == {"deferred": 2, "sent": 1}
    with time_machine.travel(timezone.now() + timedelta(hours=5)):
        dispatches.retry_due()
        drain()
        assert statuses(later) == {"sent": 3}
    assert set(Delivery.objects.filter(dispatch=later).values_list("attempt", flat=True)) == {1}
    later.refresh_from_db()
    assert later.status == "completed"


def test_what_does_not_fit_for_days_is_skipped_in_the_end(people, a_dispatch):
    members = people(1)
    cap(when_reached="defer", amount=4, unit="week")
    sent(a_dispatch(), members)
    later = a_dispatch()
    assert go(later, members) == {"deferred": 1}
    with time_machine.travel(timezone.now() + timedelta(days=3)):
        dispatches.retry_due()
        drain()
    assert list(Delivery.objects.filter(dispatch=later).values_list("status", "reason")) == [("skipped", "capped")]
    assert with_event(later, Interaction.SKIPPED) == members


def test_what_was_put_off_is_skipped_when_the_dispatch_is_canceled(people, a_dispatch):
    members = people(2)
    cap(when_reached="defer")
    sent(a_dispatch(), members)
    later = a_dispatch()
    go(later, members)
    dispatches.cancel(dispatch=later)
    assert set(Delivery.objects.filter(dispatch=later).values_list("status", "reason")) == {("skipped", "canceled")}
    assert with_event(later, Interaction.SKIPPED) == members


PEOPLE, ROUNDS = 300, 20


@pytest.mark.django_db(transaction=True)
def test_two_campaigns_at_the_same_second_never_both_pass_twenty_times_in_a_row(people, a_dispatch, monkeypatch):
    """Four workers, two for each campaign, all at once; every person may have one message more than before."""
    monkeypatch.setattr(dispatches, "CHUNK_SIZE", 50)
    monkeypatch.setattr("retargeting.channels.sandbox.provider.SandboxProvider.batch_size", 25)
    members = people(PEOPLE)
    rule = cap()
    for number in range(1, ROUNDS + 1):
        FrequencyCap.objects.filter(pk=rule.pk).update(most=number)
        pair = [a_dispatch(), a_dispatch()]
        for dispatch in pair:
            dispatches.start(dispatch=dispatch, members=members)
        at_once([lambda dispatch=dispatch: send_all(dispatch) for dispatch in (*pair, *pair)])
        counts = Counter(SandboxMessage.objects.values_list("profile_id", flat=True))
        assert counts == dict.fromkeys(members, number), f"round {number}"
        both = [statuses(dispatch) for dispatch in pair]
        assert both[0].get("sent", 0) + both[1].get("sent", 0) == PEOPLE
        assert both[0].get("skipped", 0) + both[1].get("skipped", 0) == PEOPLE
        assert Profile.objects.count() == PEOPLE


def send_all(dispatch: Dispatch) -> None:
    for chunk_id in Chunk.objects.filter(dispatch=dispatch).values_list("pk", flat=True):
        sending.send_chunk(chunk_id=chunk_id)


def at_once(jobs: list[Callable[[], None]]) -> None:
    """Start all jobs at the same moment, each with a connection of its own."""
    gate = threading.Barrier(len(jobs))
    mistakes: list[BaseException] = []

    def run(job: Callable[[], None]) -> None:
        try:
            gate.wait()
            job()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test says so
            mistakes.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not mistakes, mistakes
