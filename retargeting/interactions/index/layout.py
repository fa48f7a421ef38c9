"""Time in buckets: hours while they are young, days once they are over, months for what is asked of whole channels.

Hours are counted from 1970-01-01 00:00 UTC; a bucket is named by its first hour. Each event is in the bucket of its
hour, of its day and of its month as far as those are kept:

    hours    from `State.hours_from` on; what a window cuts is read at this grain
    days     before `State.days_until`: a day gets its bucket when it is over
    months   before `State.months_until`, each channel's campaigns and automations in one

so that each moment is covered at least once, and a window reads each of its moments from one of them.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

HOUR, DAY = 1, 24
TICK = timedelta(microseconds=1)
"""The resolution of time: stretches are half-open, so one tick turns an included edge into an excluded one."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_HOUR, LAST_HOUR = -(2**31), 2**31 - 1
"""Before and after all events: the numbers are kept as 32 bits."""


def hour_of(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(hours=1)


def moment_of(hour: int) -> datetime:
    return EPOCH + timedelta(hours=hour)


def day_of(hour: int) -> int:
    """The first hour of its day."""
    return hour - hour % DAY


def month_of(hour: int) -> int:
    """The first hour of its month."""
    return hour_of(moment_of(hour).replace(day=1, hour=0))


def hours_in_month(first: int) -> int:
    moment = moment_of(first)
    return monthrange(moment.year, moment.month)[1] * DAY


@dataclass(frozen=True, slots=True)
class Span:
    """The buckets of one length (hours; None any whole month) that begin at `first` ≤ hour < `end`."""

    length: int | None
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Kept:
    """Which buckets there are; the numbers are first hours of days."""

    hours_from: int
    days_until: int
    months_until: int
    rows_from: int = FIRST_HOUR
    """Event rows before are not kept any more: windows are exact to the day there."""

    def __post_init__(self) -> None:
        assert self.hours_from <= self.days_until
        assert self.months_until <= self.days_until


@dataclass(slots=True)
class Cover:
    """How a window is read: `whole` buckets, and `cut` ones of which only a part lies in the window."""

    whole: list[Span] = field(default_factory=list)
    cut: list[Span] = field(default_factory=list)


def cover(start: datetime | None, end: datetime | None, kept: Kept, *, pooled: bool) -> Cover:
    """Cover start ≤ t < end. `pooled` lets months be used, which do not know campaigns and steps apart."""
    first, cut_first = _edge(start, kept, FIRST_HOUR, upward=True)
    last, cut_last = _edge(end, kept, LAST_HOUR, upward=False)
    result = Cover(cut=[cut_first] if cut_first else [])
    if cut_last and cut_last != cut_first and (cut_first is None or cut_last.first >= first):
        result.cut.append(cut_last)
    if first >= last:
        return result
    # Days in the middle, hours on both sides of them.
    days_first = first if first == FIRST_HOUR else -(-first // DAY) * DAY
    days_end = min(kept.days_until, day_of(last))
    if days_first >= days_end:
        result.whole = [Span(HOUR, first, last)]
        return result
    if first < days_first:
        result.whole.append(Span(HOUR, first, days_first))
    result.whole += _months(days_first, days_end, kept.months_until) if pooled else [Span(DAY, days_first, days_end)]
    if days_end < last:
        result.whole.append(Span(HOUR, days_end, last))
    return result


def _edge(moment: datetime | None, kept: Kept, open_end: int, *, upward: bool) -> tuple[int, Span | None]:
    """The first whole bucket after (`upward`) or the end of the last one before an edge, and the one it cuts."""
    if moment is None:
        return open_end, None
    hour = hour_of(moment)
    if hour >= kept.hours_from:
        length, first = HOUR, hour
    else:
        length, first = DAY, day_of(hour)
    if moment == moment_of(first) or first < kept.rows_from:
        return first, None
    return (first + length if upward else first), Span(length, first, first + length)


def _months(first: int, end: int, months_until: int) -> list[Span]:
    """Whole months where there are, days before and after them."""
    pooled_first = first
    if first != FIRST_HOUR and first != month_of(first):
        pooled_first = month_of(first) + hours_in_month(month_of(first))
    pooled_end = min(months_until, end if end == LAST_HOUR else month_of(end))
    if pooled_first >= pooled_end:
        return [Span(DAY, first, end)]
    spans = [Span(None, pooled_first, pooled_end)]
    if first < pooled_first:
        spans.append(Span(DAY, first, pooled_first))
    if pooled_end < end:
        spans.append(Span(DAY, pooled_end, end))
    return spans
