"""When a wait by the clock is over."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from automations.graph.nodes import ClockTime, Weekday
from retargeting.messaging.zones import moment_at

WEEKDAYS = list(Weekday)


def next_clock_time(until: ClockTime, now: datetime, zone: ZoneInfo) -> datetime:
    """The first moment from `now` on at which the clocks of `zone` show that time on one of those days.

    Where they skip it, the moment at which they do; where they show it twice, the first.
    """
    today = now.astimezone(zone).date()
    for days in range(9):
        day = today + timedelta(days=days)
        if until.weekdays and WEEKDAYS[day.weekday()] not in until.weekdays:
            continue
        moment = moment_at(datetime.combine(day, until.at), zone)
        if moment >= now:
            return moment
    raise AssertionError("a week has every weekday")
