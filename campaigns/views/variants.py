"""The card of the variants on the message page: it saves itself, and its buttons add, copy and remove."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from campaigns import variants
from campaigns.errors import CampaignError
from campaigns.forms import VariantsForm
from campaigns.models import Campaign
from campaigns.stepping import steps_of
from campaigns.variants import ORIGINAL, Told
from retargeting.accounts.permissions import actor_of
from retargeting.web.access import can_write, writer_required


def chosen(campaign: Campaign, key: str) -> Told:
    """The variant of that key, or the original for none."""
    told = variants.told_of(campaign)
    return next((each for each in told if each.key == key), told[0])


def card(request: HttpRequest, campaign: Campaign, current: str, form: VariantsForm | None = None) -> dict[str, Any]:
    """What the card needs."""
    told = variants.told_of(campaign)
    form = form or VariantsForm(campaign=campaign, told=told)
    return {
        "campaign": campaign,
        "variants_form": form,
        "variant_rows": [(each, *form.fields_of(each)) for each in told] if len(told) > 1 else [],
        "current": current,
        "most": variants.MOST,
        "editable": can_write(request.user),
    }


@require_POST
@writer_required
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Save the card, and do what its button says. An answer to htmx is the card itself; other ones lead back to it."""
    campaign, told, do = get_object_or_404(Campaign, pk=pk), None, request.POST.get("do", "")
    current = request.POST.get("current", ORIGINAL)
    form = VariantsForm(request.POST, campaign=campaign, told=(told := variants.told_of(campaign)))
    wrong = ""
    if form.is_valid():
        try:
            wanted, current = _done(do, form.told(), current)
            settings = form.settings()
            campaign = variants.set_variants(actor=actor_of(request), campaign=campaign, variants=wanted, **settings)
        except CampaignError as error:
            wrong = str(error)
    else:
        wrong = str(next(iter(form.errors.values()))[0])
    told = variants.told_of(campaign)
    if not getattr(request, "htmx", None):
        if wrong:
            messages.error(request, wrong)
        key = current or told[-1].key
        return HttpResponseRedirect(f"{reverse('campaign', args=[pk])}?step=message&variant={key}")
    context = {
        **card(request, campaign, current, form if wrong else None),
        "wrong": wrong,
        "refused": wrong,
        "now": timezone.now(),
        "steps": steps_of(campaign, "message", keys={"message", "review"}),
        "step": "variants",
    }
    return render(request, "campaigns/variants_saved.html", context)


def _done(do: str, told: list[Told], current: str) -> tuple[list[Told], str]:
    """The variants after what a button asks for, and the key to go on with: empty for one that is new."""
    verb, _, key = do.partition(":")
    match verb:
        case "add":
            return variants.added(told, {}, _new_name(told)), ""
        case "copy":
            source = next((each for each in told if each.key == key), told[0])
            return variants.added(told, source.content, f"{source.name[:54]} copy"), ""
        case "remove":
            return variants.removed(told, key), ORIGINAL if key == current else current
        case "even":
            return variants.evened(told), current
    return told, current


def _new_name(told: list[Told]) -> str:
    taken = {each.name for each in told}
    return next(name for name in (f"Variant {number}" for number in range(2, 99)) if name not in taken)
