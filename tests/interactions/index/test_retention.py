"""Rows of old months go, the answers stay; only within days without rows an edge is taken from midnight."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction

from retargeting.conditions.nodes import Interaction
from retargeting.interactions.index import state
from retargeting.interactions.index.checking import differences
from retargeting.interactions.index.closing import close
from retargeting.interactions.index.folding import fold_all
from retargeting.interactions.index.layout import moment_of
from retargeting.interactions.index.rebuilding import rebuild
from retargeting.interactions.index.retention import drop_old_rows
from retargeting.interactions.ingest import record_message_events
from retargeting.interactions.models import MessageEvent
from retargeting.interactions.reading import Selector, Window, snapshot
from tests.interactions.index.test_always_current import NOW, row

pytestmark = pytest.mark.django_db(transaction=True)
OLD = NOW - timedelta(days=100)


def count(window: Window) -> int:
    """How many of the people have an event in it."""
    with snapshot() as events:
        return len(events.people_with(Selector(Interaction.OPENED), window))


@pytest.fixture
def history():
    """One person an hour, for two days 100 days ago and two days up to now."""
    moments = [start - timedelta(hours=hours) for start in (NOW, OLD) for hours in range(48)]
    record_message_events([row(person, moment) for person, moment in enumerate(moments, start=1)])


def test_what_was_answered_before_is_answered_after(history):
    fold_all()
    midnight = OLD.replace(hour=0, minute=0)
    windows = [
        Window(),
        Window(start=NOW - timedelta(hours=5)),
        Window(midnight - timedelta(days=1), midnight),
        Window(end=midnight),
        Window(OLD + timedelta(days=20), NOW),
    ]
    before = [count(window) for window in windows]
    assert before[0] == 96
    assert drop_old_rows(NOW, 2) == ["interactions_messageevent_y2026m03"]
    assert MessageEvent.objects.count() == 48
    assert [count(window) for window in windows] == before
    assert list(differences()) == []
    assert sum(events for _, events in rebuild()) == 48
    assert [count(window) for window in windows] == before


def test_an_edge_within_a_day_without_rows_is_taken_from_midnight(history):
    fold_all()
    drop_old_rows(NOW, 2)
    midnight = OLD.replace(hour=0, minute=0)
    assert count(Window(start=OLD)) == count(Window(start=midnight)) == 48 + 14
    assert count(Window(end=OLD)) == count(Window(end=midnight)) == 34


def test_rows_that_are_still_to_be_folded_stay(history):
    assert drop_old_rows(NOW, 2) == []
    fold_all()
    record_message_events([row(500, OLD)])
    assert drop_old_rows(NOW, 2) == []
    assert count(Window()) == 97


def test_what_comes_late_for_a_month_without_rows_counts(history):
    fold_all()
    close(NOW)
    drop_old_rows(NOW, 2)
    record_message_events([row(500, OLD)])
    assert count(Window()) == 97
    fold_all()
    assert count(Window()) == 97
    assert drop_old_rows(NOW, 2) == ["interactions_messageevent_y2026m03"]
    assert count(Window()) == 97
    assert moment_of(state.read().kept.rows_from).month == 5


def test_the_commands_say_what_they_do(history, capsys):
    call_command("fold_events")
    call_command("check_index")
    call_command("rebuild_index")
    assert capsys.readouterr().out.splitlines() == [
        "96 events folded.",
        "The index holds what the rows say.",
        "2026-03: 48 events",
        "2026-07: 48 events",
    ]
    with pytest.raises(CommandError, match="2 months at least"):
        call_command("drop_event_rows", "1")


def beside(work: Callable[[threading.Event, threading.Event], None]) -> tuple[threading.Thread, threading.Event]:
    """Do `work` in a transaction of its own that goes on until the event is set; returns once it is in the middle."""
    inside, end = threading.Event(), threading.Event()

    def run() -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(connection.close)
            work(inside, end)

    thread = threading.Thread(target=run)
    thread.start()
    assert inside.wait(10)
    return thread, end


def test_what_is_being_written_to_an_old_month_does_not_go_with_it(history):
    fold_all()

    def write(inside: threading.Event, end: threading.Event) -> None:
        with transaction.atomic():
            record_message_events([row(500, OLD)])
            inside.set()
            end.wait(20)

    thread, end = beside(write)
    with pytest.raises(OperationalError, match="lock timeout"):
        drop_old_rows(NOW, 2)
    end.set()
    thread.join()
    assert drop_old_rows(NOW, 2) == []
    assert count(Window()) == 97


def test_nobody_loses_rows_while_reading(history):
    fold_all()
    found: list[int] = []

    def read(inside: threading.Event, end: threading.Event) -> None:
        with snapshot() as events:
            inside.set()
            end.wait(20)
            found.append(len(events.people_with(Selector(Interaction.OPENED), Window(start=OLD))))

    thread, end = beside(read)
    with pytest.raises(OperationalError, match="lock timeout"):
        drop_old_rows(NOW, 2)
    end.set()
    thread.join()
    assert found == [49]
