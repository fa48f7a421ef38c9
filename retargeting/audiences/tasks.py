"""What the queue and the clock call: the size of each segment is kept, a row a day."""

from __future__ import annotations

import logging
from datetime import UTC

from django.utils import timezone

from retargeting.audiences import references
from retargeting.audiences.engine import evaluate
from retargeting.audiences.models import Segment, SegmentSize
from retargeting.conditions import codec
from retargeting.conditions.errors import ConditionErrors
from retargeting.queue import enqueue

logger = logging.getLogger(__name__)


def count_segment(segment_id: int) -> None:
    """Note how many people a segment has now, in the row of today. Being called twice does no harm."""
    segment = Segment.objects.filter(pk=segment_id).first()
    if segment is None:
        return
    tree = codec.decode(segment.audience)
    try:
        references.check(tree)
    except ConditionErrors:
        logger.info("The segment %s refers to what is gone; it has no size today.", segment)
        return
    evaluation = evaluate(tree)
    # In one statement: a segment that is deleted meanwhile has no size, and of two workers the later one counts.
    SegmentSize.objects.bulk_create(
        [
            SegmentSize(
                segment_id=segment_id,
                day=evaluation.as_of.astimezone(UTC).date(),
                people=len(evaluation.members),
                counted_at=evaluation.as_of,
            )
        ],
        update_conflicts=True,
        unique_fields=["segment", "day"],
        update_fields=["people", "counted_at"],
    )


def count_uncounted() -> None:
    """The clock's duty: segments without a size of today are counted."""
    today = timezone.now().astimezone(UTC).date()
    for segment_id in Segment.objects.not_counted_on(today).values_list("pk", flat=True):
        enqueue("retargeting.audiences.tasks.count_segment", segment_id)
