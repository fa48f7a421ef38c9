from __future__ import annotations

import django_filters
from django.db.models import Q, QuerySet

from campaigns.models import Campaign, CampaignStatus
from campaigns.querysets import CampaignQuerySet
from retargeting.messaging.models import Delivery, DeliveryStatus, SkipReason
from retargeting.orchestrations.models import Label
from retargeting.profiles.models import CHANNEL_CHOICES, Profile
from retargeting.web.lists import SearchFilter

SHOWN = [("", "Current"), ("archived", "Archived"), ("all", "All")]


class CampaignFilter(django_filters.FilterSet):
    q = SearchFilter(label="Search campaigns", placeholder="Name", method="search")
    status = django_filters.ChoiceFilter(label="Status", choices=CampaignStatus.choices, empty_label="Any status")
    channel = django_filters.ChoiceFilter(label="Channel", choices=CHANNEL_CHOICES, empty_label="Any channel")
    label = django_filters.ModelChoiceFilter(
        field_name="labels", queryset=Label.objects.order_by("name"), label="Label", empty_label="Any label"
    )
    by = django_filters.ChoiceFilter(label="By", choices=[("me", "Me")], empty_label="Anybody", method="made_by")
    show = django_filters.ChoiceFilter(label="Show", choices=SHOWN[1:], empty_label=SHOWN[0][1], method="among")

    class Meta:
        model = Campaign
        fields: list[str] = []

    def search(self, queryset: CampaignQuerySet, name: str, value: str) -> CampaignQuerySet:
        return queryset.named_like(value)

    def made_by(self, queryset: CampaignQuerySet, name: str, value: str) -> CampaignQuerySet:
        return queryset.filter(created_by=self.request.user)

    def among(self, queryset: CampaignQuerySet, name: str, value: str) -> CampaignQuerySet:
        return queryset.exclude(archived_at=None) if value == "archived" else queryset

    def filter_queryset(self, queryset: CampaignQuerySet) -> CampaignQuerySet:
        """Archived ones only when asked for."""
        found = super().filter_queryset(queryset)
        return found if self.form.cleaned_data["show"] else found.current()


class DeliveryFilter(django_filters.FilterSet):
    q = SearchFilter(label="Search deliveries", placeholder="External id or address", method="search")
    status = django_filters.ChoiceFilter(label="Status", choices=DeliveryStatus.choices, empty_label="Any status")
    reason = django_filters.ChoiceFilter(label="Skipped because", choices=SkipReason.choices, empty_label="Any reason")

    class Meta:
        model = Delivery
        fields: list[str] = []

    def search(self, queryset: QuerySet[Delivery], name: str, value: str) -> QuerySet[Delivery]:
        named = Profile.objects.filter(external_id__istartswith=value).values("pk")
        return queryset.filter(Q(address__istartswith=value) | Q(profile_id__in=named))
