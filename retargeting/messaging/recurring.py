"""When a campaign goes out again, and when a zone's clocks show its time. Pure: no database, no clock of its own.

`repeat` is {"every": "day"}, {"every": "week", "weekdays": ["mon", "thu"]} or {"every": "month", "day": 31}, with
"until" (a date, included) or "runs" (how many in all) where it ends by itself. A month without that day has it on its
last one. Times are those of a wall clock: 09:00 stays 09:00 when the clocks change; an hour that they skip is the
moment at which they do, and of one that they repeat the first counts.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from retargeting.messaging.zones import FIRST, LAST, moment_at

WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAY_NAMES = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
EVERY = ["day", "week", "month"]
MOST_DAYS = 400
"""So far ahead an occurrence is looked for: further than any month and week lie apart."""


class RepeatError(ValueError):
    """What is wrong with a repeat; `key` names the part."""

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)


def check_repeat(repeat: Any) -> None:
    """Raises RepeatError."""
    if not isinstance(repeat, Mapping):
        raise RepeatError("", "Expected an object.")
    every = repeat.get("every")
    if every not in EVERY:
        raise RepeatError("every", "Expected day, week or month.")
    allowed = {"every", "until", "runs"} | {"week": {"weekdays"}, "month": {"day"}}.get(every, set())
    for key in repeat:
        if key not in allowed:
            raise RepeatError(key, f"A repeat every {every} has no {key}.")
    if every == "week":
        days = repeat.get("weekdays")
        if not isinstance(days, list) or not days or len(set(map(str, days))) != len(days):
            raise RepeatError("weekdays", "Expected a list of weekdays, each once.")
        if not all(day in WEEKDAYS for day in days):
            raise RepeatError("weekdays", f"Expected weekdays of {', '.join(WEEKDAYS)}.")
    if every == "month" and not _whole(repeat.get("day"), 31):
        raise RepeatError("day", "Expected a day of the month, 1 to 31.")
    if repeat.get("runs") is not None and not _whole(repeat["runs"], 10_000):
        raise RepeatError("runs", "Expected a number of runs, 1 to 10,000.")
    if repeat.get("until") is not None:
        try:
            date.fromisoformat(repeat["until"])
        except (TypeError, ValueError):
            raise RepeatError("until", "Expected a date such as 2027-01-31.") from None


def _whole(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def fits(repeat: Mapping[str, Any], day: date) -> bool:
    match repeat["every"]:
        case "week":
            return WEEKDAYS[day.weekday()] in repeat["weekdays"]
        case "month":
            return day.day == min(repeat["day"], calendar.monthrange(day.year, day.month)[1])
    return True


def occurrences(repeat: Mapping[str, Any], wall: datetime) -> Iterator[datetime]:
    """The naive moments of a wall clock at which it goes out, `wall` being the first that is possible."""
    until = date.fromisoformat(repeat["until"]) if repeat.get("until") else None
    for number in range(MOST_DAYS):
        moment = wall + timedelta(days=number)
        if until is not None and moment.date() > until:
            return
        if fits(repeat, moment.date()):
            yield moment


def first_run(repeat: Mapping[str, Any] | None, send_at: datetime, zone: ZoneInfo) -> datetime | None:
    """`send_at`, or the next moment after it on which the repeat falls; None where that is after its end."""
    if repeat is None:
        return send_at
    wall = next(occurrences(repeat, wall_of(send_at, zone)), None)
    return None if wall is None else moment_at(wall, zone)


def next_run(
    repeat: Mapping[str, Any] | None,
    last: datetime,
    zone: ZoneInfo,
    *,
    runs: int,
    now: datetime,
    clock: time | None = None,
) -> datetime | None:
    """The first occurrence after `last` that is still to come, after `runs` runs; None where it has ended.

    Occurrences that passed while an earlier run was still at it are left out: nobody gets two in a row. `clock` is the
    time of day that was chosen: `last` shows another one where the clocks skipped it.
    """
    if repeat is None or (repeat.get("runs") is not None and runs >= repeat["runs"]):
        return None
    before = wall_of(last, zone)
    if clock is not None:
        before = datetime.combine(before.date(), clock)
    start = max(before + timedelta(days=1), datetime.combine(wall_of(now, zone).date(), before.time()))
    for wall in occurrences(repeat, start):
        moment = moment_at(wall, zone)
        if moment > max(last, now):
            return moment
    return None


def wall_of(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def span_of(wall: datetime) -> tuple[datetime, datetime]:
    """When the first and the last zone of the world show that time."""
    return tuple(wall.replace(tzinfo=timezone(offset)).astimezone(UTC) for offset in (FIRST, LAST))  # type: ignore[return-value]  # two


def repeat_words(repeat: Mapping[str, Any]) -> str:
    """“every Monday and Thursday, 10 times”."""
    match repeat["every"]:
        case "week":
            names = [WEEKDAY_NAMES[WEEKDAYS.index(day)] for day in sorted(repeat["weekdays"], key=WEEKDAYS.index)]
            words = "every " + (f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0])
        case "month":
            words = f"every month on day {repeat['day']}" + (", or its last one" if repeat["day"] > 28 else "")
        case _:
            words = "every day"
    if repeat.get("runs"):
        words += f", {repeat['runs']:,} time{'' if repeat['runs'] == 1 else 's'} in all"
    if repeat.get("until"):
        words += f", until {date.fromisoformat(repeat['until']):%-d %b %Y}"
    return words
