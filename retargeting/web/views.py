from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from retargeting.web import panels, searching
from retargeting.web.access import can_administer


def home(request: HttpRequest) -> HttpResponse:
    return render(
        request,
        "web/home.html",
        {
            "concerns": panels.concerns(),
            "quick_start": panels.quick_start(administers=can_administer(request.user)),
            "main": panels.shown(request, "main"),
            "side": panels.shown(request, "side"),
        },
    )


def search(request: HttpRequest) -> HttpResponse:
    words = request.GET.get("q", "").strip()[:200]
    return render(request, "web/search.html", {"words": words, "groups": searching.search(words)})
