"""Writes on segments."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import connection, transaction

from retargeting.accounts.actions import Actor, note
from retargeting.audiences import references
from retargeting.audiences.models import Segment
from retargeting.audiences.used import places_of
from retargeting.conditions import codec
from retargeting.conditions.nodes import Group
from retargeting.conditions.wording import sentence
from retargeting.queue import enqueue

SEGMENT_LOCK = 7001
"""One segment is saved at a time: two at once could close a circle that neither sees."""


class SegmentInUse(Exception):
    """The segment is part of other trees; `places` says which."""

    def __init__(self, places: list[str]) -> None:
        self.places = places
        super().__init__(f"this segment is used in {', '.join(places)}")


def _lock_segments() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SEGMENT_LOCK])


def _check_name(name: str, segment: Segment | None = None) -> None:
    """Raises ValidationError where the name is taken; the lock keeps it free until this transaction is over."""
    others = Segment.objects.filter(name=name)
    if (others.exclude(pk=segment.pk) if segment else others).exists():
        raise ValidationError({"name": "There is a segment of that name already."})


def _count_soon(segment: Segment) -> None:
    """What was saved has another size from now on; a worker counts it once this is committed."""
    enqueue("retargeting.audiences.tasks.count_segment", segment.pk)


@transaction.atomic
def create_segment(*, actor: Actor, name: str, audience: Group) -> Segment:
    """Save a tree under a name.

    Raises ValidationError where the name is taken, ConditionErrors where the tree refers to what does not exist.
    """
    _lock_segments()
    _check_name(name)
    names = references.check(audience, path="/audience")
    segment = Segment.objects.create(name=name, audience=codec.encode(audience))
    note(
        actor=actor,
        verb="create",
        instance=segment,
        summary=f"Created the segment {name}: {sentence(audience, names)}",
    )
    _count_soon(segment)
    return segment


@transaction.atomic
def update_segment(
    *, actor: Actor, segment: Segment, name: str | None = None, audience: Group | None = None
) -> Segment:
    """Rename a segment or give it another tree.

    Raises ValidationError where the name is taken, and ConditionErrors, also for a circle of segments.
    """
    _lock_segments()
    changes = []
    if name is not None and name != segment.name:
        _check_name(name, segment)
        changes.append(f"name from {segment.name} to {name}")
        segment.name = name
    if audience is not None and codec.encode(audience) != segment.audience:
        names = references.check(audience, path="/audience", segment=segment)
        changes.append(f"audience to: {sentence(audience, names)}")
        segment.audience = codec.encode(audience)
        _count_soon(segment)
    if changes:
        segment.save()
        summary = f"Changed the segment {segment.name}: {'; '.join(changes)}"
        note(actor=actor, verb="update", instance=segment, summary=summary)
    return segment


@transaction.atomic
def delete_segment(*, actor: Actor, segment: Segment) -> None:
    """Delete a segment that nothing refers to; raises SegmentInUse otherwise."""
    _lock_segments()
    if places := places_of(segment):
        raise SegmentInUse(places)
    note(actor=actor, verb="delete", instance=segment, summary=f"Deleted the segment {segment.name}.")
    segment.delete()
