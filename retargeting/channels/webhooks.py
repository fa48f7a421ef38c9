"""Where providers call us: `/hooks/CHANNEL/PROVIDER/`, with a signed delivery behind it where they can carry one."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.core.signing import BadSignature
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.views.decorators.csrf import csrf_exempt

from retargeting.channels.adapter import Receiver, Refused
from retargeting.channels.registry import PROVIDERS, config_of
from retargeting.conditions.nodes import Channel


# Providers send no cookie, and so no CSRF token; each one's own signature is checked instead.
@login_not_required
@csrf_exempt
def receive(request: HttpRequest, channel: str, provider: str, token: str = "") -> HttpResponse:
    """Only the provider that is chosen for the channel is listened to, and only what it can prove."""
    kind = PROVIDERS.get(provider)
    if channel not in set(Channel) or kind is None or not issubclass(kind, Receiver):
        return HttpResponseForbidden("Nothing is listened to here.", content_type="text/plain")
    config = config_of(channel)
    if config.provider != provider:
        return HttpResponseForbidden(f"{channel} is not sent through {provider}.", content_type="text/plain")
    try:
        return kind(config).receive(request, token)
    except (BadSignature, Refused) as error:
        return HttpResponseForbidden(f"Refused: {error}", content_type="text/plain")
