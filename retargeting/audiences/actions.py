"""Writes on segments."""

from __future__ import annotations

from django.db import connection, transaction

from retargeting.accounts.actions import Actor, note
from retargeting.audiences import references
from retargeting.audiences.models import Segment
from retargeting.audiences.used import places_of
from retargeting.conditions import codec
from retargeting.conditions.nodes import Group
from retargeting.conditions.wording import sentence

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


@transaction.atomic
def create_segment(*, actor: Actor, name: str, audience: Group) -> Segment:
    """Save a tree under a name. Raises ConditionErrors where it refers to what does not exist."""
    _lock_segments()
    names = references.check(audience, path="/audience")
    segment = Segment.objects.create(name=name, audience=codec.encode(audience))
    note(
        actor=actor,
        verb="create",
        instance=segment,
        summary=f"Created the segment {name}: {sentence(audience, names)}",
    )
    return segment


@transaction.atomic
def update_segment(
    *, actor: Actor, segment: Segment, name: str | None = None, audience: Group | None = None
) -> Segment:
    """Rename a segment or give it another tree. Raises ConditionErrors, also for a circle of segments."""
    _lock_segments()
    changes = []
    if name is not None and name != segment.name:
        changes.append(f"name from {segment.name} to {name}")
        segment.name = name
    if audience is not None and codec.encode(audience) != segment.audience:
        names = references.check(audience, path="/audience", segment=segment)
        changes.append(f"audience to: {sentence(audience, names)}")
        segment.audience = codec.encode(audience)
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
