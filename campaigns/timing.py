"""What the time of a campaign means for the work on it: when it begins, when it is over for everybody."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from campaigns.models import Campaign
from retargeting.messaging.recurring import span_of, wall_of


def begins_at(campaign: Campaign, send_at: datetime) -> datetime:
    """When work on it begins: for people's own zones when the first one has that time."""
    return span_of(wall_of(send_at, ZoneInfo(campaign.time_zone)))[0] if campaign.own_zones else send_at


def last_moment(campaign: Campaign, send_at: datetime) -> datetime:
    """When the time has come for everybody."""
    return span_of(wall_of(send_at, ZoneInfo(campaign.time_zone)))[1] if campaign.own_zones else send_at


def own_zones(campaign: Campaign) -> dict[str, str] | None:
    """What a run at people's own times needs to know; None for one at one time for all."""
    if not campaign.own_zones or campaign.send_at is None:
        return None
    wall = wall_of(campaign.send_at, ZoneInfo(campaign.time_zone))
    return {"wall": wall.isoformat(), "default": campaign.time_zone, "if_past": campaign.if_past}


def deadline(campaign: Campaign, now: datetime, *, by_hand: bool) -> datetime | None:
    """After which nothing is sent: counted from the start, or from the time of the last zone."""
    if campaign.expires_after is None:
        return None
    start = now if by_hand or campaign.send_at is None else max(now, last_moment(campaign, campaign.send_at))
    return start + timedelta(minutes=campaign.expires_after)


def clock_words(campaign: Campaign) -> str:
    assert campaign.send_at is not None
    return f"{campaign.send_at.astimezone(ZoneInfo(campaign.time_zone)):%-d %b %Y %H:%M} {campaign.time_zone}"
