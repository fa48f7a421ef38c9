"""What recipients reach from their messages: the open pixel, click links, and the unsubscribe page."""

from __future__ import annotations

import base64

from django.contrib.auth.decorators import login_not_required
from django.core.signing import BadSignature
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from retargeting.conditions.nodes import Interaction
from retargeting.messaging.actions import record_reaction, unsubscribe
from retargeting.messaging.clicks import record_click
from retargeting.messaging.following import follow
from retargeting.messaging.machines import is_machine
from retargeting.messaging.receipts import record_report
from retargeting.messaging.tracking import Recipient, read_token

PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


def _recipient(purpose: str, token: str, url: str = "") -> Recipient:
    try:
        return read_token(purpose, token, url)
    except BadSignature:
        raise Http404("This link is not one of ours, or it is not complete.") from None


@login_not_required
@require_safe
def open_pixel(request: HttpRequest, token: str) -> HttpResponse:
    """An open. Every fetch counts: reading twice is two opens."""
    recipient = _recipient("open", token)
    record_reaction(recipient=recipient, event=Interaction.OPENED, machine=is_machine(request, recipient))
    return HttpResponse(PIXEL, content_type="image/gif", headers={"Cache-Control": "no-store"})


@login_not_required
@require_safe
def click(request: HttpRequest, token: str) -> HttpResponse:
    """A click, and on to where the link leads. The address is part of what was signed."""
    url = request.GET.get("to", "")
    recipient = _recipient("click", token, url)
    record_click(recipient=recipient, url=url, machine=is_machine(request, recipient))
    response = HttpResponseRedirect(url)
    response["Cache-Control"] = "no-store"
    return response


@login_not_required
@require_safe
def short_link(request: HttpRequest, code: str) -> HttpResponse:
    """A click on a link of a text message, and on to where it leads."""
    try:
        followed = follow(code)
    except BadSignature:
        raise Http404("This link is not one of ours, or it is not complete.") from None
    machine = is_machine(request, followed.recipient)
    record_click(recipient=followed.recipient, url=followed.url, machine=machine)
    response = HttpResponseRedirect(followed.url)
    response["Cache-Control"] = "no-store"
    return response


REPORTED = {str(event): event for event in (Interaction.DELIVERED, Interaction.OPENED, Interaction.CLICKED)}


# Service workers and apps post here, from any origin and without a cookie: the signed token is all they need.
@login_not_required
@csrf_exempt
@require_POST
def report(request: HttpRequest, token: str) -> HttpResponse:
    """What a device says of a push message: delivered, opened (a tap) or clicked (a button). Each counts once."""
    recipient = _recipient("report", token)
    event = REPORTED.get(request.GET.get("event", ""))
    if event is None:
        return HttpResponseBadRequest(f"event is one of {', '.join(REPORTED)}", content_type="text/plain")
    record_report(recipient=recipient, event=event)
    return HttpResponse(status=204, headers={"Access-Control-Allow-Origin": "*"})


# Mail programs post here by themselves (RFC 8058), without a cookie and so without a CSRF token; the signed
# token in the address is what shows that they may.
@login_not_required
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe_page(request: HttpRequest, token: str) -> HttpResponse:
    """A GET shows a button and changes nothing, because scanners follow links; the POST unsubscribes."""
    recipient = _recipient("unsubscribe", token)
    if request.method == "POST":
        unsubscribe(recipient=recipient)
    return render(request, "messaging/unsubscribe.html", {"done": request.method == "POST"})
