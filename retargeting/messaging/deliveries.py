"""Writing deliveries in bulk: the intents before a provider is called and the outcomes after it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from retargeting.channels.adapter import Outcome, OutgoingMessage, Result
from retargeting.conditions.nodes import Channel, Interaction
from retargeting.interactions.ingest import MessageEventRow, record_message_events
from retargeting.interactions.models import CHANNEL_CODES, EVENT_CODES
from retargeting.messaging.eligibility import Person
from retargeting.messaging.models import Chunk, DeliveryStatus, Dispatch
from retargeting.profiles.actions import suppress
from retargeting.profiles.models import SuppressionReason

MOST_ATTEMPTS = 6
FIRST_RETRY = 30  # seconds; each further attempt waits twice as long

# A delivery that was gathered in this chunk to be tried again is taken up; any other one keeps its person out.
WRITE = """
    INSERT INTO messaging_delivery AS delivery (
        dispatch_id, chunk_id, claim, status, attempt, provider_id, created_at, updated_at,
        profile_id, address, reason, detail
    )
    SELECT %s, %s, %s, %s, 1, '', %s, %s, item.*
    FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[]) AS item
    ON CONFLICT (dispatch_id, profile_id) DO UPDATE SET
        claim = EXCLUDED.claim, status = EXCLUDED.status, attempt = delivery.attempt + 1, retry_at = NULL,
        address = EXCLUDED.address, reason = EXCLUDED.reason, detail = EXCLUDED.detail,
        updated_at = EXCLUDED.updated_at
    WHERE delivery.status = 'retry' AND delivery.chunk_id = EXCLUDED.chunk_id AND delivery.retry_at IS NULL
    RETURNING profile_id, id
"""
# Nobody would try it again for a dispatch that is over: a worker that was slow hears of that here.
SETTLE = """
    UPDATE messaging_delivery AS delivery SET
        status = CASE
            WHEN item.status = 'retry' AND (attempt >= %s OR dispatch.status IN ('completed', 'canceled'))
            THEN 'failed'
            ELSE item.status
        END,
        reason = item.reason, detail = item.detail, provider_id = item.provider_id, updated_at = %s,
        retry_at = CASE WHEN item.status = 'retry' THEN %s + %s * interval '1 second' * power(2, attempt - 1) END
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[])
        AS item (id, status, reason, detail, provider_id), messaging_dispatch AS dispatch
    WHERE delivery.id = item.id AND dispatch.id = delivery.dispatch_id AND delivery.status IN ('sending', 'uncertain')
    RETURNING profile_id, delivery.status
"""
STATUS_AFTER = {
    Result.ACCEPTED: DeliveryStatus.SENT,
    Result.RETRY: DeliveryStatus.RETRY,
    Result.PERMANENT: DeliveryStatus.FAILED,
    Result.UNKNOWN: DeliveryStatus.UNCERTAIN,
}


def write_deliveries(chunk: Chunk, status: DeliveryStatus, items: Sequence[tuple[Person, str, str]]) -> dict[int, int]:
    """Write one delivery for each (person, reason, detail); returns profile id → delivery id of those written.

    Whoever has one already is missing in the answer and must not be written to.
    """
    if not items:
        return {}
    now = timezone.now()
    columns = (
        [person.profile_id for person, _, _ in items],
        [person.address for person, _, _ in items],
        [str(reason) for _, reason, _ in items],
        [detail[:2000] for _, _, detail in items],
    )
    with connection.cursor() as cursor:
        cursor.execute(WRITE, [chunk.dispatch_id, chunk.pk, chunk.claim, str(status), now, now, *columns])
        return dict(cursor.fetchall())


@transaction.atomic
def write_outcomes(dispatch: Dispatch, messages: Sequence[OutgoingMessage], outcomes: Sequence[Outcome]) -> None:
    """Settle what was `sending`, or has become `uncertain` meanwhile, and record what happened as events."""
    now = timezone.now()
    columns = (
        [message.delivery_id for message in messages],
        [str(STATUS_AFTER[outcome.result]) for outcome in outcomes],
        ["" if outcome.result is Result.ACCEPTED else _reason(outcome) for outcome in outcomes],
        [outcome.detail[:2000] for outcome in outcomes],
        [outcome.provider_id[:255] for outcome in outcomes],
    )
    with connection.cursor() as cursor:
        cursor.execute(SETTLE, [MOST_ATTEMPTS, now, now, FIRST_RETRY, *columns])
        settled = dict(cursor.fetchall())
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
    return [
        MessageEventRow(
            id=uuid.uuid4(),
            profile_id=profile_id,
            orchestration_id=dispatch.orchestration_id,
            step_id=dispatch.step_id,
            journey_id=None,
            channel=CHANNEL_CODES[Channel(dispatch.channel)],
            event=EVENT_CODES[event],
            machine=machine,
            occurred_at=at,
        )
        for profile_id in profile_ids
    ]
