from __future__ import annotations

from typing import Any

import django_filters
from django.core.cache import cache
from django.db.models import Exists, OuterRef
from django.db.models.fields.json import KT

from retargeting.profiles.models import (
    CHANNEL_CHOICES,
    Address,
    ListMember,
    ListRemoval,
    MemberSource,
    Profile,
    ProfileList,
)
from retargeting.profiles.querysets import ListMemberQuerySet, ProfileListQuerySet, ProfileQuerySet
from retargeting.web.lists import SearchFilter

CHOICES_SECONDS = 600


def languages() -> list[tuple[str, str]]:
    return _values("language", "language")


def countries() -> list[tuple[str, str]]:
    return _values("country", KT("attributes__country"))


def _values(name: str, expression: Any) -> list[tuple[str, str]]:
    """What there is to choose from; kept for a while, since it looks at everybody."""

    def compute() -> list[tuple[str, str]]:
        values = Profile.objects.order_by().values_list(expression, flat=True).distinct()[:500]
        return [(value, value) for value in sorted(filter(None, values))]

    return cache.get_or_set(f"profile-{name}-choices", compute, CHOICES_SECONDS) or []


class ProfileFilter(django_filters.FilterSet):
    q = SearchFilter(label="Search people", placeholder="External id, email or phone", method="search")
    reachable = django_filters.ChoiceFilter(
        label="Reachable by", choices=CHANNEL_CHOICES, empty_label="Anything", method="reach"
    )
    language = django_filters.ChoiceFilter(label="Language", choices=languages, empty_label="Any")
    country = django_filters.ChoiceFilter("attributes__country", label="Country", choices=countries, empty_label="Any")

    class Meta:
        model = Profile
        fields: list[str] = []

    def search(self, queryset: ProfileQuerySet, name: str, value: str) -> ProfileQuerySet:
        return queryset.search(value)

    def reach(self, queryset: ProfileQuerySet, name: str, value: str) -> ProfileQuerySet:
        return queryset.filter(Exists(Address.objects.usable().on(value).filter(profile=OuterRef("pk"))))


class ListFilter(django_filters.FilterSet):
    q = SearchFilter(label="Search lists", placeholder="Name", method="search")

    class Meta:
        model = ProfileList
        fields: list[str] = []

    def search(self, queryset: ProfileListQuerySet, name: str, value: str) -> ProfileListQuerySet:
        return queryset.named_like(value)


class RemovalFilter(django_filters.FilterSet):
    q = SearchFilter(label="Search people", placeholder="External id, email or phone", method="search")

    class Meta:
        model = ListRemoval
        fields: list[str] = []

    def search(self, queryset: ListMemberQuerySet, name: str, value: str) -> ListMemberQuerySet:
        return queryset.search(value)


class MemberFilter(RemovalFilter):
    source = django_filters.ChoiceFilter(label="Added", choices=MemberSource, empty_label="In any way")

    class Meta:
        model = ListMember
        fields: list[str] = []
