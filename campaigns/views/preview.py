"""Seeing the message of a campaign as somebody would get it: beside the editor, as a mail, and as a test."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from campaigns.forecast import Forecast
from campaigns.forms import OWN, TestForm
from campaigns.models import Campaign
from campaigns.variants import ORIGINAL, told_of
from retargeting.accounts.permissions import actor_of
from retargeting.audiences.builder.panel import find_person
from retargeting.channels.adapter import Result
from retargeting.messaging.languages import told_in
from retargeting.messaging.models import Dispatch
from retargeting.messaging.testing import Preview, TestRefused, preview, send_test
from retargeting.profiles.models import Profile
from retargeting.web.editing import ActionFormView

# A mail is a stranger's HTML: no scripts, no forms, nothing of ours within its reach.
MAIL_POLICY = (
    "sandbox; default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline'; font-src https: data:;"
    " frame-ancestors 'self'"
)


@dataclass(frozen=True)
class Shown:
    """A preview and where its mail is; `unknown` says that nobody goes by the words that were typed."""

    preview: Preview
    mail_url: str
    unknown: bool

    @property
    def template(self) -> str:
        return f"messaging/preview/{self.preview.channel}.html"


def preview_of(
    campaign: Campaign,
    content: Mapping[str, Any],
    words: str,
    forecast: Forecast | None,
    *,
    variant: str = ORIGINAL,
    language: str | None = None,
) -> Shown:
    """As the person that `words` name, or without any as one of those who would get it.

    In the language of a code, or in the one that they read.
    """
    person = find_person(words) if words else _somebody(forecast)
    shown = preview(
        channel=campaign.channel, content=content, profile=person, campaign=campaign.name, language=language
    )
    # The mail in its frame is loaded anew exactly when it has changed.
    version = salted_hmac("preview", shown.content.get("html", "")).hexdigest()[:12]
    asked = {"as": person.external_id if person else "", "variant": variant, "language": shown.language}
    query = urlencode({**asked, "v": version})
    url = f"{reverse('campaign-preview-mail', args=[campaign.pk])}?{query}"
    return Shown(shown, url, bool(words) and person is None)


def _somebody(forecast: Forecast | None) -> Profile | None:
    """Anybody of the audience; of an empty one nobody."""
    if forecast is None or not forecast.recipients:
        return None
    people = forecast.recipients
    return Profile.objects.filter(pk=people[secrets.randbelow(len(people))]).first()


@require_safe
@xframe_options_sameorigin
def mail(request: HttpRequest, pk: int) -> HttpResponse:
    """The HTML of the mail as saved, for a frame without rights."""
    campaign = get_object_or_404(Campaign, pk=pk)
    person = find_person(request.GET.get("as", ""))
    content = content_of(campaign, request.GET.get("variant", ""))
    code = request.GET.get("language", "")
    shown = preview(
        channel=campaign.channel,
        content=content,
        profile=person,
        campaign=campaign.name,
        language=code if code in told_in(content) else "",
    )
    response = HttpResponse(shown.content.get("html", ""))
    response["Content-Security-Policy"] = MAIL_POLICY
    response["Cache-Control"] = "no-store"
    return response


def content_of(campaign: Campaign, key: str) -> Mapping[str, Any]:
    """What the variant of that key says: that of the draft, or of an earlier run; the original for none."""
    for told in told_of(campaign):
        if told.key == key:
            return told.content
    dispatches = Dispatch.objects.filter(orchestration=campaign.pk).order_by("-pk")
    for variants in dispatches.values_list("variants", flat=True):
        for variant in variants:
            if variant["key"] == key:
                found: Mapping[str, Any] = variant["content"]
                return found
    return campaign.content


class SendTest(ActionFormView):
    form_class = TestForm
    button = "Send the test"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.campaign = get_object_or_404(Campaign, pk=kwargs["pk"])
        self.back_label = self.campaign.name

    def title(self) -> str:
        return "Send a test"

    def back(self) -> str:
        return f"{reverse('campaign', args=[self.campaign.pk])}?step=message&variant={self.variant}"

    @property
    def variant(self) -> str:
        return self.request.POST.get("variant", "") or self.request.GET.get("variant", "") or ORIGINAL

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "channel": self.campaign.channel, "told": told_of(self.campaign)}

    def get_initial(self) -> dict[str, Any]:
        language = self.request.GET.get("language") or OWN
        return {"person": self.request.GET.get("as", ""), "variant": self.variant, "language": language}

    def act(self, form: TestForm) -> str:
        person, address = form.cleaned_data["person"], form.cleaned_data["address"]
        try:
            outcome = send_test(
                actor=actor_of(self.request),
                channel=self.campaign.channel,
                content=content_of(self.campaign, self.variant),
                profile=person,
                address=address,
                campaign=self.campaign.name,
                language=form.language(),
            )
        except TestRefused as error:
            raise ValidationError(str(error)) from error
        if outcome.result is not Result.ACCEPTED:
            raise ValidationError(f"The provider did not take it ({outcome.result}). {outcome.detail}")
        self.done = f"Sent a test to {address or person}."
        return self.back()
