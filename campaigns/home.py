"""What campaigns add to the frame of every page, to the search and to the home page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, CampaignStatus
from retargeting.accounts.models import Activity
from retargeting.messaging.models import Delivery, DeliveryStatus
from retargeting.web import navigation, panels, searching
from retargeting.web.panels import Concern
from retargeting.web.searching import Hit

SHOWN = 8
REFUSED_FOR = timedelta(days=7)


def count() -> int:
    return Campaign.objects.current().count()


def find(words: str, limit: int) -> Iterable[Hit]:
    for campaign in Campaign.objects.named_like(words)[:limit]:
        detail = f"{campaign.get_status_display()}, {campaign.get_channel_display()}"
        yield Hit(campaign.name, reverse("campaign", args=[campaign.pk]), "send", detail)


def under_way(request: HttpRequest) -> dict[str, Any] | None:
    """Running first, then what comes next, then drafts somebody was working on."""
    running = Campaign.objects.filter(status__in=[CampaignStatus.RUNNING, CampaignStatus.PAUSED]).order_by(
        "launched_at"
    )
    upcoming = Campaign.objects.filter(status=CampaignStatus.SCHEDULED).order_by("send_at")
    drafts = Campaign.objects.current().filter(status=CampaignStatus.DRAFT).order_by("-updated_at")
    return {"running": [*running[:SHOWN], *upcoming[:SHOWN]], "drafts": drafts[:4]}


def concerns() -> Iterator[Concern]:
    for campaign in Campaign.objects.filter(status=CampaignStatus.PAUSED):
        yield Concern(f"{campaign.name} is paused.", reverse("campaign-report", args=[campaign.pk]))
    uncertain = Delivery.objects.filter(
        status=DeliveryStatus.UNCERTAIN, dispatch__orchestration__campaign__archived_at=None
    ).exclude(dispatch__orchestration__campaign=None)
    for row in uncertain.values("dispatch__orchestration", "dispatch__orchestration__name").annotate(n=Count("id")):
        name, id = row["dispatch__orchestration__name"], row["dispatch__orchestration"]
        many = "1 delivery is" if row["n"] == 1 else f"{row['n']:,} deliveries are"
        url = f"{reverse('campaign-deliveries', args=[id])}?status={DeliveryStatus.UNCERTAIN}"
        yield Concern(f"{name}: {many} uncertain.", url)
    yield from _refused()


def _refused() -> Iterator[Concern]:
    """Schedules that were not kept, as long as their campaigns are still drafts."""
    refused = Activity.objects.filter(
        object_type="campaign", verb="refuse", at__gte=timezone.now() - REFUSED_FOR
    ).order_by("-at")
    drafts = Campaign.objects.current().filter(status=CampaignStatus.DRAFT, send_at__isnull=False)
    waiting = {str(pk) for pk in drafts.values_list("pk", flat=True)}
    for line in refused:
        if line.object_id in waiting:
            waiting.discard(line.object_id)
            url = f"{reverse('campaign', args=[line.object_id])}?step=review"
            yield Concern(line.summary, url, level="danger")


def register() -> None:
    navigation.register(navigation.Entry("Reach people", "Campaigns", "campaigns", "send", order=10, count=count))
    searching.register(searching.Searcher("Campaigns", find, order=10))
    panels.register(panels.Panel("campaigns", "campaigns/panel_under_way.html", under_way, column="side", order=10))
    panels.watch(concerns)
    panels.register_step(
        panels.Step(
            "Launch your first campaign",
            "One message to the people you choose. From then on you can follow up by what they do with it.",
            "campaigns",
            Campaign.objects.exclude(launched_at=None).exists,
            order=30,
        )
    )
