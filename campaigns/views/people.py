"""The people behind the numbers of a report, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.cache import patch_vary_headers
from django.views import View
from pyroaring import BitMap

from campaigns.breakdown import slice_of
from campaigns.models import Campaign
from campaigns.outcomes import outcomes_of
from retargeting.audiences.engine import evaluate
from retargeting.conditions.nodes import Opens
from retargeting.profiles.models import Profile
from retargeting.web.access import can_write

# People of these outcomes cannot be written to on the same channel any more.
NO_FOLLOW_UP = {"bounced", "unsubscribed", "complained"}


def opens_of(request: HttpRequest) -> Opens:
    return Opens.ALL if request.GET.get("opens") == "all" else Opens.HUMAN


class Members(Sequence[Profile]):
    """The people of a bitmap, loaded a page at a time."""

    def __init__(self, ids: BitMap) -> None:
        self.ids = ids

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, place: int) -> Profile: ...
    @overload
    def __getitem__(self, place: slice) -> list[Profile]: ...
    def __getitem__(self, place: int | slice) -> Profile | list[Profile]:
        if isinstance(place, int):
            return Profile.objects.get(pk=self.ids[place])
        found = Profile.objects.filter(pk__in=list(self.ids[place])).prefetch_related("addresses").order_by("pk")
        return list(found)

    def __iter__(self) -> Iterator[Profile]:
        return iter(self[0 : len(self)])


class OutcomePeople(View):
    """The people behind a number of the report."""

    def get(self, request: HttpRequest, pk: int, outcome: str) -> HttpResponse:
        campaign = get_object_or_404(Campaign, pk=pk)
        known = {item.key: item for item in outcomes_of(campaign.channel)}
        if outcome not in known:
            raise Http404("There is no such outcome on this channel.")
        opens = opens_of(request)
        people, among = evaluate(known[outcome].tree(campaign, opens)).members, None
        if "by" in request.GET:
            among = slice_of(campaign, request.GET["by"], request.GET.get("value", ""))
            if among is None:
                raise Http404("This campaign has no such breakdown.")
            people &= among.people
        context = {
            "campaign": campaign,
            "outcome": known[outcome],
            "among": among,
            "no_follow_up": NO_FOLLOW_UP,
            "opens": opens,
            "title": f"{campaign.name}: {known[outcome].label}",
        }
        return people_page(request, "campaigns/people.html", people, context)


def people_page(request: HttpRequest, template: str, people: BitMap, context: Mapping[str, Any]) -> HttpResponse:
    paginator = Paginator(Members(people), 50)
    page = paginator.get_page(request.GET.get("page"))
    shown = {
        "page_obj": page,
        "paginator": paginator,
        "object_list": page.object_list,
        "noun": ("person", "people"),
        "editable": can_write(request.user),
        "layout": "web/fragment.html" if request.htmx and request.htmx.target == "list" else "base.html",  # type: ignore[attr-defined]  # set by HtmxMiddleware
    }
    response = render(request, template, {**context, **shown})
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response
