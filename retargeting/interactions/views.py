from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from retargeting.interactions.overview import overview


def channel_overview(request: HttpRequest) -> HttpResponse:
    """The home page's card of channels, which asks for itself when its numbers have to be counted first."""
    htmx = getattr(request, "htmx", None)
    template = "interactions/panel_channels.html" if htmx else "interactions/channels.html"
    return render(request, template, {"panel": {"channels": overview()}})
