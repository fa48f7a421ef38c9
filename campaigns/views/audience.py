"""The audience card's condition builder: answers each change of it, and saves whatever is finished."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST
from pyroaring import BitMap

from campaigns import actions
from campaigns.errors import CampaignError
from campaigns.forecast import reach
from campaigns.forms import AudienceForm
from campaigns.models import Campaign, CampaignStatus
from campaigns.stepping import steps_of
from retargeting.accounts.permissions import actor_of
from retargeting.audiences.builder.field import AudienceField, AudienceWidget, answer
from retargeting.audiences.builder.panel import Line
from retargeting.conditions.errors import ConditionErrors
from retargeting.web.access import can_write

NAME = "audience"


def audience_form(campaign: Campaign, data: object = None) -> AudienceForm:
    return AudienceForm(data, initial={NAME: campaign.audience}, field=audience_field(campaign))


def audience_field(campaign: Campaign) -> AudienceField:
    return AudienceField(
        url=reverse("campaign-builder", args=[campaign.pk]), lines=partial(_lines, campaign), label="Audience"
    )


def _lines(campaign: Campaign, members: BitMap) -> Iterator[Line]:
    return reach(campaign, members).lines(campaign.channel)


@require_POST
def builder(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = get_object_or_404(Campaign, pk=pk)
    response = answer(request, audience_field(campaign), NAME)
    if can_write(request.user) and campaign.status == CampaignStatus.DRAFT:
        response.write(_saved(request, campaign))
    return response


def _saved(request: HttpRequest, campaign: Campaign) -> str:
    """What the autosave changes around the builder. An unfinished condition leaves the saved audience as it was."""
    field = audience_field(campaign)
    draft = AudienceWidget().value_from_datadict(request.POST, request.FILES, NAME)
    if draft is not None:
        # The button has been seen to; what is left is a tree like any other.
        draft.operation = ""
    try:
        campaign = actions.update_campaign(actor=actor_of(request), campaign=campaign, audience=field.clean(draft))
        refused = ""
    except (ValidationError, ConditionErrors):
        refused = "not saved: finish the condition"
    except CampaignError as error:
        refused = f"not saved: {error}"
    steps = steps_of(campaign, "audience", keys={"audience", "review"})
    context = {"campaign": campaign, "refused": refused, "now": timezone.now(), "steps": steps, "step": "audience"}
    return render_to_string("campaigns/editor_saved.html", context, request)
