"""What a launch would do if it came now: whom it would reach, whom not and why, and whether that looks meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils import timezone
from pyroaring import BitMap

from campaigns.models import Campaign, Run
from retargeting.audiences import references
from retargeting.audiences.builder.panel import Line
from retargeting.audiences.engine import evaluate
from retargeting.conditions import codec
from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.nodes import Channel
from retargeting.conditions.operators import CHANNELS
from retargeting.messaging.eligibility import ABOUT_ADDRESSES, Intent, left_out
from retargeting.messaging.models import SkipReason

UNUSUAL_FACTOR = 2
WHOLES = {"matched": "Match now", "recipients": "Will be sent it", "later": "Put off first, by quiet hours or a cap"}
"""Parts of a reach that are no reasons."""

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
class Reach:
    """The way from those who match to those who would be sent it. `skips` are disjoint, in the order of asking.

    Of those who would be sent it, `later` are put off first: by quiet hours, or by a cap.
    """

    matched: BitMap
    skips: Mapping[SkipReason, BitMap]
    later: BitMap

    @property
    def recipients(self) -> BitMap:
        return self.matched - BitMap.union(*self.skips.values())

    def lines(self, channel: str, url: Callable[[str], str] = lambda part: "") -> Iterator[Line]:
        """One line a step, for a waterfall. `url` gives where the people of a part are listed."""
        whole = left = len(self.matched)
        yield Line("Match", whole, strong=True, bar=bar(0, whole, whole), url=url("matched"))
        for reason, people in self.skips.items():
            left -= len(people)
            yield Line(skip_words(reason, channel), -len(people), bar=bar(left, len(people), whole), url=url(reason))
        yield Line("Will be sent", left, strong=True, bar=bar(0, left, whole), url=url("recipients"))
        if self.later:
            yield Line("of them later", len(self.later), bar=bar(0, len(self.later), whole), url=url("later"))

    def part(self, name: str) -> BitMap:
        """The people of a line. KeyError for none of that name."""
        if name in WHOLES:
            return {"matched": self.matched, "recipients": self.recipients, "later": self.later}[name]
        return {str(reason): people for reason, people in self.skips.items()}[name]


def bar(start: int, length: int, whole: int) -> tuple[str, str]:
    """Where the bar of a line starts and how long it is, in percent."""
    return (f"{100 * start / whole:.2f}", f"{100 * length / whole:.2f}") if whole else ("0", "0")


def reach(campaign: Campaign, members: BitMap) -> Reach:
    """As of now, or as of the time it is to go out at."""
    ahead = campaign.send_at if campaign.send_at and campaign.send_at > timezone.now() else None
    intent = Intent(campaign.channel, campaign.pk, priority=campaign.priority, holdout=campaign.holdout, at=ahead)
    answer = left_out(members, intent)
    skips = {why: people for why, people in answer.skipped.items() if people or why in ABOUT_ADDRESSES}
    return Reach(members, skips, answer.postponed)


@dataclass(frozen=True)
class Forecast:
    """`recipients` are those who would be sent it. `warnings` ask for a second look."""

    reach: Reach
    recipients: BitMap
    lines: list[Line]
    live: int
    as_of: datetime
    took_ms: float
    warnings: list[str]

    @property
    def matched(self) -> int:
        return len(self.reach.matched)

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
    found = reach(campaign, evaluation.members)
    return Forecast(
        reach=found,
        recipients=found.recipients,
        lines=list(
            found.lines(campaign.channel, lambda part: reverse("campaign-reach", args=[campaign.pk, str(part)]))
        ),
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
        channel = CHANNELS[Channel(campaign.channel)].noun
        before = f"the last campaign by {channel}, {last.campaign.name}, which went to an audience of {last.matched:,}"
        if matched > UNUSUAL_FACTOR * last.matched:
            found.append(f"The audience of {matched:,} is {matched / last.matched:,.1f} times that of {before}.")
        elif matched and matched * UNUSUAL_FACTOR < last.matched:
            found.append(
                f"The audience of {matched:,} is only {100 * matched / last.matched:.0f} % of that of {before}."
            )
    return found
