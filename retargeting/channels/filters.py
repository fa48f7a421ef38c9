from __future__ import annotations

import django_filters
from django.db.models import QuerySet

from retargeting.channels.models import SandboxMessage
from retargeting.channels.querysets import SandboxMessageQuerySet
from retargeting.orchestrations.models import Orchestration
from retargeting.profiles.models import CHANNEL_CHOICES
from retargeting.web.lists import SearchFilter


def with_messages(request: object) -> QuerySet[Orchestration]:
    sent = SandboxMessage.objects.order_by().values("orchestration_id")
    return Orchestration.objects.filter(pk__in=sent).order_by("name")


class OutboxFilter(django_filters.FilterSet):
    q = SearchFilter(label="Search the outbox", placeholder="Address or words", method="search")
    channel = django_filters.ChoiceFilter(label="Channel", choices=CHANNEL_CHOICES, empty_label="Any")
    campaign = django_filters.ModelChoiceFilter(
        "orchestration_id", label="Sent by", queryset=with_messages, empty_label="Anything", method="sent_by"
    )

    class Meta:
        model = SandboxMessage
        fields: list[str] = []

    def search(self, queryset: SandboxMessageQuerySet, name: str, value: str) -> SandboxMessageQuerySet:
        return queryset.search(value)

    def sent_by(self, queryset: SandboxMessageQuerySet, name: str, value: Orchestration) -> QuerySet[SandboxMessage]:
        return queryset.filter(orchestration_id=value.pk)
