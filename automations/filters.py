from __future__ import annotations

import django_filters
from django.db.models import QuerySet

from automations.models import Automation, AutomationStatus
from retargeting.orchestrations.models import Label
from retargeting.web.lists import SearchFilter


class AutomationFilter(django_filters.FilterSet):
    q = SearchFilter(label="Search automations", placeholder="Name", field_name="name", lookup_expr="icontains")
    status = django_filters.ChoiceFilter(label="Status", choices=AutomationStatus.choices, empty_label="Any")
    label = django_filters.ModelChoiceFilter(
        "labels", label="Label", queryset=Label.objects.order_by("name"), empty_label="Any"
    )
    archived = django_filters.ChoiceFilter(
        label="Archived", choices=[("yes", "Only archived")], empty_label="Not archived", method="archive"
    )

    class Meta:
        model = Automation
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Automation]) -> QuerySet[Automation]:
        found = super().filter_queryset(queryset)
        return found.filter(archived_at__isnull=self.form.cleaned_data["archived"] != "yes")

    def archive(self, queryset: QuerySet[Automation], name: str, value: str) -> QuerySet[Automation]:
        """Both answers narrow the list; see filter_queryset."""
        return queryset
