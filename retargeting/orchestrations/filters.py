from __future__ import annotations

import django_filters

from retargeting.orchestrations.models import Label
from retargeting.orchestrations.querysets import LabelQuerySet
from retargeting.web.lists import SearchFilter


class LabelFilter(django_filters.FilterSet):
    q = SearchFilter(label="Search labels", placeholder="Name or code", method="search")

    class Meta:
        model = Label
        fields: list[str] = []

    def search(self, queryset: LabelQuerySet, name: str, value: str) -> LabelQuerySet:
        return queryset.search(value)
