"""How far a campaign has come, from its deliveries alone: cheap enough to be asked every two seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from campaigns.models import Campaign, CampaignStatus, Run
from retargeting.messaging import dispatches
from retargeting.messaging.models import Delivery, DeliveryStatus, DispatchStatus, SkipReason


@dataclass(frozen=True)
class Progress:
    """Of the last run. `matched` is None while a worker is still working out who is in the audience.

    `counts` are by status; `canceled` are those of the skipped who had been put off when it was canceled.
    """

    status: str
    matched: int | None
    counts: dict[str, int]
    canceled: int = 0
    for_winner: int = 0
    """Those who wait for the winner among the variants."""
    held_until: datetime | None = None
    """Until then its launch can be undone."""

    @classmethod
    def of(cls, campaign: Campaign) -> Progress:
        run = Run.objects.filter(campaign=campaign).select_related("dispatch").order_by("-number").first()
        if run is None or (run.matched is None and run.dispatch.status != DispatchStatus.COMPLETED):
            return cls(campaign.status, None, {}, held_until=run.dispatch.held_until if run else None)
        deliveries = Delivery.objects.filter(dispatch=run.dispatch_id).order_by()
        counts = dict(deliveries.values_list("status").annotate(Count("id")))
        canceled = deliveries.filter(status=DeliveryStatus.SKIPPED, reason=SkipReason.CANCELED).count()
        return cls(
            campaign.status, run.matched or 0, counts, canceled, dispatches.number_awaiting_winner(run.dispatch)
        )

    @property
    def sent(self) -> int:
        return self.counts.get(DeliveryStatus.SENT, 0)

    @property
    def skipped(self) -> int:
        return self.counts.get(DeliveryStatus.SKIPPED, 0)

    @property
    def failed(self) -> int:
        return self.counts.get(DeliveryStatus.FAILED, 0)

    @property
    def uncertain(self) -> int:
        return self.counts.get(DeliveryStatus.UNCERTAIN, 0)

    @property
    def sending(self) -> int:
        """With a provider at this moment."""
        return self.counts.get(DeliveryStatus.SENDING, 0)

    @property
    def later(self) -> int:
        """Put off by quiet hours or a cap, or to be tried again."""
        return self.counts.get(DeliveryStatus.DEFERRED, 0) + self.counts.get(DeliveryStatus.RETRY, 0)

    @property
    def settled(self) -> int:
        open_ones = (DeliveryStatus.SENDING, DeliveryStatus.RETRY, DeliveryStatus.DEFERRED)
        return sum(number for status, number in self.counts.items() if status not in open_ones)

    @property
    def waiting(self) -> int:
        """Those who may still get it: not written to yet, put off, or to be tried again."""
        return max(0, (self.matched or 0) - self.settled)

    @property
    def stopped(self) -> int:
        """Of one that is paused or canceled: those who have not got it and are not just getting it."""
        return self.waiting - self.sending + self.canceled

    @property
    def is_moving(self) -> bool:
        return self.status == CampaignStatus.RUNNING
