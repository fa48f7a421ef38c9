"""What a comparison with those who were held out says, in words."""

from __future__ import annotations

from retargeting.chances import Lift


def lift_words(lift: Lift, who: str, did: str, without: str, against: str) -> tuple[str, str]:
    """What it says, and what it rests on: “About 120 more people did order than would have without the message …”."""
    gap = lift.difference
    if lift.is_clear:
        more = "more" if gap.value > 0 else "fewer"
        relative = f", {100 * abs(lift.relative):.0f} % {more}" if lift.relative is not None else ""
        number = abs(round(gap.value * lift.rate.people))
        first = f"About {number:,} {more} {who} {did} than would have {without}{relative}."
    elif lift.needed is not None:
        first = f"No difference that could not be luck. One of this size needs about {lift.needed:,} more {who}."
    else:
        first = "No difference that could not be luck."
    span = f"{_points(gap.low)} to {_points(gap.high)} percentage points"
    return first, f"{_points(gap.value)} points against {against}, with 95 % certainty between {span}."


def _points(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−")
