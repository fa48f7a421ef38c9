"""The people behind a number of the canvas: journeys, or those who did something with a message."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone

from automations import numbers
from automations.models import Automation, Journey, JourneyStatus
from automations.numbers import Period, What
from automations.versions import edited
from automations.views.page import DEFAULT_PERIOD, PERIODS
from automations.wording import called
from retargeting.audiences.follow_ups import follow_up
from retargeting.conditions.nodes import (
    Count,
    CountOperator,
    CountSince,
    Duration,
    Group,
    Match,
    MessageCondition,
    StepTarget,
    Unit,
)
from retargeting.profiles.models import Profile
from retargeting.web.access import can_write
from retargeting.web.lists import ListView

OF_JOURNEYS = {
    "waiting": "On the way",
    "passed": "Passed",
    "left": "Left",
    "entered": "Entered",
    "active": "Entered, on the way",
    "through": "Entered, went through",
    "ended": "Entered, ended",
    "completed": "Completed",
    "goal": "Reached the goal",
}
OF_MESSAGES = {"sent": "Sent", "opened": "Opened", "clicked": "Clicked", "skipped": "Skipped"}


def people(request: HttpRequest, pk: int) -> HttpResponseBase:
    """`what` says which number, `step` of which step, `way` of which branch; `days` is the period."""
    view = ReactionList if request.GET.get("what") in OF_MESSAGES else JourneyList
    return view.as_view()(request, pk=pk)


class _Behind(ListView):
    template_name = "automations/people.html"
    title = "People"
    words: dict[str, str] = {}

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.automation = get_object_or_404(Automation, pk=kwargs["pk"])
        asked = request.GET.get("what", "")
        self.what = asked if asked in self.words else next(iter(self.words))
        self.step = request.GET.get("step", "")[:50]
        days = request.GET.get("days", "")
        self.days = days if days in PERIODS else DEFAULT_PERIOD
        self.period = Period(timezone.now() - timedelta(days=int(self.days)))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        titles = {step.key: called(step, self.automation.pk) for step in edited(self.automation).walk()}
        return {
            **context,
            "automation": self.automation,
            "what_words": self.words[self.what],
            "step_title": titles.get(self.step, self.step),
            "titles": titles,
        }


class JourneyList(_Behind):
    words = OF_JOURNEYS
    sorts = {"arrived": ["arrived_at", "id"]}
    default_sort = "-arrived"
    noun = ("journey", "journeys")

    def get_queryset(self) -> Any:
        self.queryset = self._journeys()
        return super().get_queryset()

    def _journeys(self) -> QuerySet[Journey]:
        step = self.step or None
        match self.what:
            case "waiting":
                return numbers.waiting(self.automation, step)
            case "passed":
                way = self.request.GET.get("way", "")
                passed = numbers.passages(self.automation, self.period, step, way)
                return Journey.objects.filter(pk__in=passed.values("journey"))
            case "left":
                return numbers.left(self.automation, self.period, step)
        begun = numbers.entered(self.automation, self.period)
        match self.what:
            case "active":
                return begun.filter(status=JourneyStatus.WAITING)
            case "through":
                way = self.request.GET.get("way", "")
                passed = numbers.passages(self.automation, step=step, way=way)
                return begun.filter(pk__in=passed.values("journey"))
            case "ended":
                return begun.filter(ending=self.request.GET.get("ending", ""))
            case "completed":
                return begun.filter(status=JourneyStatus.COMPLETED)
            case "goal":
                return begun.filter(goal_at__isnull=False)
        return begun

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        journeys = list(context["object_list"])
        known = Profile.objects.in_bulk([journey.profile_id for journey in journeys])
        titles = context["titles"]
        rows = [(each, known.get(each.profile_id), titles.get(each.step, each.step)) for each in journeys]
        return {**context, "rows": rows}


class ReactionList(_Behind):
    words = OF_MESSAGES
    noun = ("person", "people")

    def get_queryset(self) -> Any:
        return numbers.people(self.automation, self.step, What(self.what), self.period)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        known = Profile.objects.in_bulk(list(context["object_list"]))
        name = f"{self.automation.name[:90]}, {context['step_title'][:80]}, {self.words[self.what].lower()}"
        return {
            **context,
            "people": [known[id] for id in context["object_list"] if id in known],
            "follow_up": follow_up(name, self.condition(), labels=list(self.automation.labels.all())),
            "editable": can_write(self.request.user),
        }

    def condition(self) -> Group:
        """These people in the language of conditions, so that the period is that of whenever it is asked."""
        target = StepTarget(self.automation.pk, (self.step,))
        test = CountSince(Count(CountOperator.AT_LEAST, 1), window=Duration(int(self.days), Unit.DAY))
        return Group(Match.ALL, (MessageCondition(numbers.REACTIONS[What(self.what)], target, test),))
