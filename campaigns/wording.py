"""Words that the pages of campaigns share."""

from __future__ import annotations

from datetime import UTC, datetime

from django.utils import timezone


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
