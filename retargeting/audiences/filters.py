from __future__ import annotations

import django_filters

from retargeting.audiences.models import Segment
from retargeting.audiences.querysets import SegmentQuerySet
from retargeting.web.lists import SearchFilter


class SegmentFilter(django_filters.FilterSet):
    q = SearchFilter(label="Search segments", placeholder="Name", method="search")

    class Meta:
        model = Segment
        fields: list[str] = []

    def search(self, queryset: SegmentQuerySet, name: str, value: str) -> SegmentQuerySet:
        return queryset.named_like(value)
