from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q


class SandboxMessageQuerySet(models.QuerySet[Any]):
    def search(self, words: str) -> SandboxMessageQuerySet:
        """By the beginning of the address, or by words of the subject, title or text."""
        shown = Q()
        for field in ("subject", "title", "text", "body"):
            shown |= Q(**{f"content__{field}__icontains": words})
        return self.filter(Q(address__istartswith=words) | shown)
