from __future__ import annotations

from datetime import date
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef


class SegmentQuerySet(models.QuerySet[Any]):
    def named_like(self, words: str) -> SegmentQuerySet:
        for word in words.replace("\x00", "").split():
            self = self.filter(name__icontains=word)
        return self

    def not_counted_on(self, day: date) -> SegmentQuerySet:
        sizes = apps.get_model("audiences", "SegmentSize").objects
        return self.filter(~Exists(sizes.filter(segment=OuterRef("pk"), day=day)))
