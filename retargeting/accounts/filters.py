from __future__ import annotations

from typing import Any

import django_filters
from django.forms import DateInput

from retargeting.accounts.models import Activity, User
from retargeting.accounts.querysets import ActivityQuerySet
from retargeting.web.lists import SearchFilter


class ActivityFilter(django_filters.FilterSet):
    q = SearchFilter(label="Search activity", placeholder="Name or words", method="search")
    user = django_filters.ModelChoiceFilter(
        queryset=User.objects.order_by("username"), label="By", empty_label="Anybody"
    )
    object_type = django_filters.ChoiceFilter(label="About", empty_label="Anything")
    since = django_filters.DateFilter("at", "date__gte", label="From", widget=DateInput(attrs={"type": "date"}))
    until = django_filters.DateFilter("at", "date__lte", label="Until", widget=DateInput(attrs={"type": "date"}))

    class Meta:
        model = Activity
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = Activity.objects.object_types()
        self.filters["object_type"].extra["choices"] = [(kind, Activity.kind_name(kind)) for kind in kinds]

    def search(self, queryset: ActivityQuerySet, name: str, value: str) -> ActivityQuerySet:
        return queryset.mentioning(value)
