"""The people behind a number of the canvas."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone

from automations import canvas, figures
from automations.models import Automation, Journey, JourneyStatus
from automations.versions import edited
from automations.views.canvas import DEFAULT_PERIOD, PERIODS
from retargeting.profiles.models import Profile
from retargeting.web.lists import ListView

WHAT = {
    "waiting": "On the way",
    "passed": "Passed",
    "entered": "Entered",
    "completed": "Completed",
    "goal": "Reached the goal",
    "left": "Left",
}


class JourneyList(ListView):
    """`what` says which number, `step` of which step; `days` is the period."""

    template_name = "automations/people.html"
    sorts = {"arrived": ["arrived_at", "id"]}
    default_sort = "-arrived"
    title = "People"
    noun = ("journey", "journeys")

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.automation = get_object_or_404(Automation, pk=kwargs["pk"])
        self.what = request.GET.get("what", "") if request.GET.get("what", "") in WHAT else "waiting"
        self.step = request.GET.get("step", "")
        asked = request.GET.get("days", "")
        self.days = asked if asked in PERIODS else DEFAULT_PERIOD

    def get_queryset(self) -> Any:
        self.queryset = self._journeys()
        return super().get_queryset()

    def _journeys(self) -> QuerySet[Journey]:
        since = timezone.now() - timedelta(days=int(self.days))
        entered = self.automation.journeys.filter(entered_at__gte=since)
        match self.what:
            case "waiting":
                waiting = figures.waiting_in(self.automation)
                return waiting.filter(step=self.step) if self.step else waiting
            case "passed":
                passed = figures.passed_in(self.automation, since).filter(step=self.step)
                if way := self.request.GET.get("way", ""):
                    passed = passed.filter(way=way)
                return Journey.objects.filter(pk__in=passed.values("journey"))
            case "completed":
                return entered.filter(status=JourneyStatus.COMPLETED)
            case "goal":
                return entered.filter(goal_at__isnull=False)
            case "left":
                return entered.filter(status=JourneyStatus.LEFT)
        return entered.exclude(status=JourneyStatus.HELD_OUT)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        journeys = list(context["object_list"])
        people = Profile.objects.in_bulk([journey.profile_id for journey in journeys])
        titles = {step.key: canvas.face(step)[0] for step in edited(self.automation).walk()}
        context |= {
            "automation": self.automation,
            "rows": [
                (journey, people.get(journey.profile_id), titles.get(journey.step, journey.step))
                for journey in journeys
            ],
            "what": self.what,
            "what_words": WHAT[self.what],
            "step_title": titles.get(self.step, self.step),
        }
        return context
