"""Quiet hours: nobody is written to in the night of their own zone.

A zone's clocks decide, DST included: quiet hours from 22:00 to 08:00 end when those clocks show 08:00, or, where they
skip that hour, as soon as they have gone past it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone
from pyroaring import BitMap

from retargeting.messaging.eligibility import Intent
from retargeting.messaging.models import Priority, QuietHours, WhenReached
from retargeting.messaging.zones import moment_at, people_by_zone, zone_of


def skipped(members: BitMap, intent: Intent) -> BitMap:
    found = BitMap()
    for hours in _applying(intent, WhenReached.SKIP):
        for people, _ in disturbed(hours, members - found, intent):
            found |= people
    return found


def put_off(members: BitMap, intent: Intent) -> list[tuple[BitMap, datetime]]:
    found: list[tuple[BitMap, datetime]] = []
    for hours in _applying(intent, WhenReached.DEFER):
        for people, until in disturbed(hours, members, intent):
            members = members - people
            found.append((people, until))
    return found


def _applying(intent: Intent, when_reached: WhenReached) -> Iterator[QuietHours]:
    if intent.priority == Priority.SERVICE:
        return
    yield from QuietHours.objects.filter(enabled=True, when_reached=when_reached, channel__in=["", intent.channel])


def disturbed(hours: QuietHours, members: BitMap, intent: Intent) -> list[tuple[BitMap, datetime]]:
    """Those of `members` who are in their quiet hours, with the moment these end; one set for each end."""
    if not members:
        return []
    now = intent.at or timezone.now()
    sets: dict[datetime, BitMap] = defaultdict(BitMap)
    for name, people in people_by_zone(members).items():
        zone = zone_of(name, hours.time_zone)
        if (until := quiet_until(hours.starts, hours.ends, now, zone)) is not None:
            sets[until] |= people
    return [(people, until) for until, people in sets.items()]


def quiet_until(starts: time, ends: time, now: datetime, zone: ZoneInfo) -> datetime | None:
    """When the quiet hours end that hold at `now` on the clocks of `zone`; None where none do."""
    local = now.astimezone(zone)
    clock = local.time()
    past_midnight = ends <= starts
    inside = (clock >= starts or clock < ends) if past_midnight else starts <= clock < ends
    if not inside:
        return None
    day = local.date() + timedelta(days=1 if past_midnight and clock >= starts else 0)
    return moment_at(datetime.combine(day, ends), zone)
