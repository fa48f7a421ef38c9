"""What people decide about deliveries that went wrong: try failed ones again, say what became of uncertain ones."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import connection, models, transaction
from django.utils import timezone

from retargeting.conditions.nodes import Interaction
from retargeting.interactions.ingest import record_message_events
from retargeting.messaging.deliveries import event_rows
from retargeting.messaging.models import Delivery, DeliveryStatus, Dispatch, DispatchStatus
from retargeting.profiles.erasure import hold_off_erasure
from retargeting.profiles.models import SuppressionReason


class Decision(models.TextChoices):
    """What an uncertain delivery was, or what is done about it."""

    RESEND = "resend", "Send it again"
    SENT = "sent", "Count it as sent"
    FAILED = "failed", "Count it as failed"


OPEN = [DispatchStatus.PREPARING, DispatchStatus.SENDING, DispatchStatus.PAUSED, DispatchStatus.COMPLETED]
FOR_GOOD = list(SuppressionReason.values)
"""Why a failed delivery is not tried again: the address is known to be no good."""


def uncertain(dispatches: Collection[int], ids: Collection[int] | None = None) -> models.QuerySet[Delivery]:
    found = Delivery.objects.filter(dispatch__in=list(dispatches), status=DeliveryStatus.UNCERTAIN)
    return found if ids is None else found.filter(pk__in=list(ids))


def failed(dispatches: Collection[int]) -> models.QuerySet[Delivery]:
    """Those that another try may help, of dispatches that were not canceled."""
    found = Delivery.objects.filter(dispatch__in=list(dispatches), status=DeliveryStatus.FAILED)
    return found.filter(dispatch__status__in=OPEN).exclude(reason__in=FOR_GOOD)


@transaction.atomic
def decide(*, dispatches: Collection[int], decision: Decision, ids: Collection[int] | None = None) -> int:
    """Settle uncertain deliveries, all or those of `ids`; returns how many were still uncertain.

    What counts as sent was sent when its provider was asked. A dispatch that was through goes on for what is resent;
    one that was canceled sends nothing, so that of these none is resent.
    """
    _hold(dispatches)
    found = uncertain(dispatches, ids)
    match decision:
        case Decision.RESEND:
            return _try_again(found.filter(dispatch__status__in=OPEN))
        case Decision.FAILED:
            return found.update(status=DeliveryStatus.FAILED, reason="uncertain", updated_at=timezone.now())
    hold_off_erasure()
    rows = list(found.select_for_update(of=("self",)).values_list("pk", "dispatch", "profile_id", "updated_at"))
    Delivery.objects.filter(pk__in=[row[0] for row in rows]).update(status=DeliveryStatus.SENT)
    _record_sent([row[1:] for row in rows])
    return len(rows)


@transaction.atomic
def retry_failed(*, dispatches: Collection[int]) -> int:
    """Try failed deliveries again, from their first attempt; returns how many."""
    _hold(dispatches)
    return _try_again(failed(dispatches))


def _hold(dispatches: Collection[int]) -> None:
    """Lock them first, as whoever completes or cancels them does."""
    list(Dispatch.objects.filter(pk__in=list(dispatches)).order_by("pk").select_for_update(no_key=True))


def _try_again(found: models.QuerySet[Delivery]) -> int:
    now = timezone.now()
    with_work = set(found.order_by().values_list("dispatch", flat=True).distinct())
    # The next attempt counts from one again.
    again = found.update(status=DeliveryStatus.RETRY, attempt=0, retry_at=now, updated_at=now)
    for dispatch in Dispatch.objects.filter(pk__in=with_work, status=DispatchStatus.COMPLETED):
        Dispatch.STATES.transition(
            dispatch, DispatchStatus.SENDING, sources=[DispatchStatus.COMPLETED], finished_at=None
        )
    return again


def _record_sent(rows: list[tuple[int, int, datetime]]) -> None:
    known = Dispatch.objects.in_bulk({dispatch for dispatch, _, _ in rows})
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM profiles_profile WHERE id = ANY(%s)", [[profile for _, profile, _ in rows]])
        live = {id for (id,) in cursor.fetchall()}
    events = [
        event
        for dispatch, profile, at in rows
        if profile in live
        for event in event_rows(known[dispatch], Interaction.SENT, [profile], at=at)
    ]
    record_message_events(events)
