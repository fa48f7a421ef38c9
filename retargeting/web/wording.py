"""Numbers and times as people read them. U+00A0 and U+202F keep a number and its unit on one line."""

from __future__ import annotations

from datetime import datetime
from typing import Any


def grouped_number(value: Any) -> str:
    if value is None or value == "":
        return "–"
    return f"{value:,.0f}" if isinstance(value, float) else f"{int(value):,}"


def compact_number(value: Any) -> str:
    """Three digits at most: 950, 1.2 k, 48 k, 1.2 M."""
    if value is None or value == "":
        return "–"
    size = int(value)
    if size < 1_000:
        return str(size)
    if size < 10_000:
        return f"{size:,}"
    for unit, name in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if size >= unit:
            share = size / unit
            # Cut, not rounded: 999,999 is not yet 1 M.
            return f"{int(share * 10) / 10:.1f} {name}" if share < 10 else f"{int(share)} {name}"
    return str(size)


def ratio_text(part: Any, whole: Any) -> str:
    """A share in percent with one digit after the point, or a dash when the whole is nothing."""
    if not whole or part is None:
        return "–"
    share = 100 * float(part) / float(whole)
    if 0 < share < 0.1:
        return "< 0.1 %"
    return f"{share:.1f} %"


UNITS = ((86_400 * 365, "year"), (86_400 * 30, "month"), (86_400, "day"), (3_600, "hour"), (60, "minute"))


def time_ago(moment: datetime, now: datetime) -> str:
    """“3 hours ago”, “in 2 days”, “just now”."""
    seconds = (now - moment).total_seconds()
    for size, unit in UNITS:
        amount = int(abs(seconds) // size)
        if amount:
            words = f"{amount} {unit}{'' if amount == 1 else 's'}"
            return f"{words} ago" if seconds > 0 else f"in {words}"
    return "just now" if seconds >= 0 else "in a moment"
