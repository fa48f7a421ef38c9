"""The report of an automation over the journeys that began in a period."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from automations import canvas
from automations.models import Automation
from automations.numbers import Period
from automations.report import Report, report
from automations.versions import current_of
from automations.views.page import DEFAULT_PERIOD, PERIODS
from automations.wording import called
from retargeting.chances import Lift
from retargeting.web.charts import BarChart, Series
from retargeting.web.lifts import lift_words


@require_safe
def show(request: HttpRequest, pk: int) -> HttpResponse:
    automation = get_object_or_404(Automation.objects.prefetch_related("labels"), pk=pk)
    asked = request.GET.get("days", "")
    days = asked if asked in PERIODS else DEFAULT_PERIOD
    found = report(
        automation,
        Period(timezone.now() - timedelta(days=int(days))),
        zone=timezone.get_current_timezone_name(),
    )
    context = {
        "automation": automation,
        "current": current_of(automation),
        "report": found,
        "period": days,
        "periods": PERIODS.items(),
        "chart": _chart(found),
        "cards": _cards(automation, found, days),
        "endings": [(ending.label, number, ending.value) for ending, number in found.endings.items()],
        "lines": [_line(line, automation.pk) for line in found.steps],
        "worth": _worth(found),
    }
    return render(request, "automations/report.html", context)


def _cards(automation: Automation, found: Report, days: str) -> list[dict[str, str]]:
    people = reverse("automation-people", args=[automation.pk])
    held_out, treated = found.held_out, found.treated
    goal = f"{treated.reached:,}"
    if held_out.rate is not None:
        goal += f"; {held_out.rate:.1%} of those held out".replace("%", " %")
    return [
        {
            "label": "Entered",
            "value": f"{treated.journeys:,}",
            "detail": f"and {held_out.journeys:,} held out" if held_out.journeys else "",
            "url": f"{people}?what=entered&days={days}",
        },
        {
            "label": "On the way",
            "value": f"{found.active:,}",
            "detail": "",
            "url": f"{people}?what=active&days={days}",
        },
        {
            "label": "Completed",
            "value": f"{found.completed:,}",
            "detail": "",
            "url": f"{people}?what=completed&days={days}",
        },
        {
            "label": "Reached the goal",
            "value": "–" if treated.rate is None else f"{treated.rate:.1%}".replace("%", " %"),
            "detail": goal,
            "url": f"{people}?what=goal&days={days}",
        },
    ]


def _chart(found: Report) -> BarChart | None:
    if not found.days:
        return None
    labels = [f"{day:%-d %b}" for day, _, _ in found.days]
    entered = Series("entered", [number for _, number, _ in found.days], "series-1")
    reached = Series("reached the goal", [goals for _, _, goals in found.days], "series-2")
    return BarChart("Entries by day", labels, [entered, reached] if any(reached.values) else [entered])


def _line(line: Any, own: int) -> dict[str, Any]:
    names = {branch.key: canvas.branch_name(line.step, place, own) for place, branch in enumerate(line.step.branches)}
    ways = [(names.get(way, way), way, converted) for way, converted in line.ways.items() if way]
    return {
        "key": line.step.key,
        "name": called(line.step, own),
        "depth": line.depth,
        "passed": line.passed,
        "ways": ways,
    }


def _worth(found: Report) -> tuple[Lift, str, str] | None:
    """Whether more of those who were treated reached the goal: what is compared, what it says, what it rests on."""
    compared = found.lift
    if compared is None:
        return None
    return compared, *lift_words(compared, "journeys", "reached the goal", "without it", "the holdout")
