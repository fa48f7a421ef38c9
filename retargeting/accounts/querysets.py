from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from retargeting.accounts.models import Activity  # noqa: F401 - for the annotation below


class ActivityQuerySet(models.QuerySet["Activity"]):
    def about(self, instance: models.Model) -> ActivityQuerySet:
        return self.filter(object_type=instance._meta.model_name, object_id=str(instance.pk))

    def mentioning(self, words: str) -> ActivityQuerySet:
        return self.filter(Q(object_name__icontains=words) | Q(summary__icontains=words))

    def object_types(self) -> list[str]:
        """The kinds of things that have any activity, by name."""
        return list(self.order_by("object_type").values_list("object_type", flat=True).distinct())
