"""The list of campaigns, what can be done with several of them, and a new one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from campaigns import actions
from campaigns.filters import CampaignFilter
from campaigns.forms import BulkLabelForm, NewCampaignForm
from campaigns.models import Campaign
from campaigns.querysets import sentences
from retargeting.accounts.permissions import actor_of
from retargeting.orchestrations import figures
from retargeting.web import navigation
from retargeting.web.access import can_write, writer_required
from retargeting.web.editing import ActionFormView
from retargeting.web.lists import ListView


class CampaignList(ListView):
    queryset = Campaign.objects.with_when().select_related("created_by").prefetch_related("labels")
    filterset_class = CampaignFilter
    template_name = "campaigns/list.html"
    sorts = {
        "name": ["name", "id"],
        "status": ["status", "-id"],
        "channel": ["channel", "-id"],
        "when": ["goes_at", "id"],
        "created": ["created_at", "id"],
    }
    default_sort = "-created"
    title = "Campaigns"
    noun = ("campaign", "campaigns")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        shown = list(context["object_list"])
        counted = figures.of_orchestrations([campaign.pk for campaign in shown])
        texts = sentences(campaign.audience for campaign in shown)
        context["rows"] = [(campaign, text, counted[campaign.pk]) for campaign, text in zip(shown, texts, strict=True)]
        if can_write(self.request.user) and not self.is_fragment:
            context["bulk_form"] = BulkLabelForm(auto_id="bulk_%s")
        return context


class CampaignCreate(ActionFormView):
    form_class = NewCampaignForm
    button = "Continue"
    back_label = "Campaigns"

    def title(self) -> str:
        return "New campaign"

    def back(self) -> str:
        return reverse("campaigns")

    def act(self, form: NewCampaignForm) -> str:
        campaign = actions.create_campaign(actor=actor_of(self.request), **form.cleaned_data)
        navigation.forget_counts()
        self.done = f"Created the draft {campaign.name}."
        return reverse("campaign", args=[campaign.pk])


@require_POST
@writer_required
def label_many(request: HttpRequest) -> HttpResponse:
    """Put a label on the ticked campaigns, or take it off them."""
    form = BulkLabelForm(request.POST)
    if form.is_valid():
        label, adding = form.cleaned_data["label"], form.cleaned_data["operation"] == "add"
        with transaction.atomic():
            for campaign in form.cleaned_data["campaign"]:
                labels = {*campaign.labels.all()}
                labels = labels | {label} if adding else labels - {label}
                actions.update_campaign(actor=actor_of(request), campaign=campaign, labels=labels)
        number = len(form.cleaned_data["campaign"])
        many = f"{number} campaign{'' if number == 1 else 's'}"
        done = f"Put {label.name} on {many}." if adding else f"Took {label.name} off {many}."
        messages.success(request, done)
    elif "campaign" in form.errors:
        messages.error(request, "Tick the campaigns first that the label is for.")
    else:
        messages.error(request, "Choose the label.")
    return HttpResponseRedirect(back_to_list(request))


def back_to_list(request: HttpRequest) -> str:
    """The list as it was, with its search and filters."""
    query = request.POST.get("back", "")
    url = f"{reverse('campaigns')}?{query}" if query else reverse("campaigns")
    safe = url_has_allowed_host_and_scheme(url, allowed_hosts={request.get_host()})
    return url if safe and "\n" not in url and "\r" not in url else reverse("campaigns")
