"""The report by language, address domain and other traits."""

from __future__ import annotations

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from campaigns.breakdown import TRAITS, breakdown, columns_of, traits_of
from campaigns.models import Campaign
from campaigns.outcomes import outcomes_of
from campaigns.views.files import file_of, percent
from campaigns.views.people import opens_of
from retargeting.web.access import can_write

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
