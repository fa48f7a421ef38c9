"""Sending a chunk of a dispatch: nobody gets it twice, nobody is lost.

1. A worker claims the chunk by compare-and-set. The claim is a lease that it renews before every batch.
2. Whatever an earlier claim on the chunk left in `sending` becomes `uncertain`: it may have gone out or not.
3. Those of the chunk who have no delivery yet, or one to be taken up again, are taken batch by batch, a batch being
   what the provider takes at once.
4. The people are looked up as they are now; those who cannot be written to are skips with a reason, those who can be
   later are put off. The messages of the others are filled in.
5. The intent is written: one `sending` delivery each, in a transaction that holds the dispatch in its state, so that
   nothing starts after a pause has been confirmed. The unique key drops whoever has got a delivery meanwhile. Caps are
   asked again here, under their lock.
6. The provider is called, outside any transaction.
7. The outcome is written, together with the `sent` events. A worker that cannot, since the database is gone, keeps it
   until the database is back.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from pyroaring import BitMap

from retargeting.bitmaps import fetch_bitmap, unpack
from retargeting.channels.adapter import Outcome, OutgoingMessage, Provider
from retargeting.channels.registry import provider_for
from retargeting.conditions.nodes import Interaction
from retargeting.interactions.ingest import record_message_events
from retargeting.messaging import caps
from retargeting.messaging.batches import Batch, prepare
from retargeting.messaging.deliveries import event_rows, write_deliveries, write_outcomes
from retargeting.messaging.dispatches import finish_if_done, status_held
from retargeting.messaging.models import Chunk, ChunkStatus, Delivery, DeliveryStatus, DispatchStatus
from retargeting.messaging.stopwatch import timed
from retargeting.profiles.erasure import hold_off_erasure

logger = logging.getLogger(__name__)

LONGEST_OUTAGE = 300  # seconds that a worker keeps what a provider has said for a database that is away


class Interrupted(Exception):
    """The dispatch is no longer sending, or the lease went to somebody else: stop without a further message."""


def send_chunk(*, chunk_id: int) -> bool:
    """Send one chunk; True if this call finished it. Any number of workers may be asked to: one of them does."""
    chunk = Chunk.objects.select_related("dispatch__orchestration").filter(pk=chunk_id).first()
    if chunk is None:
        return False
    provider = provider_for(chunk.dispatch.channel)
    if not provider.config.enabled or not _claim(chunk):
        return False
    if chunk.dispatch.variants:
        # The winner may be younger than what was read before the claim; a chunk that waited for it is claimed later.
        chunk.dispatch.refresh_from_db(fields=["winner"])
    with timed("claim"):
        _give_up_on_earlier_claims(chunk)
        known, settled = _written(chunk)
    try:
        for ids in _batches(unpack(chunk.profiles) - settled, provider.batch_size):
            _send_batch(chunk, provider, ids, fresh=not known)
    except Interrupted:
        Chunk.objects.filter(pk=chunk.pk, claim=chunk.claim, status=ChunkStatus.CLAIMED).update(
            status=ChunkStatus.PENDING, claim=None, lease_until=None, woken_at=None
        )
        return False
    done = Chunk.STATES.transition(chunk, ChunkStatus.DONE, where={"claim": chunk.claim}, lease_until=None)
    if done:
        finish_if_done(dispatch_id=chunk.dispatch_id)
    return done


def _lease() -> datetime:
    return timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)


def _claim(chunk: Chunk) -> bool:
    return chunk.dispatch.status == DispatchStatus.SENDING and Chunk.STATES.transition(
        chunk, ChunkStatus.CLAIMED, sources=[ChunkStatus.PENDING], claim=uuid.uuid4(), lease_until=_lease()
    )


def _give_up_on_earlier_claims(chunk: Chunk) -> None:
    left = Delivery.objects.filter(chunk=chunk, status=DeliveryStatus.SENDING).exclude(claim=chunk.claim)
    left.update(
        status=DeliveryStatus.UNCERTAIN,
        detail="The worker stopped between asking the provider and its answer.",
        updated_at=timezone.now(),
    )


def _written(chunk: Chunk) -> tuple[BitMap, BitMap]:
    """Who of the chunk has a delivery, and who of them is not to be written to: it was not gathered in this chunk.

    Where none was written from this chunk, nobody is looked for: one written from another keeps its person out later.
    """
    if not chunk.deliveries.exists():
        return BitMap(), BitMap()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT profile_id, status IN ('retry', 'deferred') AND chunk_id = %s AND retry_at IS NULL
            FROM messaging_delivery WHERE dispatch_id = %s AND profile_id = ANY(%s)
            """,
            [chunk.pk, chunk.dispatch_id, list(unpack(chunk.profiles))],
        )
        rows = cursor.fetchall()
    return BitMap(id for id, _ in rows), BitMap(id for id, again in rows if not again)


def _batches(ids: BitMap, size: int) -> Iterator[list[int]]:
    rest = iter(ids)
    while batch := list(islice(rest, size)):
        yield batch


def _send_batch(chunk: Chunk, provider: Provider, ids: list[int], *, fresh: bool) -> None:
    batch = prepare(chunk, ids)
    messages = _write_intents(chunk, provider, batch, fresh=fresh)
    if messages:
        with timed("provider"):
            outcomes = provider.send(messages)
        with timed("record"):
            _record(chunk, messages, outcomes)


def _record(chunk: Chunk, messages: Sequence[OutgoingMessage], outcomes: Sequence[Outcome]) -> None:
    """Write the outcomes down, also when the database is away for a while: nobody else knows them."""
    give_up = time.monotonic() + LONGEST_OUTAGE
    while True:
        try:
            with connection.wrap_database_errors:  # COPY of the events raises psycopg's own errors
                write_outcomes(chunk.dispatch, messages, outcomes)
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block or time.monotonic() > give_up:
                raise
            logger.warning("The database is gone with %d outcomes to be written; trying again.", len(messages))
            connection.close()
            time.sleep(0.5)
        else:
            return


def _write_intents(chunk: Chunk, provider: Provider, batch: Batch, *, fresh: bool) -> list[OutgoingMessage]:
    """Steps 1 and 5: renew the lease and write down what is about to happen; returns what may now be sent."""
    with timed("claim"), transaction.atomic():
        if status_held(dispatch_id=chunk.dispatch_id) != DispatchStatus.SENDING:
            raise Interrupted
        held = Chunk.objects.filter(pk=chunk.pk, claim=chunk.claim, status=ChunkStatus.CLAIMED)
        if not held.update(lease_until=_lease()):
            raise Interrupted
        hold_off_erasure()
        batch.without_erased(fetch_bitmap("SELECT id FROM profiles_profile WHERE id = ANY(%s)", [batch.ids]))
        if caps.in_force():
            caps.hold(BitMap(batch.ready))
            batch.ask_contested()
        skipped = write_deliveries(chunk, DeliveryStatus.SKIPPED, batch.told_apart(batch.skips), fresh=fresh)
        record_message_events(event_rows(chunk.dispatch, Interaction.SKIPPED, batch.known(skipped)))
        write_deliveries(chunk, DeliveryStatus.DEFERRED, batch.told_apart(batch.put_off), fresh=fresh)
        started = write_deliveries(chunk, DeliveryStatus.SENDING, batch.intents(provider), fresh=fresh)
    return batch.messages(started)
