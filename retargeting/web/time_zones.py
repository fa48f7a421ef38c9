"""Times on pages are those of the reader's clocks."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone


class TimeZoneMiddleware:
    """Put it after the one that knows the user."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with timezone.override(zone_of(request.user)):
            return self.get_response(request)


def zone_of(user: object) -> ZoneInfo:
    """UTC for visitors, and for whom somebody entered a zone that does not exist."""
    try:
        return ZoneInfo(getattr(user, "time_zone", "") or "UTC")
    except (ValueError, OSError, LookupError):
        return ZoneInfo("UTC")
