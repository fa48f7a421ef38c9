"""Telling machines from people. The rules are stated in docs/machine-opens.md; what they mark is kept, not dropped."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from retargeting.channels.agents import is_program
from retargeting.messaging.models import Delivery, DeliveryStatus
from retargeting.messaging.tracking import Recipient

TWO_LINKS_WITHIN = timedelta(seconds=1)
"""A browser comes to the front with the first link; nobody is back in the mail and on a second one so soon."""


def is_machine(request: HttpRequest, recipient: Recipient) -> bool:
    """Whether this request for the pixel or a link of a mail was not made by somebody who reads it."""
    purpose = request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")
    agent = request.headers.get("User-Agent", "")
    return request.method == "HEAD" or "prefetch" in purpose or is_program(agent) or came_at_once(recipient)


def came_at_once(recipient: Recipient, at: datetime | None = None) -> bool:
    """Whether `at`, or now, is so soon after the message was sent that nobody can have read it."""
    if not settings.MACHINE_SECONDS:
        return False
    found = Delivery.objects.filter(dispatch_id=recipient.dispatch_id, profile_id=recipient.profile_id)
    status, settled_at = found.values_list("status", "updated_at").first() or ("", None)
    if status == DeliveryStatus.SENDING:
        return True  # handed over moments ago: its batch is still under way
    return settled_at is not None and (at or timezone.now()) - settled_at < timedelta(seconds=settings.MACHINE_SECONDS)


def bursts(clicks: Iterable[tuple[datetime, str]]) -> list[tuple[datetime, datetime]]:
    """The stretches of time, both ends in, in which the links of one message were followed faster than people do.

    `clicks` are moments and addresses. Two links within a second are a burst, and three within MACHINE_SECONDS; the
    same link clicked twice is not.
    """
    first: dict[str, datetime] = {}
    for at, url in sorted(clicks):
        first.setdefault(url, at)
    window = timedelta(seconds=settings.MACHINE_SECONDS)
    times = list(first.values())
    return [
        (at, at + window)
        for place, at in enumerate(times)
        if any(later - at <= TWO_LINKS_WITHIN for later in times[place + 1 : place + 2])
        or any(later - at <= window for later in times[place + 2 : place + 3])
    ]
