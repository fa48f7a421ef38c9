"""What moves a campaign from one state to the next, and what makes a new one of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from campaigns import actions, moves
from campaigns.breakdown import slice_of
from campaigns.errors import CampaignError
from campaigns.forms import WriteToForm
from campaigns.models import Campaign, CampaignStatus
from campaigns.progress import Progress
from campaigns.views.lists import back_to_list
from retargeting.accounts.permissions import actor_of
from retargeting.conditions import codec
from retargeting.conditions.errors import ConditionErrors
from retargeting.web import navigation
from retargeting.web.access import writer_required
from retargeting.web.confirming import ConfirmView

Verb = Callable[..., Any]


def _move(request: HttpRequest, pk: int, verb: Verb, done: str) -> HttpResponse:
    """Do it and say so; when somebody else was quicker, say that instead."""
    campaign = get_object_or_404(Campaign, pk=pk)
    try:
        verb(actor=actor_of(request), campaign=campaign)
    except CampaignError as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, done.format(campaign.name, moves.how_far(campaign)))
    target = back_to_list(request) if "back" in request.POST else reverse("campaign", args=[pk])
    return HttpResponseRedirect(target)


@require_POST
@writer_required
def unschedule(request: HttpRequest, pk: int) -> HttpResponse:
    return _move(request, pk, moves.unschedule, "{} is a draft again and will not go out by itself.")


@require_POST
@writer_required
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    return _move(request, pk, moves.undo, "{} is a draft again. Nobody was written to.")


@require_POST
@writer_required
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    return _move(request, pk, moves.pause, "Paused {}: {}. What is with the provider now still goes out.")


@require_POST
@writer_required
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    return _move(request, pk, moves.resume, "{} goes on where it was paused.")


@require_POST
@writer_required
def archive(request: HttpRequest, pk: int) -> HttpResponse:
    navigation.forget_counts()
    return _move(request, pk, actions.archive, "Archived {}. It stays a target for conditions.")


@require_POST
@writer_required
def unarchive(request: HttpRequest, pk: int) -> HttpResponse:
    navigation.forget_counts()
    return _move(request, pk, actions.unarchive, "{} is back in the list.")


class Cancel(ConfirmView):
    """Stop for good, knowing how many have been sent and how many will not be."""

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.campaign = get_object_or_404(Campaign, pk=kwargs["pk"])

    def question(self) -> dict[str, Any]:
        campaign, back = self.campaign, reverse("campaign", args=[self.campaign.pk])
        if campaign.status == CampaignStatus.SCHEDULED:
            sentence = "It will not go out. To change it and send it later, take it back to a draft instead."
        else:
            progress = Progress.of(campaign)
            with_provider = f", {progress.sending:,} with the provider now" if progress.sending else ""
            sentence = f"{progress.sent:,} sent{with_provider}, {progress.stopped:,} will not be sent."
            sentence += " This cannot be taken back."
        return {"title": f"Cancel {campaign.name}?", "sentence": sentence, "button": "Cancel it", "back": back}

    def act(self) -> str:
        try:
            moves.cancel(actor=actor_of(self.request), campaign=self.campaign)
        except CampaignError as error:
            messages.warning(self.request, str(error))
        else:
            messages.success(self.request, f"Canceled {self.campaign.name}: {moves.how_far(self.campaign)}.")
        return reverse("campaign", args=[self.campaign.pk])


@require_POST
@writer_required
def duplicate(request: HttpRequest, pk: int) -> HttpResponse:
    copy = actions.duplicate(actor=actor_of(request), campaign=get_object_or_404(Campaign, pk=pk))
    navigation.forget_counts()
    messages.success(request, f"This is a copy: {copy.name}.")
    return HttpResponseRedirect(reverse("campaign", args=[copy.pk]))


@require_POST
@writer_required
def follow_up(request: HttpRequest, pk: int) -> HttpResponse:
    """From a number of the report to a draft whose audience is those people."""
    campaign = get_object_or_404(Campaign, pk=pk)
    among = None
    if by := request.POST.get("by", ""):
        among = slice_of(campaign, by, request.POST.get("value", ""))
        if among is None:
            raise Http404("This campaign has no such breakdown.")
    try:
        draft = actions.follow_up(
            actor=actor_of(request), campaign=campaign, outcome=request.POST.get("outcome", ""), among=among
        )
    except KeyError:
        raise Http404("There is no such outcome on this channel.") from None
    navigation.forget_counts()
    messages.success(request, f"A draft to those people: {draft.name}. Write its message next.")
    return HttpResponseRedirect(f"{reverse('campaign', args=[draft.pk])}?step=message")


@require_POST
@writer_required
def write_to(request: HttpRequest) -> HttpResponse:
    """From the people behind a number anywhere to a draft whose audience they are."""
    try:
        audience = codec.decode(json.loads(request.POST.get("audience", "")))
        form = WriteToForm(request.POST)
        if not form.is_valid():
            return HttpResponseBadRequest("There is no such channel, or no name.")
        draft = actions.create_campaign(actor=actor_of(request), audience=audience, **form.cleaned_data)
    except (ValueError, RecursionError, ConditionErrors):
        return HttpResponseBadRequest("This is not an audience.")
    navigation.forget_counts()
    messages.success(request, f"A draft to those people: {draft.name}. Write its message next.")
    return HttpResponseRedirect(f"{reverse('campaign', args=[draft.pk])}?step=message")
