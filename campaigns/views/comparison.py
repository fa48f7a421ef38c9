"""Two to five campaigns side by side, or labels, as a table and as a file."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views import View
from django.views.decorators.http import require_safe

from campaigns import comparison
from campaigns.comparison import COLUMNS, FEWEST, MOST, Row
from campaigns.models import Campaign
from campaigns.views.files import file_of, percent
from campaigns.views.people import NO_FOLLOW_UP, opens_of, people_page
from retargeting.audiences.engine import evaluate
from retargeting.audiences.follow_ups import follow_up
from retargeting.conditions.nodes import Interaction
from retargeting.orchestrations.models import Label


def _asked(request: HttpRequest, name: str) -> list[int]:
    """Each once, in the order in which they were asked for."""
    return list(
        dict.fromkeys(int(value) for value in request.GET.getlist(name) if value.isdecimal() and len(value) < 10)
    )


@require_safe
def campaigns(request: HttpRequest) -> HttpResponseBase:
    ids = _asked(request, "campaign")
    known = Campaign.objects.prefetch_related("labels").in_bulk(ids)
    found = [known[id] for id in ids if id in known]
    if not FEWEST <= len(found) <= MOST:
        messages.warning(request, f"Tick {FEWEST} to {MOST} campaigns to compare them.")
        return redirect("campaigns")
    return _answer(request, "campaigns", comparison.of_campaigns(found, opens_of(request)))


@require_safe
def labels(request: HttpRequest) -> HttpResponseBase:
    """All of them, the most used first, or those that are asked for."""
    ids = _asked(request, "label")
    found = list(Label.objects.filter(pk__in=ids) if ids else Label.objects.with_use().order_by("-campaigns", "name"))
    if len(found) < FEWEST:
        messages.warning(request, "There is nothing to compare: it takes two labels.")
        return redirect("labels")
    return _answer(request, "labels", comparison.of_labels(found[:50], opens_of(request)))


class LabelPeople(View):
    """The people behind a number of a label."""

    def get(self, request: HttpRequest, pk: int, event: str) -> HttpResponse:
        label, known = get_object_or_404(Label, pk=pk), _event(event)
        opens = opens_of(request)
        context: dict[str, Any] = {
            "label": label,
            "what": COLUMNS[known],
            "opens": opens,
            "title": f"{label.name}: {COLUMNS[known].lower()}",
        }
        tree = comparison.of_label(label, known, opens)
        if event not in NO_FOLLOW_UP:
            context["follow_up"] = follow_up(f"{label.name}, {COLUMNS[known].lower()}", tree, labels=[label])
        people = evaluate(tree).members
        return people_page(request, "campaigns/label_people.html", people, context)


def _event(name: str) -> Interaction:
    known = {event.value: event for event in COLUMNS}
    if name not in known:
        raise Http404("Nothing of this kind is counted for labels.")
    return known[name]


def _answer(request: HttpRequest, what: str, rows: list[Row]) -> HttpResponseBase:
    if request.GET.get("format") == "csv":
        return _file(what, rows)
    context: dict[str, Any] = {
        "what": what,
        "rows": rows,
        "columns": COLUMNS.values(),
        "opens": opens_of(request),
        "query": request.GET.urlencode(),
    }
    return render(request, "campaigns/comparison.html", context)


def _file(what: str, rows: list[Row]) -> HttpResponseBase:
    columns = [
        "Name",
        *(part for name in COLUMNS.values() for part in (name, f"{name} of those sent it", "from", "to")),
    ]
    lines = (
        [
            row.about.name,
            *(
                part
                for cell in row.cells.values()
                for part in (
                    str(cell.people),
                    percent(cell.share),
                    percent(None if cell.share is None else cell.low),
                    percent(None if cell.share is None else cell.high),
                )
            ),
        ]
        for row in rows
    )
    return file_of(f"{what} compared", columns, lines)
