"""What is left of the events of somebody who is erased: numbers that belong to nobody."""

from __future__ import annotations

from retargeting.interactions.columns import erasing
from retargeting.interactions.models import CustomEvent


def scrub(profile_id: int) -> None:
    """Custom events say what the person did, in words of others' choosing: they go. Message events stay as counts."""
    erasing.scrub(profile_id)
    CustomEvent.objects.filter(profile_id=profile_id).delete()
