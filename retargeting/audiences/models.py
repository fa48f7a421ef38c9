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


class SegmentSize(models.Model):
    """How many people a segment had on a day (UTC), as last counted on that day."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="sizes")
    day = models.DateField()
    people = models.PositiveIntegerField()
    counted_at = models.DateTimeField()

    class Meta:
        ordering = ["day"]
        constraints = [models.UniqueConstraint(fields=["segment", "day"], name="segment_size_unique")]

    def __str__(self) -> str:
        return f"{self.people:,} on {self.day}"
