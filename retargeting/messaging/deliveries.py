"""Writing deliveries in bulk: the intents before a provider is called and the outcomes after it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from pyroaring import BitMap

from retargeting.channels.adapter import Outcome, OutgoingMessage, Result
from retargeting.conditions.nodes import Channel, Interaction
from retargeting.interactions.ingest import MessageEventRow, record_message_events
from retargeting.interactions.models import CHANNEL_CODES, EVENT_CODES
from retargeting.messaging import caps
from retargeting.messaging.batches import Line
from retargeting.messaging.journeys import journeys_in, journeys_of
from retargeting.messaging.models import Chunk, DeliveryStatus, Dispatch
from retargeting.profiles.actions import suppress
from retargeting.profiles.models import SuppressionReason

MOST_ATTEMPTS = 6
LONGEST_RETRY = 24 * 3600

# A delivery that was gathered in this chunk to be taken up again is; any other one keeps its person out.
WRITE = """
    INSERT INTO messaging_delivery AS delivery (
        dispatch_id, chunk_id, claim, status, attempt, provider_id, created_at, updated_at,
        profile_id, address, reason, detail, retry_at, variant, provider, journey_id
    )
    SELECT %s, %s, %s, %s, 1, '', %s, %s, item.*
    FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[],
        %s::bigint[]) AS item
    ON CONFLICT (dispatch_id, profile_id) DO UPDATE SET
        claim = EXCLUDED.claim, status = EXCLUDED.status, retry_at = EXCLUDED.retry_at,
        attempt = delivery.attempt + (delivery.status = 'retry' AND EXCLUDED.status = 'sending')::int,
        address = EXCLUDED.address, reason = EXCLUDED.reason, detail = EXCLUDED.detail,
        variant = EXCLUDED.variant, provider = EXCLUDED.provider,
        updated_at = EXCLUDED.updated_at
    WHERE delivery.status IN ('retry', 'deferred') AND delivery.chunk_id = EXCLUDED.chunk_id
        AND delivery.retry_at IS NULL
    RETURNING profile_id, id
"""
NEXT_IDS = "SELECT nextval(pg_get_serial_sequence('messaging_delivery', 'id')) FROM generate_series(1, %s)"
COPY = """
    COPY messaging_delivery (
        id, dispatch_id, chunk_id, claim, status, attempt, provider_id, created_at, updated_at,
        profile_id, address, reason, detail, retry_at, variant, provider, journey_id
    ) FROM STDIN
"""
COPY_TYPES = [
    "int8", "int8", "int8", "uuid", "varchar", "int2", "varchar", "timestamptz", "timestamptz",
    "int4", "varchar", "varchar", "text", "timestamptz", "varchar", "varchar", "int8",
]  # fmt: skip
# Most batches: all of it was accepted.
SETTLE_SENT = """
    UPDATE messaging_delivery AS delivery
    SET status = 'sent', reason = '', provider_id = item.provider_id, detail = '', updated_at = %s
    FROM unnest(%s::bigint[], string_to_array(%s, E'\\n')) AS item (id, provider_id)
    WHERE delivery.id = item.id AND delivery.status IN ('sending', 'uncertain')
    RETURNING profile_id
"""
# What was not attempted, since the provider is left alone for a while, has not used up one of its attempts.
# Nobody would try it again for a dispatch that is over: a worker that was slow hears of that here.
SETTLE = """
    UPDATE messaging_delivery AS delivery SET
        status = CASE
            WHEN item.status = 'retry'
                AND (item.attempted AND attempt >= %s OR dispatch.status IN ('completed', 'canceled'))
            THEN 'failed'
            ELSE item.status
        END,
        attempt = attempt - (item.status = 'retry' AND NOT item.attempted)::int,
        reason = item.reason, detail = item.detail, provider_id = item.provider_id, updated_at = %s,
        retry_at = CASE WHEN item.status = 'retry'
            THEN %s + interval '1 second' * greatest(
                item.retry_after, CASE WHEN item.attempted THEN %s * power(2, attempt - 1) END
            ) END
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::float[], %s::bool[])
        AS item (id, status, reason, detail, provider_id, retry_after, attempted), messaging_dispatch AS dispatch
    WHERE delivery.id = item.id AND dispatch.id = delivery.dispatch_id AND delivery.status IN ('sending', 'uncertain')
    RETURNING profile_id, delivery.status
"""
STATUS_AFTER = {
    Result.ACCEPTED: DeliveryStatus.SENT,
    Result.RETRY: DeliveryStatus.RETRY,
    Result.PERMANENT: DeliveryStatus.FAILED,
    Result.UNKNOWN: DeliveryStatus.UNCERTAIN,
}


def write_deliveries(
    chunk: Chunk, status: DeliveryStatus, lines: Sequence[Line], *, fresh: bool = False
) -> dict[int, int]:
    """Write one delivery for each line; returns profile id → delivery id of those written.

    Whoever has one already is missing in the answer and must not be written to. `fresh` says that none of the chunk
    had one when it was claimed, and lets them be written by COPY.
    """
    if not lines:
        return {}
    journeys = journeys_in(chunk)
    if fresh:
        try:
            with transaction.atomic():
                return _copy(chunk, status, lines, journeys)
        except IntegrityError:  # somebody has a delivery after all: the statement below finds out who
            pass
    now = timezone.now()
    columns = (
        [line.profile_id for line in lines],
        [line.address for line in lines],
        [str(line.reason) for line in lines],
        [line.detail[:2000] for line in lines],
        [line.retry_at for line in lines],
        [line.variant for line in lines],
        [line.provider for line in lines],
        [journeys.get(line.profile_id) for line in lines],
    )
    with connection.cursor() as cursor:
        cursor.execute(WRITE, [chunk.dispatch_id, chunk.pk, chunk.claim, str(status), now, now, *columns])
        return dict(cursor.fetchall())


def _copy(chunk: Chunk, status: DeliveryStatus, lines: Sequence[Line], journeys: Mapping[int, int]) -> dict[int, int]:
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(NEXT_IDS, [len(lines)])
        ids = [id for (id,) in cursor.fetchall()]
        with (
            connection.wrap_database_errors,
            cursor.copy(COPY) as copy,
        ):  # COPY is psycopg's own, and so are its errors
            copy.set_types(COPY_TYPES)
            for id, line in zip(ids, lines, strict=True):
                copy.write_row(
                    (id, chunk.dispatch_id, chunk.pk, chunk.claim, status.value, 1, "", now, now,
                     line.profile_id, line.address, str(line.reason), line.detail[:2000], line.retry_at,
                     line.variant, line.provider, journeys.get(line.profile_id))
                )  # fmt: skip
    return {line.profile_id: id for id, line in zip(ids, lines, strict=True)}


@transaction.atomic
def write_outcomes(dispatch: Dispatch, messages: Sequence[OutgoingMessage], outcomes: Sequence[Outcome]) -> None:
    """Settle what was `sending`, or has become `uncertain` meanwhile, and record what happened as events."""
    now = timezone.now()
    if caps.in_force():
        caps.hold(BitMap(message.profile_id for message in messages), shared=True)
    settled = _settle(messages, outcomes, now)
    # Of what the provider keeps until the device asks for it, a receipt tells that it was sent.
    kept = {m.profile_id for m, outcome in zip(messages, outcomes, strict=True) if not outcome.handed_over}
    sent = [id for id, status in settled.items() if status == DeliveryStatus.SENT and id not in kept]
    rows = list(event_rows(dispatch, Interaction.SENT, sent, at=now))
    bounced = []
    for message, outcome in zip(messages, outcomes, strict=True):
        if outcome.suppress is not None and message.profile_id in settled:
            suppress(actor=None, channel=dispatch.channel, address=message.address, reason=outcome.suppress)
            if outcome.suppress == SuppressionReason.BOUNCED:
                bounced.append(message.profile_id)
    record_message_events([*rows, *event_rows(dispatch, Interaction.BOUNCED, bounced, at=now)])


def _settle(messages: Sequence[OutgoingMessage], outcomes: Sequence[Outcome], now: datetime) -> dict[int, str]:
    """Write down how it went; returns profile id → status of those who were still open."""
    ids = [message.delivery_id for message in messages]
    with connection.cursor() as cursor:
        if all(outcome.result is Result.ACCEPTED and not outcome.detail for outcome in outcomes):
            names = "\n".join(outcome.provider_id[:255].replace("\n", " ") for outcome in outcomes)
            cursor.execute(SETTLE_SENT, [now, ids, names])
            return {profile_id: DeliveryStatus.SENT for (profile_id,) in cursor.fetchall()}
        columns = (
            ids,
            [str(STATUS_AFTER[outcome.result]) for outcome in outcomes],
            ["" if outcome.result is Result.ACCEPTED else _reason(outcome) for outcome in outcomes],
            [outcome.detail[:2000] for outcome in outcomes],
            [outcome.provider_id[:255] for outcome in outcomes],
            [float(min(outcome.retry_after or 0, LONGEST_RETRY)) for outcome in outcomes],
            [outcome.attempted for outcome in outcomes],
        )
        cursor.execute(SETTLE, [MOST_ATTEMPTS, now, now, settings.FIRST_RETRY_SECONDS, *columns])
        return dict(cursor.fetchall())


def _reason(outcome: Outcome) -> str:
    return str(outcome.suppress) if outcome.suppress else str(outcome.result)


def event_rows(
    dispatch: Dispatch,
    event: Interaction,
    profile_ids: Iterable[int],
    *,
    at: datetime | None = None,
    machine: bool = False,
) -> list[MessageEventRow]:
    """One event of the message of `dispatch` for each person."""
    at = at or timezone.now()
    ids = list(profile_ids)
    journeys = journeys_of(dispatch, ids)
    rest = (CHANNEL_CODES[Channel(dispatch.channel)], EVENT_CODES[event], machine, at)
    return [
        MessageEventRow(_random_id(), id, dispatch.orchestration_id, dispatch.step_id, journeys.get(id), *rest)
        for id in ids
    ]


def _random_id() -> str:
    """What uuid4 gives, without an object that checks it."""
    text = os.urandom(16).hex()
    return f"{text[:12]}4{text[13:16]}a{text[17:]}"
