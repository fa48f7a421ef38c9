"""Webhook steps: signed calls, tried again until they are answered, never to addresses in our own network.

1. Calls whose time has come are claimed for a while, so that no other worker makes them.
2. They are made, outside any transaction. Redirects are not followed.
3. What was answered is written down. A call whose worker is killed is made again: its receiver tells repeats apart by
   `webhook-id`.

The signature is that of the Standard Webhooks specification, v1: HMAC-SHA256 over id, timestamp and body.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.utils import timezone
from django.utils.crypto import salted_hmac

from automations.graph.nodes import Webhook
from automations.models import CallStatus, Journey, WebhookCall
from automations.versions import published
from retargeting.channels.http.transport import Answer, Call, Limits, Reply, exchange
from retargeting.profiles.models import Profile
from retargeting.queue import backlog, enqueue

TASK = "automations.tasks.make_calls"
ASKED, ASKED_AGAIN_AFTER = "automations.webhooks.asked", 10  # seconds
AT_ONCE = 200
MOST_ATTEMPTS = 8
FIRST_RETRY = timedelta(seconds=30)
CLAIMED_FOR = timedelta(minutes=2)
AGAIN = {408, 425, 429}
"""Of the answers that say the call is at fault, those that another try may get past."""
LIMITS = Limits(concurrency=16, timeout=10.0, total=60.0, public_only=True)

CLAIM = """
    UPDATE automations_webhookcall SET status = 'claimed', due_at = %s, attempt = attempt + 1
    WHERE id IN (
        SELECT id FROM automations_webhookcall WHERE status IN ('pending', 'claimed') AND due_at <= %s
        ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
    )
    RETURNING id
"""


def secret_of(automation_id: int) -> str:
    """With which the receiver of an automation's calls checks them. It is never stored: it follows from ours."""
    digest = salted_hmac("automations.webhooks", str(automation_id), algorithm="sha256").digest()
    return f"whsec_{base64.b64encode(digest).decode()}"


def signature(secret: str, id: str, moment: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{id}.{moment}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def wake_due() -> None:
    """The clock's duty: workers are asked to make the calls whose time has come, less often while they are busy."""
    open_ones = WebhookCall.objects.filter(status__in=[CallStatus.PENDING, CallStatus.CLAIMED])
    if not open_ones.filter(due_at__lte=timezone.now()).exists():
        return
    if cache.add(ASKED, True, timeout=ASKED_AGAIN_AFTER) or backlog() == 0:
        enqueue(TASK)


def make_due() -> int:
    """Make the calls that are due; returns how many were answered well."""
    calls = _claim()
    people = dict(Profile.objects.filter(pk__in={c.profile_id for c in calls}).values_list("pk", "external_id"))
    for gone in [call for call in calls if call.profile_id not in people]:
        WebhookCall.STATES.transition(gone, CallStatus.FAILED, detail="The person has been erased.")
    calls = [call for call in calls if call.profile_id in people]
    replies: dict[int, Reply] = {}

    def heard(index: int, reply: Reply) -> bool:
        replies[index] = reply
        return True

    if calls:
        exchange([_request(call, people[call.profile_id]) for call in calls], LIMITS, heard)
    return sum(_settle(call, replies.get(index)) for index, call in enumerate(calls))


def _claim() -> list[WebhookCall]:
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [now + CLAIMED_FOR, now, AT_ONCE])
        ids = [id for (id,) in cursor.fetchall()]
    return list(WebhookCall.objects.filter(pk__in=ids).select_related("journey").order_by("pk"))


def _request(call: WebhookCall, external_id: str) -> Call:
    step = next(step for step in published(call.version_id)[0].walk() if step.key == call.step)
    assert isinstance(step.action, Webhook)
    body = json.dumps(body_of(call.journey, call.step, external_id, step.action.values), ensure_ascii=False).encode()
    id, moment = f"call_{call.pk}", int(timezone.now().timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "retargeting",
        "webhook-id": id,
        "webhook-timestamp": str(moment),
        "webhook-signature": signature(secret_of(call.journey.automation_id), id, moment, body),
    }
    return Call(step.action.url, body, headers)


def body_of(journey: Journey, step: str, external_id: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "automation": journey.automation_id,
        "step": step,
        "journey": journey.pk,
        "profile": external_id,
        "entered_at": journey.entered_at.isoformat(),
        "entry": journey.entry,
        "values": dict(values),
    }


def _settle(call: WebhookCall, reply: Reply | None) -> bool:
    """Write down how it went, unless another worker has taken the call meanwhile."""
    where = {"attempt": call.attempt}
    if isinstance(reply, Answer) and 200 <= reply.status < 300:
        return WebhookCall.STATES.transition(
            call, CallStatus.DONE, sources=[CallStatus.CLAIMED], where=where, detail=reply.words
        )
    detail = "There was no time for it." if reply is None else _words(reply)
    final = isinstance(reply, Answer) and 300 <= reply.status < 500 and reply.status not in AGAIN
    if final or call.attempt >= MOST_ATTEMPTS:
        WebhookCall.STATES.transition(call, CallStatus.FAILED, where=where, detail=detail)
    else:
        due = next_try(call.attempt, timezone.now())
        WebhookCall.STATES.transition(call, CallStatus.PENDING, where=where, due_at=due, detail=detail)
    return False


def next_try(attempt: int, now: datetime) -> datetime:
    """Half a minute after the first attempt, then twice as long each time: over an hour in all."""
    return now + FIRST_RETRY * 2 ** (attempt - 1)


def _words(reply: Reply) -> str:
    return reply.words if isinstance(reply, Answer) else reply.detail
