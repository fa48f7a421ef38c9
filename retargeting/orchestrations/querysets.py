from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Count, Max, Q


class LabelQuerySet(models.QuerySet[Any]):
    def search(self, words: str) -> LabelQuerySet:
        return self.filter(Q(name__icontains=words) | Q(code__icontains=words))

    def with_use(self) -> LabelQuerySet:
        """With `campaigns` and `automations`, how many carry it, and `last_used`, when the newest was made."""
        return self.annotate(
            campaigns=Count("orchestrations", filter=Q(orchestrations__kind="campaign")),
            automations=Count("orchestrations", filter=Q(orchestrations__kind="automation")),
            last_used=Max("orchestrations__created_at"),
        )
