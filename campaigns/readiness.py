"""What is still missing before a campaign can go out."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils import timezone

from campaigns.models import Campaign, CampaignStatus, WinnerBy
from campaigns.timing import last_moment
from retargeting.audiences import references
from retargeting.channels.registry import config_of
from retargeting.conditions import codec
from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.nodes import Channel
from retargeting.messaging import content

Problem = tuple[str, str]
"""(section of the editor, sentence): the section is audience, message or when."""


def problems(campaign: Campaign, *, now: bool = False) -> list[Problem]:
    """The gaps of a campaign, in the order of the editor; with `now` a time in the past is none."""
    return [*_audience(campaign), *_message(campaign), *([] if now else _when(campaign))]


def _audience(campaign: Campaign) -> list[Problem]:
    try:
        references.check(codec.decode(campaign.audience))
    except ConditionErrors as errors:
        return [("audience", error.message) for error in errors.errors]
    return []


def _message(campaign: Campaign) -> list[Problem]:
    config = config_of(campaign.channel)
    variants = list(campaign.variants.all())
    found: list[Problem] = []
    for key, told in [("a", campaign.content), *((variant.key, variant.content) for variant in variants)]:
        of = f"variant {key.upper()}: " if variants else ""
        found += [("message", f"{of}{error.message}") for error in content.check(campaign.channel, told)]
    if variants:
        found += _trial(campaign)
    if not config.enabled:
        found.append(("message", f"the channel {config} is switched off"))
    return found


def _trial(campaign: Campaign) -> Iterator[Problem]:
    """What of the way the variants are tried cannot be."""
    if campaign.test_share >= 100:
        return
    if campaign.winner_by == WinnerBy.OPENED and campaign.channel == Channel.SMS:
        yield "message", "nobody can tell whether a text message was opened: have clicks choose the winner"
    if campaign.own_zones:
        yield "when", "the winner is one for all zones: send at one time, or have everybody try the variants"
    if (
        campaign.expires_after is not None
        and campaign.winner_by != WinnerBy.HAND
        and campaign.expires_after <= campaign.winner_after
    ):
        yield "when", "it expires before the winner is chosen"


def _when(campaign: Campaign) -> list[Problem]:
    if campaign.status != CampaignStatus.DRAFT or campaign.send_at is None:
        return []
    if last_moment(campaign, campaign.send_at) <= timezone.now():
        return [("when", "its time is in the past")]
    return []
