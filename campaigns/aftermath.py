"""What is decided about a campaign when it has gone out: failed messages once more, and the uncertain ones."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction

from campaigns.models import Campaign, CampaignStatus
from retargeting.accounts.actions import Actor, note
from retargeting.messaging import settling
from retargeting.messaging.models import Dispatch, DispatchStatus
from retargeting.messaging.settling import Decision

TOLD = {
    Decision.RESEND: "are sent again",
    Decision.SENT: "count as sent",
    Decision.FAILED: "count as failed",
}


def dispatches_of(campaign: Campaign) -> list[int]:
    return list(Dispatch.objects.filter(orchestration=campaign.pk).order_by("pk").values_list("pk", flat=True))


@transaction.atomic
def decide_uncertain(
    *, actor: Actor, campaign: Campaign, decision: Decision, ids: Collection[int] | None = None
) -> int:
    """Settle the uncertain deliveries of the campaign, all or those of `ids`; returns how many."""
    number = settling.decide(dispatches=dispatches_of(campaign), decision=decision, ids=ids)
    _go_on(campaign)
    if number:
        summary = f"{number:,} uncertain {_messages(number)} of {campaign.name} {TOLD[decision]}."
        note(actor=actor, verb="decide", instance=campaign, summary=summary)
    return number


@transaction.atomic
def retry_failed(*, actor: Actor, campaign: Campaign) -> int:
    """Try the failed messages again, and nothing else; returns how many. Addresses known to be bad are left alone."""
    number = settling.retry_failed(dispatches=dispatches_of(campaign))
    _go_on(campaign)
    if number:
        summary = f"Tries {number:,} failed {_messages(number)} of {campaign.name} again."
        note(actor=actor, verb="retry", instance=campaign, summary=summary)
    return number


def can_be_retried(campaign: Campaign) -> int:
    return settling.failed(dispatches_of(campaign)).count()


def _go_on(campaign: Campaign) -> None:
    """A campaign that was through is under way again when a run of it is."""
    if Dispatch.objects.filter(orchestration=campaign.pk, status=DispatchStatus.SENDING).exists():
        Campaign.STATES.transition(campaign, CampaignStatus.RUNNING, sources=[CampaignStatus.COMPLETED])


def _messages(number: int) -> str:
    return "message" if number == 1 else "messages"
