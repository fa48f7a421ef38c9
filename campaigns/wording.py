"""Words that the pages of campaigns share."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.utils import timezone

from campaigns.models import Campaign, IfPast, WinnerBy
from retargeting.messaging.models import Priority
from retargeting.messaging.recurring import repeat_words


def moment_words(moment: datetime) -> str:
    """“3 Dec 2026, 10:00”, on the reader's clocks."""
    return timezone.localtime(moment).strftime("%-d %b %Y, %H:%M")


def full_moment_words(moment: datetime) -> str:
    """With the zone, and the same moment in UTC where that differs."""
    local = timezone.localtime(moment)
    words = f"{moment_words(moment)} ({timezone.get_current_timezone_name()})"
    if local.utcoffset():
        words += f", {moment.astimezone(UTC):%H:%M} UTC"
    return words


def people_words(number: int) -> str:
    return f"{number:,} {'person' if number == 1 else 'people'}"


def schedule_words(campaign: Campaign) -> str:
    """“3 Dec 2026, 10:00 (Europe/Paris), 09:00 UTC, every Monday”: when a campaign with a time goes out."""
    assert campaign.send_at is not None
    if campaign.own_zones:
        local = campaign.send_at.astimezone(ZoneInfo(campaign.time_zone))
        past = "at once" if campaign.if_past == IfPast.SEND else "not at all"
        words = (
            f"{local:%-d %b %Y, %H:%M} in each person's own zone ({campaign.time_zone} where none is known;"
            f" {past} where that is over for an hour)"
        )
    else:
        words = full_moment_words(campaign.send_at)
    return f"{words}, {repeat_words(campaign.repeat)}" if campaign.repeat else words


def limit_words(campaign: Campaign) -> list[str]:
    """What holds a campaign back, a sentence each."""
    found = []
    if campaign.pace:
        found.append(f"At most {campaign.pace:,} messages a minute.")
    if campaign.expires_after:
        found.append(f"Nothing is sent later than {duration_words(campaign.expires_after)} after the start.")
    if campaign.priority == Priority.HIGH:
        found.append("High priority: it may use what frequency caps keep for such campaigns.")
    if campaign.priority == Priority.SERVICE:
        found.append("A service message: neither caps, quiet hours nor the control group hold it back.")
    if campaign.holdout:
        found.append(f"{campaign.holdout} % of the audience get nothing, for comparison.")
    if campaign.goal_event:
        days = "day" if campaign.goal_days == 1 else f"{campaign.goal_days} days"
        found.append(f"It is to bring about {campaign.goal_event} within {days} of the last message.")
    return found


def trial_words(campaign: Campaign) -> str:
    """How the variants are tried: “20 % of the audience try them; 4 hours later … goes to the others.”"""
    if campaign.test_share == 100:
        return "Everybody gets one of the variants, by lot and always the same one."
    start = f"{campaign.test_share} % of the audience try the variants"
    if campaign.winner_by == WinnerBy.HAND:
        return f"{start}; the others get the one that you choose in the report."
    after = duration_words(campaign.winner_after)
    measure = "opened" if campaign.winner_by == WinnerBy.OPENED else "clicked"
    return f"{start}; {after} after the last of these messages the others get the one that most people {measure}."


def duration_words(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours:,} hour{'' if hours == 1 else 's'}"] if hours else []
    return " ".join([*parts, f"{rest} minute{'' if rest == 1 else 's'}"] if rest or not hours else parts)
