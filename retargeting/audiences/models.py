from __future__ import annotations

from typing import Any

from django.db import models

from retargeting.audiences.querysets import SegmentQuerySet


class Segment(models.Model):
    """A saved tree of conditions, used by name in other trees."""

    name = models.CharField(max_length=200, unique=True)
    audience: models.JSONField[Any, Any] = models.JSONField(help_text="A tree in the language of conditions.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = SegmentQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
