"""The sizes that the segments had on the days before, so that their pages have a trend to show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from retargeting.audiences.engine import evaluate
from retargeting.audiences.models import Segment, SegmentSize
from retargeting.conditions import codec
from retargeting.conditions.nodes import Group, Match

DAYS = 60


def count_earlier_days(now: datetime) -> None:
    """Events are those of each day; attributes, which have no history, as they are now. Today is left to the clock."""
    segments = list(Segment.objects.all())
    trees = Group(Match.ANY, tuple(codec.decode(segment.audience) for segment in segments))
    for days in range(DAYS, 0, -1):
        at = now - timedelta(days=days)
        counts = evaluate(trees, as_of=at).counts
        SegmentSize.objects.bulk_create(
            SegmentSize(
                segment=segment, day=at.astimezone(UTC).date(), people=counts[f"/conditions/{number}"], counted_at=at
            )
            for number, segment in enumerate(segments)
        )
