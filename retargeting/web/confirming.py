"""Asking before something that cannot be taken back: a page of its own, or the same words in a dialog.

A link with `hx-get` to the page and `hx-target="#dialog"` opens it in the dialog; without JavaScript the link just
leads to the page. Either way the answer is a POST to the same address.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.views import View

from retargeting.web.access import WriterRequiredMixin


class ConfirmView(WriterRequiredMixin, View):
    """Give `question` what the reader needs to know, and do it in `act`, which returns where to go next."""

    danger = True

    def question(self) -> dict[str, Any]:
        """`title`, `sentence`, `button`, `back` (an address); and `consequences`, a list of sentences, if any."""
        raise NotImplementedError

    def act(self) -> str:
        raise NotImplementedError

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return ask(request, danger=self.danger, **self.question())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return go(request, self.act())


def ask(request: HttpRequest, **context: Any) -> HttpResponse:
    """Show web/confirm.html, as a page or for the dialog."""
    htmx = getattr(request, "htmx", None)
    layout = "web/dialog.html" if htmx and htmx.target == "dialog" else "base.html"
    response = render(request, "web/confirm.html", {"layout": layout, **context})
    response["Vary"] = "HX-Request, HX-Target"
    return response


def in_use(request: HttpRequest, *, title: str, places: list[str], back: str) -> HttpResponse:
    """Show web/in_use.html: why something cannot be deleted, as a page or for the dialog."""
    htmx = getattr(request, "htmx", None)
    layout = "web/dialog.html" if htmx and htmx.target == "dialog" else "base.html"
    context = {"layout": layout, "title": title, "places": places, "back": back}
    response = render(request, "web/in_use.html", context)
    response["Vary"] = "HX-Request, HX-Target"
    return response


def go(request: HttpRequest, url: str) -> HttpResponse:
    """A redirect of the whole page, also for a request made by HTMX."""
    if getattr(request, "htmx", None):
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
