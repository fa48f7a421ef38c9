from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models


class PersonalQuerySet(models.QuerySet[Any]):
    """Event rows of one person, in the small numbers that a page shows; conditions are answered by `reading`."""

    def of_person(self, profile_id: int, before: datetime | None = None) -> PersonalQuerySet:
        """Newest first, those before a moment where one is given."""
        found = self.filter(profile_id=profile_id).order_by("-occurred_at", "id")
        return found.filter(occurred_at__lt=before) if before else found
