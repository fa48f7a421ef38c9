"""What an admin should know of sending: a channel on which much fails or waits for its provider."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from django.core.cache import cache
from django.db.models import Count, Q
from django.utils import timezone

from retargeting.messaging.models import Delivery, DeliveryStatus, Dispatch
from retargeting.profiles.models import CHANNEL_CHOICES
from retargeting.web.panels import Concern

LOOKED_AT = timedelta(days=1)
TRIED = [DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.RETRY]
FEWEST, WORST_SHARE = 20, 0.2
CACHE_SECONDS = 60


def failing_channels() -> Iterator[Concern]:
    tried = cache.get_or_set("messaging-tried-lately", tried_lately, CACHE_SECONDS) or {}
    for channel, name in CHANNEL_CHOICES:
        found = tried.get(str(channel), {})
        total, failed = sum(found.values()), found.get(DeliveryStatus.FAILED, 0)
        waiting = found.get(DeliveryStatus.RETRY, 0)
        if total >= FEWEST and (failed + waiting) / total > WORST_SHARE:
            yield Concern(
                f"{name} is failing: of {total:,} messages of the last day {failed:,} failed"
                f" and {waiting:,} wait to be tried again.",
                level="danger",
            )


def tried_lately() -> dict[str, dict[str, int]]:
    """Deliveries of what was under way in the last day, by channel and status."""
    lately = timezone.now() - LOOKED_AT
    dispatches = Dispatch.objects.filter(Q(finished_at__gte=lately) | Q(finished_at=None), started_at__isnull=False)
    channels = dict(dispatches.values_list("pk", "channel"))
    rows = Delivery.objects.filter(dispatch__in=list(channels), status__in=TRIED).values_list("dispatch", "status")
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for dispatch, status, number in rows.annotate(Count("pk")).order_by():
        found[channels[dispatch]][status] += number
    return {channel: dict(statuses) for channel, statuses in found.items()}
