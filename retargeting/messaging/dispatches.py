"""The life of a dispatch: started with its people, paused, resumed, canceled, finished; the clock keeps it going."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone
from pyroaring import BitMap

from retargeting.bitmaps import Ids, bitmap_of_ids, pack, unpack
from retargeting.channels.registry import config_of, provider_for
from retargeting.conditions.nodes import Channel, Interaction
from retargeting.interactions.ingest import record_message_events
from retargeting.messaging import variants, withheld
from retargeting.messaging.deliveries import event_rows
from retargeting.messaging.eligibility import Intent
from retargeting.messaging.models import (
    Chunk,
    ChunkStatus,
    Delivery,
    DeliveryStatus,
    Dispatch,
    DispatchStatus,
    SkipReason,
)
from retargeting.queue import backlog, enqueue

_ADDING_LOCK = 0x7265_0004  # the class of the advisory locks, beside those of other purposes
SEND_TASK = "retargeting.messaging.tasks.send_chunk"
CHUNK_SIZE = 1000
PACED_SECONDS = 5
"""A chunk of a paced dispatch is what may go out in so many seconds, but at least one message."""
LATE = timedelta(seconds=10)
"""How far a paced dispatch catches up when the clock was late; what it missed before is not sent in one go."""
FORGOTTEN_AFTER = timedelta(seconds=5)
WAITS_AT_MOST = timedelta(minutes=1)
"""So long a wake-up may wait in a queue that has work, until it counts as lost."""
AT_ONCE_PER_WORKER = 3
"""Chunks of one dispatch that are with workers or in the queue: enough to keep all of them busy, and so few that what
another dispatch has to send does not wait behind all of this one."""
MOST_RELEASED_AT_ONCE = 50
MOST_RETRIED_AT_ONCE = 10_000

TO_COME = [DeliveryStatus.RETRY, DeliveryStatus.DEFERRED]
"""Deliveries that are taken up again when their time has come."""

Finished = Callable[[Dispatch], None]

_listeners: list[Finished] = []


def on_finished(listener: Finished) -> None:
    """Have `listener` called, in the same transaction, with each dispatch that is completed."""
    _listeners.append(listener)


@dataclass(frozen=True, slots=True)
class Portion:
    """Some of a dispatch's people, with a time or a deadline of their own. Without a time they await the winner."""

    people: BitMap
    due_at: datetime | None
    deadline: datetime | None = None


@transaction.atomic
def start(*, dispatch: Dispatch, members: BitMap, portions: Sequence[Portion] = ()) -> bool:
    """Cut `members` into chunks and start sending; False if the dispatch is not (any more) being prepared.

    Those who are in none of the `portions` are written to at once. Of a dispatch that tries its variants out, those
    who get the winner are in chunks without a time until there is one.
    """
    now = timezone.now()
    sharing = withheld.duplicates(members, Intent(dispatch.channel, dispatch.orchestration_id))
    if not Dispatch.STATES.transition(
        dispatch,
        DispatchStatus.SENDING,
        sources=[DispatchStatus.PREPARING],
        started_at=now,
        duplicates=pack(sharing) if sharing else None,
    ):
        return False
    others = members - BitMap().union(*(portion.people for portion in portions))
    for portion in [Portion(others, now), *portions]:
        first = variants.testers(dispatch, portion.people)
        _cut(dispatch, Portion(first, portion.due_at, portion.deadline))
        _cut(dispatch, Portion(portion.people - first, None, portion.deadline))
    finish_if_done(dispatch_id=dispatch.pk)
    return True


def begin_open(*, open_until: datetime, **values: Any) -> Dispatch:
    """A dispatch to which people are added until then, as they come by a step of an automation."""
    now = timezone.now()
    return Dispatch.objects.create(status=DispatchStatus.SENDING, started_at=now, open_until=open_until, **values)


def add(*, dispatch: Dispatch, profiles: Ids, journeys: npt.NDArray[np.int64]) -> None:
    """Have these people written to, each on their journey; needs a transaction. Nobody may be added twice.

    Whoever adds to the same dispatch meanwhile waits, since chunks are numbered.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_ADDING_LOCK, dispatch.pk])
    last = Chunk.objects.filter(dispatch=dispatch).aggregate(last=Max("number"))["last"]
    order, size = np.argsort(profiles), chunk_size(dispatch)
    Chunk.objects.bulk_create(
        Chunk(
            dispatch=dispatch,
            number=number,
            profiles=pack(bitmap_of_ids(profiles[order[first : first + size]])),
            journeys=journeys[order[first : first + size]].astype("<i8").tobytes(),
            due_at=timezone.now(),
        )
        for number, first in enumerate(range(0, len(order), size), start=0 if last is None else last + 1)
    )
    wake(dispatch.pk)


def _cut(dispatch: Dispatch, portion: Portion) -> list[Chunk]:
    """New chunks of people. What is not due yet, or paced, waits to be released."""
    due_at = portion.due_at
    last = Chunk.objects.filter(dispatch=dispatch).aggregate(last=Max("number"))["last"]
    waits = dispatch.pace is not None or due_at is None or due_at > timezone.now()
    ids, size = list(portion.people), chunk_size(dispatch)
    chunks = Chunk.objects.bulk_create(
        Chunk(
            dispatch=dispatch,
            number=number,
            profiles=pack(BitMap(ids[first : first + size])),
            status=ChunkStatus.WAITING if waits else ChunkStatus.PENDING,
            due_at=due_at,
            deadline=portion.deadline,
        )
        for number, first in enumerate(range(0, len(ids), size), start=0 if last is None else last + 1)
    )
    if not waits:
        wake(dispatch.pk)
    return chunks


def chunk_size(dispatch: Dispatch) -> int:
    if dispatch.pace is not None:
        return max(1, min(CHUNK_SIZE, dispatch.pace * PACED_SECONDS // 60))
    return max(CHUNK_SIZE, provider_for(dispatch.channel).batch_size)


def release_due() -> None:
    """The clock's duty: chunks whose time has come go to the workers, as fast as their dispatch may."""
    now = timezone.now()
    waiting = Chunk.objects.filter(
        status=ChunkStatus.WAITING, due_at__lte=now, dispatch__status=DispatchStatus.SENDING
    )
    paced = Q(dispatch__next_release_at=None) | Q(dispatch__next_release_at__lte=now)
    for dispatch in Dispatch.objects.filter(pk__in=waiting.filter(paced).values("dispatch")):
        chunks = waiting.filter(dispatch=dispatch).order_by("due_at", "number")
        with transaction.atomic():
            _release(dispatch, chunks, now)


def _release(dispatch: Dispatch, chunks: QuerySet[Chunk], now: datetime) -> None:
    allowed: Iterable[Chunk] = chunks
    over = dispatch.deadline is not None and dispatch.deadline <= now  # what is skipped needs no pace
    if dispatch.pace is not None and not over:
        allowed = _in_pace(dispatch, chunks, now)
    if [chunk for chunk in allowed if Chunk.STATES.transition(chunk, ChunkStatus.PENDING)]:
        wake(dispatch.pk)


def _in_pace(dispatch: Dispatch, chunks: QuerySet[Chunk], now: datetime) -> list[Chunk]:
    """As many of `chunks` as the pace allows by now; each pushes the moment of the next one out by its share."""
    assert dispatch.pace is not None
    following = max(dispatch.next_release_at or now, now - LATE)
    found = []
    for chunk in chunks[:MOST_RELEASED_AT_ONCE]:
        if following > now:
            break
        found.append(chunk)
        following += timedelta(minutes=len(unpack(chunk.profiles)) / dispatch.pace)
    Dispatch.objects.filter(pk=dispatch.pk).update(next_release_at=following)
    return found


@transaction.atomic
def choose_winner(*, dispatch: Dispatch, key: str) -> bool:
    """Have those who wait get this variant; False if a winner was chosen before, or the dispatch is not under way.

    While it is paused they get their time all the same, and go out when it is resumed.
    """
    now, under_way = timezone.now(), [DispatchStatus.SENDING, DispatchStatus.PAUSED]
    open_ones = Dispatch.objects.filter(pk=dispatch.pk, winner="", status__in=under_way)
    if not open_ones.exclude(started_at=None).update(winner=key, winner_at=now):
        return False
    dispatch.winner, dispatch.winner_at = key, now
    awaiting_winner().filter(dispatch=dispatch).update(due_at=now)
    return True


def awaiting_winner() -> QuerySet[Chunk]:
    return Chunk.objects.filter(status=ChunkStatus.WAITING, due_at=None)


def number_awaiting_winner(dispatch: Dispatch) -> int:
    if not dispatch.variants:
        return 0
    waiting = awaiting_winner().filter(dispatch=dispatch).values_list("profiles", flat=True)
    return sum(len(unpack(profiles)) for profiles in waiting)


def is_trying(dispatch: Dispatch) -> bool:
    """Whether some who try the variants have not been dealt with yet; put off or to be retried does not count."""
    others = Chunk.objects.filter(dispatch=dispatch).exclude(status=ChunkStatus.DONE)
    return others.exclude(status=ChunkStatus.WAITING, due_at=None).exists()


def give_up_waiting() -> None:
    """The clock's duty: who waited for a winner beyond the deadline goes on without one, to be skipped as too late."""
    now = timezone.now()
    late = awaiting_winner().filter(Q(deadline__lte=now) | Q(deadline=None, dispatch__deadline__lte=now))
    late.update(due_at=now)


@transaction.atomic
def pause(*, dispatch: Dispatch) -> bool:
    """Stop after the batches that are with a provider right now."""
    return Dispatch.STATES.transition(dispatch, DispatchStatus.PAUSED)


@transaction.atomic
def resume(*, dispatch: Dispatch) -> bool:
    """Go on sending; a dispatch that was paused before it had its people goes back to being prepared."""
    if dispatch.started_at is None:
        return Dispatch.STATES.transition(dispatch, DispatchStatus.PREPARING)
    if not Dispatch.STATES.transition(dispatch, DispatchStatus.SENDING, sources=[DispatchStatus.PAUSED]):
        return False
    # Those that were asked for came to nothing while it was paused.
    Chunk.objects.filter(dispatch=dispatch, status=ChunkStatus.PENDING).update(woken_at=None)
    wake(dispatch.pk)
    finish_if_done(dispatch_id=dispatch.pk)
    return True


@transaction.atomic
def cancel(*, dispatch: Dispatch) -> bool:
    """Stop for good. What was put off is not tried again, and says so."""
    now = timezone.now()
    if not Dispatch.STATES.transition(dispatch, DispatchStatus.CANCELED, finished_at=now):
        return False
    left = Delivery.objects.filter(dispatch=dispatch)
    left.filter(status=DeliveryStatus.RETRY).update(status=DeliveryStatus.FAILED, retry_at=None, updated_at=now)
    put_off = left.filter(status=DeliveryStatus.DEFERRED)
    ids = list(put_off.values_list("profile_id", flat=True))
    put_off.update(status=DeliveryStatus.SKIPPED, reason=SkipReason.CANCELED, retry_at=None, updated_at=now)
    record_message_events(event_rows(dispatch, Interaction.SKIPPED, ids, at=now))
    return True


def status_held(*, dispatch_id: int) -> str | None:
    """The status, kept as it is until the transaction around ends: whoever wants to change it waits for us.

    Many senders hold it at once, so this is a shared lock, which Django has no word for.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT status FROM messaging_dispatch WHERE id = %s FOR SHARE", [dispatch_id])
        row = cursor.fetchone()
    return row[0] if row else None


@transaction.atomic
def finish_if_done(*, dispatch_id: int) -> bool:
    """Complete the dispatch when nothing of it is left to be done; of several callers at once one does it."""
    if (
        Chunk.objects.filter(dispatch=dispatch_id).exclude(status=ChunkStatus.DONE).exists()
        or Delivery.objects.filter(dispatch=dispatch_id, status__in=TO_COME).exists()
    ):
        return False
    dispatch = Dispatch.objects.get(pk=dispatch_id)
    if dispatch.open_until is not None and dispatch.open_until > timezone.now():
        return False
    if not Dispatch.STATES.transition(dispatch, DispatchStatus.COMPLETED, finished_at=timezone.now()):
        return False
    for listener in _listeners:
        listener(dispatch)
    return True


@transaction.atomic
def wake(dispatch_id: int, *, patience: timedelta = WAITS_AT_MOST) -> None:
    """Ask the workers for the next chunks of the dispatch; whoever has finished one asks again.

    A chunk that nobody has claimed for so long as `patience` after it was asked for counts as forgotten.
    """
    now = timezone.now()
    asleep = Q(status=ChunkStatus.PENDING) & (Q(woken_at=None) | Q(woken_at__lt=now - patience))
    chunks = Chunk.objects.filter(dispatch=dispatch_id, dispatch__status=DispatchStatus.SENDING)
    at_once = chunks.filter(status__in=[ChunkStatus.PENDING, ChunkStatus.CLAIMED]).exclude(asleep).count()
    room = max(0, AT_ONCE_PER_WORKER * settings.WORKERS - at_once)
    following = chunks.filter(asleep).order_by("number").select_for_update(of=("self",), skip_locked=True)
    ids = list(following.values_list("pk", flat=True)[:room])
    Chunk.objects.filter(pk__in=ids).update(woken_at=now)
    for chunk_id in ids:
        enqueue(SEND_TASK, chunk_id)


def recover_expired_leases() -> None:
    """The clock's duty: chunks whose worker has been silent for a lease go back to be claimed by another one."""
    now = timezone.now()
    for chunk in Chunk.objects.filter(status=ChunkStatus.CLAIMED, lease_until__lt=now):
        with transaction.atomic():
            if Chunk.STATES.transition(
                chunk,
                ChunkStatus.PENDING,
                where={"lease_until__lt": now, "claim": chunk.claim},
                claim=None,
                lease_until=None,
                woken_at=None,
            ):
                wake(chunk.dispatch_id)


def wake_forgotten() -> None:
    """The clock's duty: chunks whose wake-up was lost with a worker, or found the channel off, are asked for again."""
    patience = WAITS_AT_MOST if backlog() else FORGOTTEN_AFTER
    on = [channel for channel in Channel if config_of(channel).enabled]
    pending = Chunk.objects.filter(
        status=ChunkStatus.PENDING, dispatch__status=DispatchStatus.SENDING, dispatch__channel__in=on
    )
    for dispatch_id in pending.order_by().values_list("dispatch", flat=True).distinct():
        wake(dispatch_id, patience=patience)


def finish_forgotten() -> None:
    """The clock's duty: complete dispatches whose last worker died between its last chunk and saying so, and those to
    which nobody is added any more."""
    open_chunks = Chunk.objects.exclude(status=ChunkStatus.DONE).values("dispatch")
    closed = Q(open_until=None) | Q(open_until__lte=timezone.now())
    for dispatch in Dispatch.objects.filter(closed, status=DispatchStatus.SENDING).exclude(pk__in=open_chunks):
        finish_if_done(dispatch_id=dispatch.pk)


def retry_due() -> None:
    """The clock's duty: deliveries whose time to be taken up again has come are gathered in a new chunk."""
    due = Delivery.objects.filter(
        status__in=TO_COME, retry_at__lte=timezone.now(), dispatch__status=DispatchStatus.SENDING
    )
    for dispatch_id in due.values_list("dispatch", flat=True).distinct().order_by():
        with transaction.atomic():
            _gather_retries(dispatch_id)


def _gather_retries(dispatch_id: int) -> None:
    due = Delivery.objects.filter(dispatch=dispatch_id, status__in=TO_COME, retry_at__lte=timezone.now())
    rows = dict(due.select_for_update(skip_locked=True).values_list("profile_id", "pk")[:MOST_RETRIED_AT_ONCE])
    dispatch = Dispatch.objects.get(pk=dispatch_id)
    for chunk in _cut(dispatch, Portion(BitMap(rows), timezone.now())):
        # No retry_at while they wait for their chunk: they are not gathered twice.
        ids = [rows[profile_id] for profile_id in unpack(chunk.profiles)]
        Delivery.objects.filter(pk__in=ids).update(chunk=chunk, retry_at=None)
