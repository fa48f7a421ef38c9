"""While a worker has an import in its hands, nobody else waits for it: not the clock, not a second worker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from retargeting.profiles import actions, tasks
from retargeting.profiles.models import ListImport
from retargeting.queue import backlog
from tests.profiles.uploads import new_list, people, started

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def in_other_hands(going: ListImport) -> Iterator[None]:
    """Another connection holds the row, as a worker does that puts many people on a list."""
    other = connections.create_connection("default")
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT FROM profiles_listimport WHERE id = %s FOR UPDATE", [going.pk])
        yield
        other.rollback()
    finally:
        other.close()


def test_neither_the_clock_nor_a_second_worker_waits_for_a_worker():
    people("ana")
    going = started(new_list(), "id\nana\n")
    ListImport.objects.update(touched_at=timezone.now() - timedelta(hours=1))
    waiting = backlog()
    began = time.monotonic()
    with in_other_hands(going):
        tasks.wake_forgotten_imports()
        tasks.run_import(going.pk)
    assert time.monotonic() - began < 2
    assert backlog() == waiting
    assert ListImport.objects.get().status == "running"
    tasks.wake_forgotten_imports()
    assert backlog() == waiting + 1


def test_who_cancels_too_late_is_told_so_instead_of_waiting(monkeypatch):
    people("ana")
    going = started(new_list(), "id\nana\n")
    monkeypatch.setattr(actions, "CANCEL_WAIT", "200ms")
    with in_other_hands(going), pytest.raises(actions.ImportMoved, match="being put on the list right now"):
        actions.cancel_import(actor=None, list_import=going)
    actions.cancel_import(actor=None, list_import=going)
    assert ListImport.objects.get().status == "canceled"
