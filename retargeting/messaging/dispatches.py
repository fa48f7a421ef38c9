"""The life of a dispatch: started with its people, paused, resumed, canceled, finished; the clock keeps it going."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone
from pyroaring import BitMap

from retargeting.bitmaps import pack
from retargeting.messaging.models import (
    Chunk,
    ChunkStatus,
    Delivery,
    DeliveryStatus,
    Dispatch,
    DispatchStatus,
)
from retargeting.queue import backlog, enqueue

SEND_TASK = "retargeting.messaging.tasks.send_chunk"
CHUNK_SIZE = 1000
FORGOTTEN_AFTER = timedelta(seconds=5)
MOST_WOKEN_AT_ONCE = 50
MOST_RETRIED_AT_ONCE = 10_000

Finished = Callable[[Dispatch], None]

_listeners: list[Finished] = []


def on_finished(listener: Finished) -> None:
    """Have `listener` called, in the same transaction, with each dispatch that is completed."""
    _listeners.append(listener)


@transaction.atomic
def start(*, dispatch: Dispatch, members: BitMap) -> bool:
    """Cut `members` into chunks and start sending; False if the dispatch is not (any more) being prepared."""
    if not Dispatch.STATES.transition(
        dispatch, DispatchStatus.SENDING, sources=[DispatchStatus.PREPARING], started_at=timezone.now()
    ):
        return False
    ids = list(members)
    chunks = Chunk.objects.bulk_create(
        Chunk(dispatch=dispatch, number=number, profiles=pack(BitMap(ids[first : first + CHUNK_SIZE])))
        for number, first in enumerate(range(0, len(ids), CHUNK_SIZE))
    )
    wake([chunk.pk for chunk in chunks])
    finish_if_done(dispatch_id=dispatch.pk)
    return True


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
    pending = Chunk.objects.filter(dispatch=dispatch, status=ChunkStatus.PENDING)
    wake(list(pending.values_list("pk", flat=True)))
    finish_if_done(dispatch_id=dispatch.pk)
    return True


@transaction.atomic
def cancel(*, dispatch: Dispatch) -> bool:
    """Stop for good. What was put off is not tried again, and says so."""
    now = timezone.now()
    if not Dispatch.STATES.transition(dispatch, DispatchStatus.CANCELED, finished_at=now):
        return False
    put_off = Delivery.objects.filter(dispatch=dispatch, status=DeliveryStatus.RETRY)
    put_off.update(status=DeliveryStatus.FAILED, retry_at=None, updated_at=now)
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
        or Delivery.objects.filter(dispatch=dispatch_id, status=DeliveryStatus.RETRY).exists()
    ):
        return False
    dispatch = Dispatch.objects.get(pk=dispatch_id)
    if not Dispatch.STATES.transition(dispatch, DispatchStatus.COMPLETED, finished_at=timezone.now()):
        return False
    for listener in _listeners:
        listener(dispatch)
    return True


def wake(chunk_ids: list[int]) -> None:
    """Ask the workers to send these chunks."""
    Chunk.objects.filter(pk__in=chunk_ids).update(woken_at=timezone.now())
    for chunk_id in chunk_ids:
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
            ):
                wake([chunk.pk])


def wake_forgotten() -> None:
    """The clock's duty: when the queue is empty but chunks are pending, their wake-ups were lost with a worker."""
    forgotten = Chunk.objects.filter(
        status=ChunkStatus.PENDING,
        dispatch__status=DispatchStatus.SENDING,
        woken_at__lt=timezone.now() - FORGOTTEN_AFTER,
    )
    if forgotten.exists() and backlog() == 0:
        wake(list(forgotten.values_list("pk", flat=True)[:MOST_WOKEN_AT_ONCE]))


def finish_forgotten() -> None:
    """The clock's duty: complete dispatches whose last worker died between its last chunk and saying so."""
    open_chunks = Chunk.objects.exclude(status=ChunkStatus.DONE).values("dispatch")
    for dispatch in Dispatch.objects.filter(status=DispatchStatus.SENDING).exclude(pk__in=open_chunks):
        finish_if_done(dispatch_id=dispatch.pk)


def retry_due() -> None:
    """The clock's duty: deliveries whose time to be tried again has come are gathered in a new chunk."""
    due = Delivery.objects.filter(
        status=DeliveryStatus.RETRY, retry_at__lte=timezone.now(), dispatch__status=DispatchStatus.SENDING
    )
    for dispatch_id in due.values_list("dispatch", flat=True).distinct().order_by():
        with transaction.atomic():
            _gather_retries(dispatch_id)


def _gather_retries(dispatch_id: int) -> None:
    due = Delivery.objects.filter(dispatch=dispatch_id, status=DeliveryStatus.RETRY, retry_at__lte=timezone.now())
    rows = dict(due.select_for_update(skip_locked=True).values_list("pk", "profile_id")[:MOST_RETRIED_AT_ONCE])
    if not rows:
        return
    last = Chunk.objects.filter(dispatch=dispatch_id).aggregate(last=Max("number"))["last"]
    number = 0 if last is None else last + 1
    chunk = Chunk.objects.create(dispatch_id=dispatch_id, number=number, profiles=pack(BitMap(rows.values())))
    # No retry_at while they wait for their chunk: they are not gathered twice.
    Delivery.objects.filter(pk__in=rows).update(chunk=chunk, retry_at=None)
    wake([chunk.pk])
