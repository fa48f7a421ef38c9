"""Sending a chunk of a dispatch: nobody gets it twice, nobody is lost.

1. A worker claims the chunk by compare-and-set. The claim is a lease that it renews before every batch.
2. Whatever an earlier claim on the chunk left in `sending` becomes `uncertain`: it may have gone out or not.
3. Those of the chunk who have no delivery yet, or one to be tried again, are taken batch by batch, a batch being what
   the provider takes at once.
4. The people are looked up as they are now; those who cannot be written to are skips with a reason. The messages of
   the others are filled in.
5. The intent is written: one `sending` delivery each, in a transaction that holds the dispatch in its state, so that
   nothing starts after a pause has been confirmed. The unique key drops whoever has got a delivery meanwhile.
6. The provider is called, outside any transaction.
7. The outcome is written, together with the `sent` events.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from pyroaring import BitMap

from retargeting.bitmaps import unpack
from retargeting.channels.adapter import OutgoingMessage, Provider
from retargeting.channels.registry import provider_for
from retargeting.conditions.nodes import Interaction
from retargeting.interactions.ingest import record_message_events
from retargeting.messaging.deliveries import event_rows, write_deliveries, write_outcomes
from retargeting.messaging.dispatches import finish_if_done, status_held
from retargeting.messaging.eligibility import Intent, Person, recipients
from retargeting.messaging.liquid import TemplateError
from retargeting.messaging.models import (
    Chunk,
    ChunkStatus,
    Delivery,
    DeliveryStatus,
    Dispatch,
    DispatchStatus,
    SkipReason,
)
from retargeting.messaging.rendering import Rendered, render, values_for
from retargeting.messaging.tracking import Recipient
from retargeting.profiles.erasure import hold_off_erasure
from retargeting.profiles.models import Profile

logger = logging.getLogger(__name__)


class Interrupted(Exception):
    """The dispatch is no longer sending, or the lease went to somebody else: stop without a further message."""


@dataclass(frozen=True, slots=True)
class Skip:
    person: Person
    reason: SkipReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Ready:
    person: Person
    message: Rendered


def send_chunk(*, chunk_id: int) -> bool:
    """Send one chunk; True if this call finished it. Any number of workers may be asked to: one of them does."""
    chunk = Chunk.objects.select_related("dispatch__orchestration").filter(pk=chunk_id).first()
    if chunk is None:
        return False
    provider = provider_for(chunk.dispatch.channel)
    if not provider.config.enabled or not _claim(chunk):
        return False
    _give_up_on_earlier_claims(chunk)
    try:
        for batch in _batches(_remaining(chunk), provider.batch_size):
            _send_batch(chunk, provider, batch)
    except Interrupted:
        Chunk.objects.filter(pk=chunk.pk, claim=chunk.claim, status=ChunkStatus.CLAIMED).update(
            status=ChunkStatus.PENDING, claim=None, lease_until=None
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


def _remaining(chunk: Chunk) -> BitMap:
    """Who of the chunk is still to be written to: no delivery yet, or one gathered in it to be tried again."""
    everyone = unpack(chunk.profiles)
    deliveries = Delivery.objects.filter(dispatch=chunk.dispatch_id, profile_id__in=list(everyone))
    settled = deliveries.exclude(status=DeliveryStatus.RETRY, chunk=chunk, retry_at=None)
    return everyone - BitMap(settled.values_list("profile_id", flat=True))


def _batches(ids: BitMap, size: int) -> Iterator[list[int]]:
    rest = iter(ids)
    while batch := list(islice(rest, size)):
        yield batch


def _send_batch(chunk: Chunk, provider: Provider, ids: Sequence[int]) -> None:
    dispatch = chunk.dispatch
    ready, skips = _prepare(dispatch, ids)
    messages = _write_intents(chunk, ready, skips)
    if messages:
        outcomes = provider.send(messages)
        write_outcomes(dispatch, messages, outcomes)


def _prepare(dispatch: Dispatch, ids: Sequence[int]) -> tuple[list[Ready], list[Skip]]:
    ready, skips = [], []
    expired = dispatch.deadline is not None and timezone.now() >= dispatch.deadline
    found = recipients(ids, Intent(dispatch.channel, dispatch.orchestration_id))
    for person in found:
        if person.skip is not None:
            skips.append(Skip(person, person.skip))
        elif expired:
            skips.append(Skip(person, SkipReason.EXPIRED))
        else:
            try:
                ready.append(Ready(person, _render(dispatch, person)))
            except TemplateError as error:
                skips.append(Skip(person, SkipReason.RENDER_ERROR, str(error)))
            except Exception as error:  # what we did not foresee of one message must not hold up a chunk for ever
                logger.exception("The message of %s could not be filled in.", dispatch)
                skips.append(Skip(person, SkipReason.RENDER_ERROR, f"{type(error).__name__}: {error}"))
    gone = set(ids) - {person.profile_id for person in found}
    skips.extend(Skip(_nobody(id), SkipReason.ERASED) for id in sorted(gone))
    return ready, skips


def _render(dispatch: Dispatch, person: Person) -> Rendered:
    values = values_for(person.attributes, person.external_id, person.language, dispatch.orchestration.name)
    return render(dispatch.channel, dispatch.content, values, Recipient(dispatch.pk, person.profile_id))


def _without_erased(ready: Sequence[Ready], skips: Sequence[Skip]) -> tuple[list[Ready], list[Skip]]:
    """Drop whoever was erased since they were looked up; nobody is from here to the end of the transaction."""
    hold_off_erasure()
    ids = [item.person.profile_id for item in ready] + [skip.person.profile_id for skip in skips]
    live = set(Profile.objects.filter(pk__in=ids).values_list("pk", flat=True))
    gone = [Skip(_nobody(id), SkipReason.ERASED) for id in ids if id not in live]
    return (
        [item for item in ready if item.person.profile_id in live],
        [skip for skip in skips if skip.person.profile_id in live] + gone,
    )


def _nobody(id: int) -> Person:
    return Person(id, "", "", {}, "", None)


def _write_intents(chunk: Chunk, ready: Sequence[Ready], skips: Sequence[Skip]) -> list[OutgoingMessage]:
    """Steps 1 and 5: renew the lease and write down what is about to happen; returns what may now be sent."""
    with transaction.atomic():
        if status_held(dispatch_id=chunk.dispatch_id) != DispatchStatus.SENDING:
            raise Interrupted
        held = Chunk.objects.filter(pk=chunk.pk, claim=chunk.claim, status=ChunkStatus.CLAIMED)
        if not held.update(lease_until=_lease()):
            raise Interrupted
        ready, skips = _without_erased(ready, skips)
        skipped = write_deliveries(
            chunk, DeliveryStatus.SKIPPED, [(skip.person, skip.reason, skip.detail) for skip in skips]
        )
        known = [skip.person.profile_id for skip in skips if skip.reason != SkipReason.ERASED]
        record_message_events(event_rows(chunk.dispatch, Interaction.SKIPPED, [id for id in known if id in skipped]))
        started = write_deliveries(chunk, DeliveryStatus.SENDING, [(item.person, "", "") for item in ready])
    return [
        OutgoingMessage(
            profile_id=item.person.profile_id,
            address=item.person.address,
            content=item.message.content,
            headers=item.message.headers,
            delivery_id=started[item.person.profile_id],
            orchestration_id=chunk.dispatch.orchestration_id,
        )
        for item in ready
        if item.person.profile_id in started
    ]
