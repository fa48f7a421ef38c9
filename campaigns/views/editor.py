"""The editor of a draft: four cards that save themselves and can be left and come back to."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.views import View

from campaigns import actions
from campaigns.errors import CampaignError
from campaigns.forecast import Forecast, forecast
from campaigns.forms import MessageForm, NameForm, WhenForm
from campaigns.models import Campaign, CampaignStatus
from campaigns.querysets import sentences
from campaigns.readiness import Problem, problems
from campaigns.stepping import STEPS, steps_of
from campaigns.variants import told_of, write_variant
from campaigns.views import languages
from campaigns.views.audience import audience_form
from campaigns.views.preview import preview_of
from campaigns.views.variants import card, chosen
from campaigns.wording import limit_words, schedule_words, trial_words
from retargeting.accounts.permissions import actor_of
from retargeting.audiences.builder.suggestions import suggestions
from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.nodes import Channel
from retargeting.messaging.languages import told_in
from retargeting.messaging.testing import Preview
from retargeting.web.access import can_write, check_writer
from retargeting.web.confirming import go
from retargeting.web.editing import ActionFormView

# Attributes with other names cannot be written as a word in a template.
PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OWN_NAMES = ["profile.external_id", "profile.language", "campaign.name"]


class Editor(View):
    """GET shows one of the cards; POST saves it: by itself while somebody types (htmx), or on the way to the next."""

    campaign: Campaign

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.campaign = get_object_or_404(Campaign.objects.prefetch_related("labels"), pk=kwargs["pk"])

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if self.campaign.status != CampaignStatus.DRAFT:
            if request.method == "POST":
                messages.warning(request, "Only a draft can be changed; nothing was saved.")
            return go(request, reverse("campaign-report", args=[self.campaign.pk]))
        return super().dispatch(request, *args, **kwargs)

    @property
    def step(self) -> str:
        asked = self.request.GET.get("step", "")
        return asked if asked in STEPS else "audience"

    @property
    def variant(self) -> str:
        """The key of the variant that is edited."""
        return chosen(self.campaign, self.request.GET.get("variant", "")).key

    @property
    def language(self) -> str:
        """The code of the language that is edited; empty for the default."""
        asked = self.request.GET.get("language", "")
        return asked if asked in told_in(chosen(self.campaign, self.variant).content) else ""

    @cached_property
    def forecast(self) -> Forecast | None:
        return forecast(self.campaign)

    @cached_property
    def problems(self) -> list[Problem]:
        return problems(self.campaign)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = self.form()
        return self.page(form)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        check_writer(request.user)
        form = self.form(request.POST)
        quiet = bool(getattr(request, "htmx", None))
        if form is not None and form.is_valid():
            try:
                self.save(form)
            except CampaignError as error:
                messages.warning(request, str(error))
                return go(request, reverse("campaign", args=[self.campaign.pk]))
            except ConditionErrors as errors:
                form.add_error("audience", [error.message for error in errors.errors])
            else:
                if not quiet:
                    return HttpResponseRedirect(self.next_url())
        if quiet:
            return self.saved(form)
        return self.page(form, status=422 if form is not None and any(form.errors.values()) else 200)

    def save(self, form: Any) -> None:
        actor, campaign = actor_of(self.request), self.campaign
        if self.step == "message":
            self.campaign = write_variant(actor=actor, campaign=campaign, key=self.variant, content=form.content)
        else:
            self.campaign = actions.update_campaign(actor=actor, campaign=campaign, **form.changes())

    def next_url(self) -> str:
        asked = self.request.POST.get("go", "")
        url = f"{reverse('campaign', args=[self.campaign.pk])}?step={asked if asked in STEPS else self.step}"
        same = asked == self.step == "message"
        return f"{url}&{urlencode({'variant': self.variant, 'language': self.language})}" if same else url

    def form(self, data: Any = None) -> Any:
        match self.step:
            case "audience":
                return audience_form(self.campaign, data)
            case "message":
                whole = chosen(self.campaign, self.variant).content
                return MessageForm(self.campaign.channel, data, whole=whole, language=self.language)
            case "when":
                zone = timezone.get_current_timezone_name()
                return WhenForm(data, initial=WhenForm.initial_for(self.campaign, zone))
        return None

    def page(self, form: Any, status: int = 200) -> HttpResponse:
        return render(self.request, "campaigns/editor.html", self.context(form), status=status)

    def saved(self, form: Any) -> HttpResponse:
        """What an autosave changes on the page, each part for its own place; what is being typed stays alone."""
        return render(self.request, "campaigns/editor_saved.html", self.context(form, quiet=True))

    def context(self, form: Any, *, quiet: bool = False) -> dict[str, Any]:
        # While a message is typed the audience stays what it is; it is not computed anew with every pause.
        changed = {self.step, "review"} if quiet else set(STEPS)
        context: dict[str, Any] = {
            "campaign": self.campaign,
            "form": form,
            "step": self.step,
            "steps": steps_of(self.campaign, self.step, keys=changed, counted=lambda: self.forecast),
            "template": f"campaigns/steps/{self.step}.html",
            "editable": can_write(self.request.user),
            "refused": form is not None and form.is_bound and bool(form.errors),
            "now": timezone.now(),
        }
        if self.step in {"audience", "review"}:
            context["forecast"] = self.forecast
            [context["sentence"]] = sentences([self.campaign.audience])
        if self.step == "message":
            context |= self.message_context(form)
        if self.step == "review":
            context |= self.messages_context()
        if self.step in {"when", "review"}:
            context["moment"] = schedule_words(self.campaign) if self.campaign.send_at else ""
            context["limits"] = limit_words(self.campaign)
        if self.step == "review":
            context["problems"] = [(section, text[:1].upper() + text[1:]) for section, text in self.problems]
        return context

    def message_context(self, form: Any) -> dict[str, Any]:
        told = chosen(self.campaign, self.variant)
        content = form.content if form.is_bound and form.is_valid() else told.content
        words = self.request.POST.get("as", "") or self.request.GET.get("as", "")
        somebody = None if words else self.forecast
        shown = preview_of(self.campaign, content, words, somebody, variant=told.key, language=self.language)
        fields = [(field, form[field.key], _mistake(shown.preview, form, field.key)) for field in form.shown]
        return {
            **card(self.request, self.campaign, told.key),
            **languages.bar(self.campaign, told, self.language),
            "told": told,
            "shown": shown,
            "preview": shown.preview,
            "as_words": words or (shown.preview.person.external_id if shown.preview.person else ""),
            "fields": [(bound, mistake) for field, bound, mistake in fields if not field.setting],
            "settings": [(bound, mistake) for field, bound, mistake in fields if field.setting],
            "settings_open": any(told.content.get(field.key) for field in form.shown if field.setting),
            "attributes": sorted(filter(PLAIN_NAME.fullmatch, suggestions().attributes))[:40],
            "own_names": [*OWN_NAMES, *(["unsubscribe_url"] if self.campaign.channel == Channel.EMAIL else [])],
        }

    def messages_context(self) -> dict[str, Any]:
        """Every variant as the same person would get it."""
        told = told_of(self.campaign)
        first = preview_of(self.campaign, told[0].content, "", self.forecast)
        words = first.preview.person.external_id if first.preview.person else ""
        others = [preview_of(self.campaign, each.content, words, None, variant=each.key) for each in told[1:]]
        return {
            "previews": list(zip(told, [first, *others], strict=True)),
            "trying": trial_words(self.campaign) if others else "",
        }


def _mistake(preview: Preview, form: Any, key: str) -> str:
    """What is wrong with one field: it cannot be stored, or the template in it is not right yet."""
    if form.errors.get(key):
        return str(form.errors[key][0])
    return next((error.message for error in preview.errors if error.field == form.place_of(key)), "")


class CampaignName(ActionFormView):
    """Name and labels can change at any time."""

    form_class = NameForm
    done = "Saved."

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.campaign = get_object_or_404(Campaign, pk=kwargs["pk"])
        self.back_label = self.campaign.name

    def title(self) -> str:
        return "Name and labels"

    def back(self) -> str:
        return reverse("campaign", args=[self.campaign.pk])

    def get_initial(self) -> dict[str, Any]:
        return {"name": self.campaign.name, "labels": self.campaign.labels.all()}

    def act(self, form: NameForm) -> str:
        actions.update_campaign(actor=actor_of(self.request), campaign=self.campaign, **form.cleaned_data)
        return self.back()
