"""What the clock puts right after workers have died."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from retargeting import queue
from retargeting.channels.models import ChannelConfig
from retargeting.messaging import dispatches, tasks
from retargeting.messaging.models import Chunk, ChunkStatus, Dispatch, DispatchStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def started(people, dispatch) -> Dispatch:
    dispatches.start(dispatch=dispatch, members=people(3))
    return dispatch


def lose_the_wake_up(seconds: int = 6) -> None:
    OrmQ.objects.all().delete()
    Chunk.objects.update(woken_at=timezone.now() - timedelta(seconds=seconds))


def test_starting_asks_a_worker_for_each_chunk(started):
    assert queue.backlog() == started.chunks.count() == 1


def test_a_lost_wake_up_is_repeated_once_the_queue_is_empty(started):
    lose_the_wake_up()
    dispatches.wake_forgotten()
    assert queue.backlog() == 1
    dispatches.wake_forgotten()
    assert queue.backlog() == 1, "it was asked for just now"


def test_while_the_queue_has_work_a_wake_up_counts_as_lost_only_after_a_while(started):
    lose_the_wake_up()
    queue.enqueue("other.work")
    dispatches.wake_forgotten()
    assert queue.backlog() == 1
    Chunk.objects.update(woken_at=timezone.now() - timedelta(seconds=61))
    dispatches.wake_forgotten()
    assert queue.backlog() == 2


@pytest.fixture
def large(people, dispatch, monkeypatch) -> Dispatch:
    """Twenty chunks, of which six may be with workers at a time."""
    monkeypatch.setattr(dispatches, "chunk_size", lambda dispatch: 1)
    dispatches.start(dispatch=dispatch, members=people(20))
    assert dispatch.chunks.count() == 20
    return dispatch


def test_a_large_dispatch_leaves_room_in_the_queue_for_others(large):
    assert queue.backlog() == 6
    dispatches.wake(large.pk)
    assert queue.backlog() == 6
    first, second = large.chunks.all()[:2]
    tasks.send_chunk(first.pk)
    assert queue.backlog() == 7, "the seventh chunk was asked for"
    tasks.send_chunk(first.pk)
    assert queue.backlog() == 7, "nothing came of it, so nothing follows"
    tasks.send_chunk(second.pk)
    assert large.chunks.exclude(woken_at=None).count() == 8


def test_each_chunk_asks_for_the_next_until_all_are_sent(large):
    for _ in range(20):
        asked = large.chunks.filter(status=ChunkStatus.PENDING).exclude(woken_at=None)
        tasks.send_chunk(asked.earliest("number").pk)
    large.refresh_from_db()
    assert large.status == DispatchStatus.COMPLETED


def test_after_a_pause_the_chunks_are_asked_for_at_once(large):
    dispatches.pause(dispatch=large)
    for chunk in large.chunks.all()[:6]:
        tasks.send_chunk(chunk.pk)
    OrmQ.objects.all().delete()
    dispatches.resume(dispatch=large)
    assert queue.backlog() == 6


def test_while_its_channel_is_off_nothing_is_asked_for(started):
    lose_the_wake_up()
    config = ChannelConfig.objects.update_or_create(channel="email", defaults={"enabled": False})[0]
    dispatches.wake_forgotten()
    assert queue.backlog() == 0
    config.enabled = True
    config.save()
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
