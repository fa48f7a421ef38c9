import threading
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import connection, transaction

from retargeting.interactions.ingest import (
    CustomEventRow,
    MessageEventRow,
    record_custom_events,
    record_message_events,
)
from retargeting.interactions.models import CustomEvent, MessageEvent


def message(occurred_at: datetime, **fields) -> MessageEventRow:
    row = MessageEventRow(uuid.uuid4(), 1, 2, 3, None, 1, 1, False, occurred_at)
    return row._replace(**fields)


@pytest.mark.django_db
def test_rows_come_back_as_they_were_recorded():
    moment = datetime(2026, 1, 31, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=-5)))
    row = message(moment, journey_id=2**40, machine=True)
    assert record_message_events([row]) == 1
    stored = MessageEvent.objects.get(id=row.id)
    assert stored.occurred_at == moment
    assert (stored.journey_id, stored.machine, stored.step_id) == (2**40, True, 3)


@pytest.mark.django_db
def test_a_month_that_only_begins_in_another_zone_lands_in_its_own_partition():
    record_message_events([message(datetime(2026, 2, 1, 0, 30, tzinfo=timezone(timedelta(hours=2))))])
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM interactions_messageevent")
        assert cursor.fetchall() == [("interactions_messageevent_y2026m01",)]


@pytest.mark.django_db
def test_december_ends_where_january_begins():
    record_message_events(
        [message(datetime(2025, 12, 31, 23, 59, tzinfo=UTC)), message(datetime(2026, 1, 1, tzinfo=UTC))]
    )
    assert MessageEvent.objects.count() == 2


@pytest.mark.django_db
def test_custom_events_keep_awkward_texts():
    name = "tab\there, backslash \\N and\nnewline\r"
    properties = {"a\\b": 'quote " and \\n', "list": [1.5, True, None, "\t"], "€": "🙂"}
    record_custom_events([CustomEventRow(uuid.uuid4(), 7, name, properties, datetime(2026, 3, 1, tzinfo=UTC))])
    stored = CustomEvent.objects.get()
    assert stored.name == name
    assert stored.properties == properties


@pytest.mark.django_db
def test_partitions_have_every_index_of_the_table():
    record_message_events([message(datetime(2026, 4, 1, tzinfo=UTC))])
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_indexes WHERE tablename = 'interactions_messageevent_y2026m04'")
        assert cursor.fetchone() == (6,)


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_partition_is_made_again():
    moment = datetime(2003, 5, 1, tzinfo=UTC)
    with transaction.atomic():
        record_message_events([message(moment)])
        transaction.set_rollback(True)
    assert not MessageEvent.objects.exists()
    record_message_events([message(moment)])
    assert MessageEvent.objects.count() == 1
    drop("interactions_messageevent_y2003m05")


@pytest.mark.django_db(transaction=True)
def test_many_writers_may_open_the_same_months_at_once():
    months = [datetime(2004, month, 1, tzinfo=UTC) for month in range(1, 7)]
    start = threading.Barrier(4)
    failures: list[Exception] = []

    def write(own: list[datetime]) -> None:
        try:
            start.wait()
            record_message_events([message(moment) for moment in own])
        except Exception as error:  # noqa: BLE001 - shown by the assertion below, in the thread that counts
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(months[n:] + months[:n],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert MessageEvent.objects.count() == 24
    drop(*(f"interactions_messageevent_y2004m{month:02}" for month in range(1, 7)))


def drop(*tables: str) -> None:
    """Rows in unmanaged tables outlive a test with transactions of its own: take them away."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE " + ", ".join(tables))
