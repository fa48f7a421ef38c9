"""What the clock puts right after workers have died."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from retargeting import queue
from retargeting.messaging import dispatches
from retargeting.messaging.models import Chunk, ChunkStatus, Dispatch, DispatchStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def started(people, dispatch) -> Dispatch:
    dispatches.start(dispatch=dispatch, members=people(3))
    return dispatch


def lose_the_wake_up() -> None:
    OrmQ.objects.all().delete()
    Chunk.objects.update(woken_at=timezone.now() - timedelta(minutes=1))


def test_starting_asks_a_worker_for_each_chunk(started):
    assert queue.backlog() == started.chunks.count() == 1


def test_a_lost_wake_up_is_repeated_once_the_queue_is_empty(started):
    lose_the_wake_up()
    dispatches.wake_forgotten()
    assert queue.backlog() == 1
    dispatches.wake_forgotten()
    assert queue.backlog() == 1, "it was asked for just now"


def test_while_the_queue_has_work_nothing_is_asked_for_twice(started):
    Chunk.objects.update(woken_at=timezone.now() - timedelta(minutes=1))
    dispatches.wake_forgotten()
    assert queue.backlog() == 1


def test_a_paused_dispatch_is_left_alone(started):
    dispatches.pause(dispatch=started)
    lose_the_wake_up()
    dispatches.wake_forgotten()
    assert queue.backlog() == 0


def test_a_lease_that_runs_is_not_taken_away(started):
    Chunk.objects.update(status=ChunkStatus.CLAIMED, lease_until=timezone.now() + timedelta(seconds=5))
    dispatches.recover_expired_leases()
    assert Chunk.objects.get().status == ChunkStatus.CLAIMED


def test_a_dispatch_whose_last_worker_forgot_to_say_so_is_completed(started):
    Chunk.objects.update(status=ChunkStatus.DONE)
    dispatches.finish_forgotten()
    started.refresh_from_db()
    assert started.status == DispatchStatus.COMPLETED


@pytest.mark.parametrize("table", [Dispatch.STATES, Chunk.STATES])
def test_every_state_has_a_way_in_and_ends_are_final(table):
    first = next(iter(table.moves))
    assert all(table.sources(state) for state in table.moves if state != first)
    assert any(table.is_final(state) for state in table.moves)
