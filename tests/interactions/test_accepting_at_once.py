"""Batches and erasures that meet, in transactions of their own."""

import threading
import time

import pytest
from django.db import connection, transaction

from retargeting.interactions.actions import accept_events
from retargeting.interactions.models import AcceptedId, CustomEvent
from retargeting.profiles.actions import erase
from retargeting.profiles.models import Profile

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_events_left():
    yield
    CustomEvent.objects.all().delete()


@pytest.fixture
def ana():
    return Profile.objects.create(external_id="ana")


def items(numbers):
    return [{"id": str(number), "profile": "ana", "event": "bought"} for number in numbers]


def at_once(*calls):
    results, threads = [], []

    def run(call):
        try:
            results.append(call())
        finally:
            connection.close()

    for call in calls:
        threads.append(threading.Thread(target=run, args=(call,)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert len(results) == len(calls), "a call failed"
    return results


def test_the_same_items_sent_by_several_at_once_are_stored_once(ana):
    orders = [range(500), range(499, -1, -1), [*range(250, 500), *range(250)], range(0, 500, 2)]
    results = at_once(*(lambda order=order: accept_events(actor=None, items=items(order)) for order in orders))
    assert sum(result.accepted for result in results) == 500
    assert sum(result.duplicates for result in results) == sum(map(len, orders)) - 500
    assert CustomEvent.objects.count() == AcceptedId.objects.count() == 500


def test_an_erasure_waits_for_events_on_their_way_and_takes_them_too(ana):
    with transaction.atomic():
        accept_events(actor=None, items=items(range(3)))
        eraser = threading.Thread(target=lambda: at_once(lambda: erase(actor=None, profile=ana)))
        eraser.start()
        wait_until_somebody_waits()
        assert eraser.is_alive()
    eraser.join()
    assert not Profile.objects.exists()
    assert not CustomEvent.objects.exists()


def test_events_that_come_during_an_erasure_find_nobody(ana):
    with transaction.atomic():
        erase(actor=None, profile=ana)
        results = []
        feeder = threading.Thread(
            target=lambda: results.extend(at_once(lambda: accept_events(actor=None, items=items([1]))))
        )
        feeder.start()
        wait_until_somebody_waits()
    feeder.join()
    assert [(result.accepted, len(result.errors)) for result in results] == [(0, 1)]
    assert not CustomEvent.objects.exists()


def wait_until_somebody_waits():
    for _ in range(500):
        with connection.cursor() as cursor:
            # In this database: the other tests that run now have theirs on the same server.
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_locks AS waiting JOIN pg_locks AS any_of_its USING (pid)"
                " JOIN pg_database ON pg_database.oid = any_of_its.database"
                " WHERE NOT waiting.granted AND datname = current_database())"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits for the lock")
