from __future__ import annotations

from typing import Any

from csp.decorators import csp
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.generic import DetailView

from retargeting.channels.filters import OutboxFilter
from retargeting.channels.models import SandboxMessage
from retargeting.orchestrations.models import Orchestration
from retargeting.profiles.models import Profile
from retargeting.web.lists import ListView


class Outbox(ListView):
    """What the sandbox "delivered"."""

    queryset = SandboxMessage.objects.all()
    filterset_class = OutboxFilter
    template_name = "channels/outbox.html"
    sorts = {"at": ["id"]}
    default_sort = "-at"
    title = "Outbox"
    noun = ("message", "messages")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        messages = list(context["object_list"])
        senders = Orchestration.objects.in_bulk({message.orchestration_id for message in messages})
        people = Profile.objects.in_bulk({message.profile_id for message in messages})
        context["rows"] = [
            (message, senders.get(message.orchestration_id), people.get(message.profile_id)) for message in messages
        ]
        return context


class OutboxMessage(DetailView):
    """One message as its reader would see it: on a phone, in a mail program, as a banner."""

    model = SandboxMessage
    template_name = "channels/outbox_message.html"
    context_object_name = "message"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        message = self.object
        return super().get_context_data(
            sender=Orchestration.objects.filter(pk=message.orchestration_id).first(),
            person=Profile.objects.filter(pk=message.profile_id).first(),
            **kwargs,
        )


# A mail's HTML is somebody else's page: it may show itself and its pictures, run nothing and reach nothing. Links
# open outside of the frame, which the sandbox of the frame and of this policy both allow and nothing else.
MAIL_POLICY = {
    "default-src": ["'none'"],
    "img-src": ["'self'", "data:", "https:", "http:"],
    "style-src": ["'unsafe-inline'"],
    "font-src": ["https:", "data:"],
    "frame-ancestors": ["'self'"],
    "form-action": ["'none'"],
    "base-uri": ["'none'"],
    "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox"],
}


@method_decorator([csp(MAIL_POLICY), xframe_options_sameorigin], name="dispatch")
class OutboxHtml(View):
    """The HTML of a mail by itself, for the frame."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        message = get_object_or_404(SandboxMessage, pk=pk)
        html = message.content.get("html")
        if not html:
            raise Http404("This message has no HTML.")
        response = HttpResponse('<base target="_blank">' + html)
        response["Referrer-Policy"] = "no-referrer"
        return response
