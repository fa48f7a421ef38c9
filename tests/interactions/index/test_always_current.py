"""What has been accepted counts in the next answer, whoever folds, and whoever is killed while folding."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from retargeting.conditions.nodes import Channel, Interaction
from retargeting.interactions.index import state
from retargeting.interactions.index.checking import differences
from retargeting.interactions.index.closing import close
from retargeting.interactions.index.folding import fold, fold_all
from retargeting.interactions.index.rebuilding import rebuild
from retargeting.interactions.ingest import (
    CustomEventRow,
    MessageEventRow,
    record_custom_events,
    record_message_events,
)
from retargeting.interactions.models import CHANNEL_CODES, EVENT_CODES, Arrival, Bucket
from retargeting.interactions.reading import PropertyTest, Selector, Window, snapshot
from tests.drills.processes import Process

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS, READERS, KILLS = 2, 2, 6
NOW = datetime(2026, 7, 9, 13, 30, tzinfo=UTC)


def row(profile: int, occurred_at: datetime) -> MessageEventRow:
    codes = CHANNEL_CODES[Channel.EMAIL], EVENT_CODES[Interaction.OPENED]
    return MessageEventRow(uuid.uuid4(), profile, 7, 7, None, *codes, False, occurred_at)


def people(low: int = 1, high: int | None = None) -> set[int]:
    with snapshot() as events:
        return set(events.people_with(Selector(Interaction.OPENED, orchestrations=(7,)), Window(), low=low, high=high))


def buyer(profile: int, occurred_at: datetime) -> CustomEventRow:
    return CustomEventRow(uuid.uuid4(), profile, "bought", {"number": profile % 5, "id": profile}, occurred_at)


def buyers(low: int = 1, high: int | None = None) -> set[int]:
    test = PropertyTest("number", "value >= '1'::jsonb", ())
    with snapshot() as events:
        return set(events.people_with_event("bought", Window(), where=[test], low=low, high=high))


def those_with_a_number(ids: Iterable[int]) -> set[int]:
    return {id for id in ids if id % 5}


class Writer(threading.Thread):
    """Gives person after person of its own three events of each kind, in one to three transactions.

    Some of them never commit.
    """

    def __init__(self, first: int, done: threading.Event) -> None:
        super().__init__()
        self.random = random.Random(first)
        self.first, self.done = first, done
        self.next = first
        self.complete = first
        """Everybody below has three committed events."""

    def run(self) -> None:
        while not self.done.is_set():
            profile = self.next
            self.next += 1
            for count in self.random.choice([[3], [1, 2], [1, 1, 1]]):
                if self.random.random() < 0.3:
                    self.write(profile, count, commit=False)
                self.write(profile, count, commit=True)
            self.complete = profile + 1
        connection.close()

    def write(self, profile: int, count: int, *, commit: bool) -> None:
        age = timedelta(seconds=self.random.choice([0, 10, 4_000, 90_000, 4_000_000]))
        with transaction.atomic():
            record_message_events([row(profile, NOW - age) for _ in range(count)])
            record_custom_events([buyer(profile, NOW - age) for _ in range(count)])
            time.sleep(self.random.choice([0, 0, 0.02]))  # so that transactions end in another order than they began
            if not commit:
                transaction.set_rollback(True)


class Reader(threading.Thread):
    """Asks again and again, and keeps what was wrong."""

    def __init__(self, writers: list[Writer], done: threading.Event) -> None:
        super().__init__()
        self.writers, self.done = writers, done
        self.answers = 0
        self.wrong: list[str] = []

    def run(self) -> None:
        while not self.done.is_set():
            before = {id for writer in self.writers for id in range(writer.first, writer.complete)}
            for name, ask, expected in (("opened", people, before), ("bought", buyers, those_with_a_number(before))):
                if missing := expected - ask(3, 3):
                    self.wrong.append(f"{len(missing)} had {name}, were accepted and not counted")
                if more := ask(4):
                    self.wrong.append(f"{len(more)} had {name} and were counted twice")
            self.answers += 1
        connection.close()


def wait_for_folds(after: int) -> None:
    deadline = time.monotonic() + 30
    while state.read().fold <= after:
        assert time.monotonic() < deadline, "nothing is folded"
        time.sleep(0.01)


@pytest.mark.drill
def test_writers_folders_and_readers_at_once_while_folders_are_killed():
    done = threading.Event()
    writers = [Writer(number * 1_000_000 + 1, done) for number in range(WRITERS)]
    readers = [Reader(writers, done) for _ in range(READERS)]
    folders = [Process("fold_events", "--follow", FOLD_PAUSE="0.01") for _ in range(2)]
    try:
        for thread in (*writers, *readers):
            thread.start()
        for kill in range(KILLS):
            wait_for_folds(after=state.read().fold + 2)
            time.sleep(random.Random(kill).random() / 10)
            folders[kill % 2].kill()
            folders[kill % 2].keep()
    finally:
        done.set()
        for thread in (*writers, *readers):
            thread.join()
        for folder in folders:
            folder.kill()
    assert [reader.wrong[:3] for reader in readers] == [[], []]
    assert min(reader.answers for reader in readers) > 10
    fold_all()
    assert not Arrival.objects.exists()
    everybody = {id for writer in writers for id in range(writer.first, writer.complete)}
    assert people(3, 3) == everybody
    assert buyers(3, 3) == those_with_a_number(everybody)
    assert list(differences()) == []


def test_a_fold_takes_nothing_of_a_transaction_that_goes_on():
    record_message_events([row(1, NOW)])
    begun, end = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            record_message_events([row(2, NOW)])
            begun.set()
            end.wait(10)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    begun.wait(10)
    record_message_events([row(3, NOW)])
    assert fold() == 1  # the slow one began before the third
    assert people() == {1, 3}
    end.set()
    thread.join()
    assert people() == {1, 2, 3}
    assert fold() == 2
    assert fold() == 0
    assert people() == {1, 2, 3}


def test_one_folds_at_a_time_and_readers_in_a_transaction_hold_it_off():
    record_message_events([row(1, NOW)])
    inside, end = threading.Event(), threading.Event()

    def read() -> None:
        with transaction.atomic():
            people()
            inside.set()
            end.wait(10)
        connection.close()

    thread = threading.Thread(target=read)
    thread.start()
    inside.wait(10)
    assert fold() == 0
    end.set()
    thread.join()
    assert fold() == 1


def test_what_is_wrong_with_the_index_is_found_and_made_good():
    record_message_events([row(id, NOW - timedelta(days=days)) for id in (1, 2, 3) for days in (0, 3, 50)])
    fold_all()
    close(NOW + timedelta(days=40))
    assert list(differences()) == []
    bucket = Bucket.objects.filter(length=24).order_by("hour").first()
    hour = bucket.hour
    bucket.delete()
    assert [(difference.key.hour, difference.people) for difference in differences()] == [(hour, 3)]
    assert sum(events for _, events in rebuild()) == 9
    assert list(differences()) == []
    assert people(3, 3) == {1, 2, 3}


def test_in_another_cluster_transactions_are_counted_on():
    record_message_events([row(1, NOW)])
    fold_all()
    record_message_events([row(2, NOW)])
    before = state.read().mark
    with connection.cursor() as cursor:
        cursor.execute("UPDATE interactions_indexstate SET cluster = 1, mark = mark + 1000000")
        cursor.execute("UPDATE interactions_arrival SET transaction = transaction + 1000000")
        cursor.execute("UPDATE interactions_messageevent SET transaction = transaction + 1000000")
    try:
        assert state.move_in()
        assert not state.move_in()
        record_message_events([row(3, NOW)])
        assert people() == {1, 2, 3}
        assert fold_all() == 2
        assert people() == {1, 2, 3}
        assert people(2) == set()
        assert state.read().mark > before + 1_000_000
        assert list(differences()) == []
    finally:
        with connection.cursor() as cursor:
            for table in state.TABLES:
                cursor.execute(f"ALTER TABLE {table} ALTER transaction SET DEFAULT pg_current_xact_id()::text::bigint")
