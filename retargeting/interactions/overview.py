"""The last thirty days of each channel against the thirty before: the home page's numbers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from retargeting.conditions.nodes import Channel, Interaction
from retargeting.interactions.models import CHANNEL_CODES, CHANNELS_BY_CODE, EVENT_CODES, EVENTS_BY_CODE

DAYS = 30
CACHE_SECONDS = 60

# Every message sent counts; of several opens (or clicks) of one message by one person only the first since then.
SENT = """
    SELECT channel, event, (occurred_at AT TIME ZONE %(zone)s)::date, count(*) FROM interactions_messageevent
    WHERE channel = ANY(%(channels)s) AND event = %(sent)s AND occurred_at >= %(since)s AND occurred_at < %(until)s
    GROUP BY 1, 2, 3
"""
RESPONSES = """
    SELECT channel, event, (first AT TIME ZONE %(zone)s)::date, count(*) FROM (
        SELECT channel, event, profile_id, orchestration_id, step_id, min(occurred_at) AS first
        FROM interactions_messageevent
        WHERE channel = ANY(%(channels)s) AND event = ANY(%(responses)s) AND NOT machine
            AND occurred_at >= %(since)s AND occurred_at < %(until)s
        GROUP BY 1, 2, 3, 4, 5
    ) AS message GROUP BY 1, 2, 3
"""


@dataclass
class Period:
    sent: int = 0
    opened: int = 0
    clicked: int = 0

    def rate(self, event: str) -> float | None:
        return getattr(self, event) / self.sent if self.sent else None


@dataclass
class ChannelOverview:
    """`days` has the responses of each of the last days, oldest first."""

    channel: Channel
    now: Period = field(default_factory=Period)
    before: Period = field(default_factory=Period)
    days: list[int] = field(default_factory=list)

    @property
    def response(self) -> str:
        """What tells how a channel is doing: opens, or clicks where opens cannot be seen."""
        return "clicked" if self.channel == Channel.SMS else "opened"

    @property
    def responses(self) -> int:
        return int(getattr(self.now, self.response))

    @property
    def change(self) -> float | None:
        """In percentage points, the rate against the one of the days before."""
        now, before = self.now.rate(self.response), self.before.rate(self.response)
        return None if now is None or before is None else round(100 * (now - before), 1)

    @property
    def sent_change(self) -> float | None:
        return round(100 * (self.now.sent / self.before.sent - 1)) if self.before.sent else None


def overview() -> list[ChannelOverview]:
    """The channels on which anything was sent in these sixty days; a minute old at most."""
    found = known_overview()
    if found is None:
        zone = timezone.get_current_timezone_name()
        found = compute(timezone.now(), zone)
        cache.set(f"channel-overview-{zone}", found, CACHE_SECONDS)
    return found


def known_overview() -> list[ChannelOverview] | None:
    """The same where it has been counted in the last minute; None where that would take its time."""
    return cache.get(f"channel-overview-{timezone.get_current_timezone_name()}")


def compute(now: datetime, zone: str) -> list[ChannelOverview]:
    """Whole days in `zone`; today, as far as it has come, is the last of the thirty."""
    today = timezone.localtime(now).date()
    start, middle = today - timedelta(days=2 * DAYS - 1), today - timedelta(days=DAYS - 1)
    parameters: dict[str, Any] = {
        "zone": zone,
        "channels": list(CHANNEL_CODES.values()),
        "sent": EVENT_CODES[Interaction.SENT],
        "responses": [EVENT_CODES[Interaction.OPENED], EVENT_CODES[Interaction.CLICKED]],
        "since": timezone.make_aware(datetime.combine(start, datetime.min.time())),
        "until": now,
    }
    found: dict[Channel, dict[str, dict[date, int]]] = defaultdict(lambda: defaultdict(dict))
    with connection.cursor() as cursor:
        for statement in (SENT, RESPONSES):
            cursor.execute(statement, parameters)
            for channel, event, day, number in cursor.fetchall():
                found[CHANNELS_BY_CODE[channel]][str(EVENTS_BY_CODE[event])][day] = number
    return [_overview(channel, found[channel], middle) for channel in Channel if channel in found]


def _overview(channel: Channel, found: dict[str, dict[date, int]], middle: date) -> ChannelOverview:
    overview = ChannelOverview(channel)
    for event in ("sent", "opened", "clicked"):
        for day, number in found[event].items():
            period = overview.now if day >= middle else overview.before
            setattr(period, event, getattr(period, event) + number)
    response = found[overview.response]
    overview.days = [response.get(middle + timedelta(days=at), 0) for at in range(DAYS)]
    return overview
