"""The people behind each number of a review: who matches, who is left out and why, who would be sent it."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views import View

from campaigns.forecast import WHOLES, forecast, skip_words
from campaigns.models import Campaign, CampaignStatus
from campaigns.views.people import Members
from retargeting.messaging.models import SkipReason


class ReachPeople(View):
    """Of a campaign that has not gone out; of one that has, the report lists what became of whom."""

    def get(self, request: HttpRequest, pk: int, part: str) -> HttpResponse:
        campaign = get_object_or_404(Campaign, pk=pk)
        if campaign.status not in {CampaignStatus.DRAFT, CampaignStatus.SCHEDULED}:
            return HttpResponseRedirect(reverse("campaign-report", args=[pk]))
        found = forecast(campaign)
        try:
            people = found.reach.part(part) if found else None
        except KeyError:
            raise Http404("Nobody is left out for that reason.") from None
        if found is None or people is None:
            return HttpResponseRedirect(reverse("campaign", args=[pk]) + "?step=review")
        paginator = Paginator(Members(people), 50)
        page = paginator.get_page(request.GET.get("page"))
        what = WHOLES.get(part) or f"Left out: {skip_words(SkipReason(part), campaign.channel)}"
        context = {
            "campaign": campaign,
            "what": what,
            "as_of": found.as_of,
            "addressed": part != SkipReason.NO_ADDRESS,
            "page_obj": page,
            "paginator": paginator,
            "object_list": page.object_list,
            "noun": ("person", "people"),
            "title": f"{campaign.name}: {what}",
            "layout": "web/fragment.html" if request.htmx and request.htmx.target == "list" else "base.html",  # type: ignore[attr-defined]  # set by HtmxMiddleware
        }
        response = render(request, "campaigns/reach.html", context)
        patch_vary_headers(response, ["HX-Request", "HX-Target"])
        return response
