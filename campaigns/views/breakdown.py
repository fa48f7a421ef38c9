"""The report by language or address domain, and the files that spreadsheets read."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from campaigns.breakdown import TRAITS, breakdown, columns_of, traits_of
from campaigns.models import Campaign
from campaigns.outcomes import outcomes_of
from campaigns.trial import Result, last_trial
from campaigns.views.files import file_of, percent
from campaigns.views.people import opens_of
from retargeting.messaging.models import Delivery
from retargeting.profiles.models import Profile
from retargeting.web.access import can_write

AT_A_TIME = 2000
FOLLOWED_UP = ("sent", "sent_not_opened", "opened_not_clicked", "sent_not_clicked", "clicked")


@require_safe
def by_trait(request: HttpRequest, pk: int, trait: str) -> HttpResponseBase:
    """A table with a row for each value, most people first; `?as=csv` gives it as a file."""
    campaign = get_object_or_404(Campaign, pk=pk)
    chosen = TRAITS.get(trait)
    if chosen is None or chosen not in traits_of(campaign):
        raise Http404("This campaign has no such breakdown.")
    rows, columns = breakdown(campaign, chosen, opens=opens_of(request)), columns_of(campaign)
    if request.GET.get("as") == "csv":
        lines = [[row.name, *(str(row.people[key]) for key in columns)] for row in rows]
        return file_of(f"{campaign.name} by {chosen.label.lower()}", [chosen.label.lower(), *columns], iter(lines))
    context = {
        "campaign": campaign,
        "trait": chosen,
        "traits": traits_of(campaign),
        "opens": opens_of(request),
        "columns": columns,
        "rows": [(row, [(key, row.people[key], percent(row.share(key))) for key in columns[1:]]) for row in rows],
        "follow_ups": [item for item in outcomes_of(campaign.channel) if item.key in FOLLOWED_UP],
        "editable": can_write(request.user),
    }
    return render(request, "campaigns/breakdown.html", context)


@require_safe
def trial_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """How the variants of the last run did, as a file."""
    campaign = get_object_or_404(Campaign, pk=pk)
    found = last_trial(campaign, opens=opens_of(request))
    if found is None:
        raise Http404("Its last run had no variants.")
    columns = ["variant", "name", "weight", "sent"]
    for measure in found.measures:
        columns += [measure, f"{measure} low", f"{measure} high", f"chance to beat the original, {measure}"]
    return file_of(f"{campaign.name} variants", [*columns, "winner"], map(_trial_line, found.results))


def _trial_line(result: Result) -> list[str]:
    line = [result.key.upper(), result.name, str(result.weight), str(result.sent)]
    for measure, rate in result.rates.items():
        low, high = result.span(measure)
        chance = result.chances[measure]
        line += [str(rate.hits), f"{low:.6f}", f"{high:.6f}", "" if chance is None else f"{chance:.6f}"]
    return [*line, "yes" if result.is_winner else ""]


@require_safe
def deliveries_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Every delivery of the campaign as a file, with why it was skipped or failed."""
    campaign = get_object_or_404(Campaign, pk=pk)
    columns = ["person", "address", "variant", "provider", "status", "reason", "detail", "changed at"]
    return file_of(f"{campaign.name} deliveries", columns, _deliveries(campaign))


def _deliveries(campaign: Campaign) -> Iterator[list[str]]:
    last = 0
    while True:
        found = Delivery.objects.filter(dispatch__orchestration=campaign.pk, pk__gt=last).order_by("pk")[:AT_A_TIME]
        page = list(found)
        if not page:
            return
        ids = [delivery.profile_id for delivery in page]
        names = dict(Profile.objects.filter(pk__in=ids).values_list("pk", "external_id"))
        for delivery in page:
            name, at = names.get(delivery.profile_id, ""), delivery.updated_at.isoformat(timespec="seconds")
            yield [
                name,
                delivery.address,
                delivery.variant,
                delivery.provider,
                delivery.status,
                delivery.reason,
                delivery.detail,
                at,
            ]
        last = page[-1].pk
