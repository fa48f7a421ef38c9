"""Whether a campaign brings its goal about: the card of its report, its file, and the people behind it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views import View
from django.views.decorators.http import require_safe

from campaigns import actions
from campaigns.forms import GoalForm
from campaigns.lift import LABELS, TO_GET, Comparison, Goal, Lift, behind, goal_of, has_held_out, lift
from campaigns.models import Campaign
from campaigns.views.files import file_of, percent
from campaigns.views.people import people_page
from retargeting.accounts.permissions import actor_of
from retargeting.audiences.builder.suggestions import suggestions
from retargeting.web import navigation
from retargeting.web.access import check_writer
from retargeting.web.lifts import lift_words

DID = {"yes": True, "no": False, "": None}


def lift_context(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    """What the card needs; nothing where nobody is held out."""
    if not has_held_out(campaign):
        return {}
    form, goal = asked(request, campaign)
    found = lift(campaign, goal) if goal else None
    return {
        "goal_form": form,
        "goal": goal,
        "goal_query": query_of(goal) if goal else "",
        "known_events": sorted(suggestions().events),
        "lift": found,
        "lift_rows": rows(found) if found else [],
        "lift_words": [(each, *_words(each, found.goal)) for each in found.comparisons] if found else [],
    }


def asked(request: HttpRequest, campaign: Campaign) -> tuple[GoalForm, Goal | None]:
    """The goal that the address names, or else the campaign's own."""
    own = goal_of(campaign)
    if "goal" not in request.GET:
        return GoalForm(initial={"goal": campaign.goal_event, "days": campaign.goal_days}), own
    form = GoalForm(request.GET)
    if not form.is_valid():
        return form, None
    return form, Goal(form.cleaned_data["goal"], form.cleaned_data["days"] or campaign.goal_days)


def query_of(goal: Goal) -> str:
    return urlencode({"goal": goal.event, "days": goal.days})


def rows(found: Lift) -> list[tuple[str, str, int, int, str]]:
    """(key of the group, its name, people, those who did it, their share)."""
    groups = [(TO_GET, LABELS[TO_GET], found.rate), *((each.key, each.label, each.rate) for each in found.comparisons)]
    return [(key, label, rate.people, rate.hits, percent(rate.share)) for key, label, rate in groups]


def _words(compared: Comparison, goal: Goal) -> tuple[str, str]:
    against = "the holdout" if compared.key == "holdout" else "the control group"
    return lift_words(compared.lift, "people", f"did {goal.event}", "without the message", against)


@require_safe
def lift_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    campaign = get_object_or_404(Campaign, pk=pk)
    _, goal = asked(request, campaign)
    found = lift(campaign, goal) if goal else None
    if goal is None or found is None:
        raise Http404("There is nothing to compare.")
    columns = ["group", "people", goal.event, "share", "difference", "low", "high"]
    told = {each.key: each.lift.difference for each in found.comparisons}
    lines = []
    for key, label, people, hits, _ in rows(found):
        gap = told.get(key)
        numbers = [f"{value:.6f}" for value in (gap.value, gap.low, gap.high)] if gap else ["", "", ""]
        lines.append([label, str(people), str(hits), f"{hits / people:.6f}", *numbers])
    return file_of(f"{campaign.name} goal {goal.event}", columns, lines)


class GoalPeople(View):
    """The people behind a number of the comparison; posting writes to them."""

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.campaign = get_object_or_404(Campaign, pk=kwargs["pk"])
        _, goal = asked(request, self.campaign)
        did = request.GET.get("did", "")
        people = behind(self.campaign, goal, kwargs["group"], reached=DID[did]) if goal and did in DID else None
        if goal is None or people is None:
            raise Http404("There is no such group.")
        self.goal, self.people = goal, people

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        context = {
            "campaign": self.campaign,
            "goal": self.goal,
            "goal_query": query_of(self.goal),
            "slice": self.people,
            "title": f"{self.campaign.name}: {self.people.name}",
        }
        return people_page(request, "campaigns/goal_people.html", self.people.people, context)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        check_writer(request.user)
        draft = actions.write_to(actor=actor_of(request), campaign=self.campaign, people=self.people)
        navigation.forget_counts()
        messages.success(request, f"A draft to those people: {draft.name}. Write its message next.")
        return HttpResponseRedirect(f"{reverse('campaign', args=[draft.pk])}?step=message")
