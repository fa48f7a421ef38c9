"""How far a campaign has come, from its deliveries alone: cheap enough to be asked every two seconds."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count

from campaigns.models import Campaign, CampaignStatus, Run
from retargeting.messaging.models import Delivery, DeliveryStatus, DispatchStatus


@dataclass(frozen=True)
class Progress:
    """`matched` is None while a worker is still working out who is in the audience; `counts` are by status."""

    status: str
    matched: int | None
    counts: dict[str, int]

    @classmethod
    def of(cls, campaign: Campaign) -> Progress:
        run = Run.objects.filter(campaign=campaign).select_related("dispatch").order_by("-number").first()
        if run is None or (run.matched is None and run.dispatch.status != DispatchStatus.COMPLETED):
            return cls(campaign.status, None, {})
        rows = Delivery.objects.filter(dispatch=run.dispatch_id).order_by().values_list("status")
        return cls(campaign.status, run.matched or 0, dict(rows.annotate(Count("id"))))

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
    def settled(self) -> int:
        open_ones = (DeliveryStatus.SENDING, DeliveryStatus.RETRY)
        return sum(number for status, number in self.counts.items() if status not in open_ones)

    @property
    def waiting(self) -> int:
        """Those who may still get it: not written to yet, or to be tried again."""
        return max(0, (self.matched or 0) - self.settled)

    @property
    def is_moving(self) -> bool:
        return self.status == CampaignStatus.RUNNING
