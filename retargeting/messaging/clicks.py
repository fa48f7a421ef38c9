"""Clicks in mails. Each waits some seconds before it counts: by then it shows whether all links were followed at once.

What has been recorded is never changed, since it may be in the index and in somebody's audience. So a click is judged
before it is recorded, and then stands at the moment at which it was made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from retargeting.conditions.nodes import Interaction
from retargeting.interactions.ingest import MessageEventRow, record_message_events
from retargeting.messaging.actions import record_reaction
from retargeting.messaging.deliveries import event_rows
from retargeting.messaging.machines import bursts
from retargeting.messaging.models import Dispatch, HeldClick
from retargeting.messaging.tracking import Recipient
from retargeting.profiles.erasure import hold_off_erasure
from retargeting.profiles.models import Profile

MESSAGES_AT_ONCE = 2_000

# All clicks of a message whose oldest one has waited long enough.
TAKE = """
    DELETE FROM messaging_heldclick AS held
    USING (
        SELECT DISTINCT dispatch_id, profile_id FROM messaging_heldclick WHERE clicked_at <= %s LIMIT %s
    ) AS ripe
    WHERE held.dispatch_id = ripe.dispatch_id AND held.profile_id = ripe.profile_id
    RETURNING held.dispatch_id, held.profile_id, held.clicked_at, held.url
"""


class Click(NamedTuple):
    dispatch_id: int
    profile_id: int
    at: datetime
    url: str


def record_click(*, recipient: Recipient, url: str, machine: bool) -> None:
    """Record what is known to be a machine's; hold what may be a person's."""
    if machine or not settings.MACHINE_SECONDS:
        record_reaction(recipient=recipient, event=Interaction.CLICKED, machine=machine)
    elif Dispatch.objects.filter(pk=recipient.dispatch_id).exists():
        HeldClick.objects.create(dispatch_id=recipient.dispatch_id, profile_id=recipient.profile_id, url=url)


@transaction.atomic
def judge_held() -> int:
    """Record the clicks that have waited long enough, as a person's or a machine's; returns how many.

    They are taken and recorded in one transaction. What belongs to somebody who was erased meanwhile goes.
    """
    hold_off_erasure()
    before = timezone.now() - timedelta(seconds=settings.MACHINE_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [before, MESSAGES_AT_ONCE])
        taken = [Click(*row) for row in cursor.fetchall()]
    if not taken:
        return 0
    live = set(Profile.objects.filter(pk__in={click.profile_id for click in taken}).values_list("pk", flat=True))
    dispatches = Dispatch.objects.in_bulk({click.dispatch_id for click in taken})
    messages: dict[tuple[int, int], list[Click]] = defaultdict(list)
    for click in taken:
        if click.profile_id in live and click.dispatch_id in dispatches:
            messages[click[:2]].append(click)
    return record_message_events(
        row for (dispatch, _), clicks in messages.items() for row in _judged(dispatches[dispatch], clicks)
    )


def _judged(dispatch: Dispatch, clicks: Sequence[Click]) -> list[MessageEventRow]:
    fast = bursts((click.at, click.url) for click in clicks)
    return [
        row
        for click in clicks
        for row in event_rows(
            dispatch,
            Interaction.CLICKED,
            [click.profile_id],
            at=click.at,
            machine=any(start <= click.at <= end for start, end in fast),
        )
    ]
