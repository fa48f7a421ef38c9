"""What a launch would do if it came now: whom it would reach, whom not and why, and whether that looks meant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pyroaring import BitMap

from campaigns.models import Campaign, Run
from retargeting.audiences import references
from retargeting.audiences.engine import evaluate
from retargeting.conditions import codec
from retargeting.conditions.errors import ConditionErrors
from retargeting.messaging.eligibility import exclusions
from retargeting.messaging.models import SkipReason
from retargeting.profiles.models import CHANNEL_CHOICES

UNUSUAL_FACTOR = 2


NO_ADDRESS = {
    "push": "no push address",
    "email": "no email address",
    "sms": "no phone number",
    "in_app": "without the app",
}


def skip_words(reason: SkipReason, channel: str) -> str:
    """The reason as a line below a number: “no push address”."""
    return NO_ADDRESS[channel] if reason == SkipReason.NO_ADDRESS else str(reason.label).lower()


@dataclass(frozen=True)
class Forecast:
    """`skips` are (why, how many); `recipients` are those who would be sent it. `warnings` ask for a second look."""

    matched: int
    skips: list[tuple[str, int]]
    recipients: BitMap
    live: int
    as_of: datetime
    took_ms: float
    warnings: list[str]

    @property
    def will_be_sent(self) -> int:
        return len(self.recipients)

    def has_moved_from(self, confirmed: int) -> bool:
        """Whether the number is no longer the one somebody agreed to: by more than 1 % and more than 10 people."""
        difference = abs(self.will_be_sent - confirmed)
        return difference > 10 and difference > 0.01 * confirmed


def forecast(campaign: Campaign) -> Forecast | None:
    """None when the audience refers to something that is gone."""
    tree = codec.decode(campaign.audience)
    try:
        references.check(tree)
    except ConditionErrors:
        return None
    evaluation = evaluate(tree)
    left_out = exclusions(evaluation.members, campaign.channel)
    recipients = evaluation.members - BitMap.union(*left_out.values())
    return Forecast(
        matched=len(evaluation.members),
        skips=[(skip_words(reason, campaign.channel), len(people)) for reason, people in left_out.items()],
        recipients=recipients,
        live=len(evaluation.live),
        as_of=evaluation.as_of,
        took_ms=evaluation.took_ms,
        warnings=list(_warnings(campaign, len(evaluation.members), len(evaluation.live))),
    )


def _warnings(campaign: Campaign, matched: int, live: int) -> list[str]:
    found = []
    if matched and matched == live:
        found.append(f"This goes to everyone: the audience is all {live:,} people there are.")
    last = (
        Run.objects.filter(campaign__channel=campaign.channel, matched__gt=0)
        .exclude(campaign=campaign)
        .select_related("campaign")
        .order_by("-created_at")
        .first()
    )
    if last is not None and last.matched:
        channel = dict(CHANNEL_CHOICES)[campaign.channel]
        before = f"the last {channel} campaign, {last.campaign.name}, which went to an audience of {last.matched:,}"
        if matched > UNUSUAL_FACTOR * last.matched:
            found.append(f"The audience of {matched:,} is {matched / last.matched:,.1f} times that of {before}.")
        elif matched and matched * UNUSUAL_FACTOR < last.matched:
            found.append(f"The audience of {matched:,} is only {matched / last.matched:.0%} of that of {before}.")
    return found
