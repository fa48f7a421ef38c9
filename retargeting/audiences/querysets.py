from __future__ import annotations

from typing import Any

from django.db import models


class SegmentQuerySet(models.QuerySet[Any]):
    def named_like(self, words: str) -> SegmentQuerySet:
        for word in words.replace("\x00", "").split():
            self = self.filter(name__icontains=word)
        return self
