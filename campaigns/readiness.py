"""What is still missing before a campaign can go out."""

from __future__ import annotations

from django.utils import timezone

from campaigns.models import Campaign, CampaignStatus
from campaigns.timing import last_moment
from retargeting.audiences import references
from retargeting.channels.registry import config_of
from retargeting.conditions import codec
from retargeting.conditions.errors import ConditionErrors
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
    found = [("message", error.message) for error in content.check(campaign.channel, campaign.content)]
    if not config.enabled:
        found.append(("message", f"the channel {config} is switched off"))
    return found


def _when(campaign: Campaign) -> list[Problem]:
    if campaign.status != CampaignStatus.DRAFT or campaign.send_at is None:
        return []
    if last_moment(campaign, campaign.send_at) <= timezone.now():
        return [("when", "its time is in the past")]
    return []
