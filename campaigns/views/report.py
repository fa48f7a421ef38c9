"""What became of a campaign: its numbers, the people behind each of them, and one person's own story."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.functional import cached_property
from django.views import View
from django.views.decorators.http import require_safe

from campaigns.aftermath import can_be_retried
from campaigns.breakdown import traits_of
from campaigns.filters import DeliveryFilter
from campaigns.forecast import forecast
from campaigns.forms import PersonForm
from campaigns.health import findings
from campaigns.models import Campaign, CampaignStatus, Run
from campaigns.outcomes import outcomes_of
from campaigns.presence import presence
from campaigns.progress import Progress
from campaigns.querysets import sentences
from campaigns.report import OVER_TIME, Report, over_time, report
from campaigns.trial import Result, Trial, can_choose, trial
from campaigns.variants import frozen
from campaigns.views.goals import lift_context
from campaigns.views.people import NO_FOLLOW_UP, opens_of
from campaigns.views.preview import Shown, preview_of
from campaigns.wording import schedule_words
from retargeting.conditions.nodes import Interaction, Opens
from retargeting.messaging.models import Delivery, DeliveryStatus, SkipReason
from retargeting.profiles.models import Profile
from retargeting.web.access import can_write
from retargeting.web.charts import BarChart, Series
from retargeting.web.lists import ListView

HOURS, DAYS = 48, 30


class CampaignReport(View):
    """The page of every campaign that is no draft any more."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        campaign = get_object_or_404(Campaign.objects.prefetch_related("labels"), pk=pk)
        if campaign.status == CampaignStatus.DRAFT and not campaign.runs.exists():
            return HttpResponseRedirect(reverse("campaign", args=[pk]))
        opens = opens_of(request)
        run = campaign.runs.select_related("dispatch").order_by("-number").first()
        context = {
            "campaign": campaign,
            "run": run,
            "editable": can_write(request.user),
            "opens": opens,
            "sentence": sentences([run.audience if run else campaign.audience])[0],
            "follow_ups": campaign.follow_ups.all(),
            "previews": previews(campaign, run),
            "times": times(campaign),
            **self.person(campaign),
        }
        if campaign.status == CampaignStatus.SCHEDULED:
            context["forecast"] = forecast(campaign)
        if run is not None:
            counted = report(campaign, opens=opens)
            context |= {
                "report": counted,
                "no_follow_up": NO_FOLLOW_UP,
                "counted": run.matched is not None,
                "progress": Progress.of(campaign),
                "cards": cards(campaign, counted),
                "outcomes": [(outcome, counted.people[outcome.key]) for outcome in outcomes_of(campaign.channel)],
                "skips": skip_rows(counted),
                "chart": chart(campaign, machines=opens is not Opens.HUMAN),
                "uncertain": counted.deliveries.get(DeliveryStatus.UNCERTAIN, 0),
                "failed": counted.deliveries.get(DeliveryStatus.FAILED, 0),
                "retriable": can_be_retried(campaign),
                "findings": findings(counted),
                "traits": traits_of(campaign),
                "trial": (found := trial(run, opens=opens)),
                "trial_rows": trial_rows(found) if found else [],
                "can_choose": found is not None and can_choose(run),
                **lift_context(request, campaign),
            }
        response = render(request, "campaigns/report.html", context)
        patch_vary_headers(response, ["HX-Request"])
        return response

    def person(self, campaign: Campaign) -> dict[str, Any]:
        """The answer to “why (not)?”, when somebody was asked about."""
        if "person" not in self.request.GET:
            return {"person_form": PersonForm()}
        form = PersonForm(self.request.GET)
        found = presence(campaign, form.cleaned_data["person"]) if form.is_valid() else None
        return {"person_form": form, "presence": found}


def previews(campaign: Campaign, run: Run | None) -> list[tuple[Any, Shown]]:
    """What the last run sent, or the campaign would send: every variant, or the one message."""
    variants = run.dispatch.variants if run else frozen(campaign)
    if not variants:
        return [(None, preview_of(campaign, run.dispatch.content if run else campaign.content, "", None))]
    return [
        (variant, preview_of(campaign, variant["content"], "", None, variant=variant["key"])) for variant in variants
    ]


def trial_rows(found: Trial) -> list[tuple[Result, list[tuple[str, str, str]], str]]:
    """Each variant with its rates and their intervals, and its chance to beat the original, in words."""
    rows = []
    for result in found.results:
        cells = []
        for measure, rate in result.rates.items():
            low, high = result.span(measure)
            cells.append((measure, f"{100 * rate.share:.1f} %", f"{100 * low:.1f} – {100 * high:.1f} %"))
        rows.append((result, cells, chance_words(result.chances[found.measure])))
    return rows


def chance_words(chance: float | None) -> str:
    if chance is None:
        return "too few people yet"
    return "< 0.1 %" if chance < 0.001 else "> 99.9 %" if chance > 0.999 else f"{100 * chance:.1f} %"


def times(campaign: Campaign) -> str:
    """The status line: when it started and ended, or will start."""
    if campaign.launched_at is None:
        return f"goes out {schedule_words(campaign)}" if campaign.send_at else ""
    if campaign.status == CampaignStatus.SCHEDULED and campaign.send_at:
        return f"{campaign.runs.count():,} sent so far; the next run goes out {schedule_words(campaign)}"
    start = timezone.localtime(campaign.launched_at)
    words = start.strftime("%-d %b %Y, %H:%M")
    last = campaign.runs.order_by("-number").values_list("dispatch__finished_at", flat=True).first()
    if last is None:
        return f"since {words}"
    end = timezone.localtime(last)
    if f"{start:%F %R}" == f"{end:%F %R}":
        return words
    return f"{words}–{end:%H:%M}" if end.date() == start.date() else f"{words} – {end:%-d %b, %H:%M}"


def cards(campaign: Campaign, counted: Report) -> list[dict[str, str]]:
    """The numbers at the top; each leads to its people."""
    sent = counted.people.get("sent", 0)

    def url(key: str) -> str:
        return reverse("campaign-people", args=[campaign.pk, key])

    def card(key: str, label: str, event: Interaction, noun: str) -> dict[str, str]:
        people, events = counted.people[key], counted.events.get(event, 0)
        share = f"{100 * people / sent:.1f} %" if sent else "–"
        many = f" · {events:,} {noun}" if noun and events != people else ""
        return {"label": label, "value": share, "detail": f"{people:,} people{many}", "url": url(key)}

    wanted = [
        ("delivered", "Delivered", Interaction.DELIVERED, ""),
        ("opened", "Opened", Interaction.OPENED, "opens"),
        ("clicked", "Clicked", Interaction.CLICKED, "clicks"),
        ("bounced", "Bounced", Interaction.BOUNCED, ""),
        ("unsubscribed", "Unsubscribed", Interaction.UNSUBSCRIBED, ""),
    ]
    first = {
        "label": "Sent",
        "value": f"{sent:,}",
        "detail": f"of {counted.matched:,} who matched",
        "url": url("sent"),
    }
    found = [card(*row) for row in wanted if row[0] in counted.people]
    # Receipts do not come from every provider: no receipt at all means none are sent, not that nothing arrived.
    return [first, *(item for item in found if item["label"] != "Delivered" or counted.people["delivered"])]


def skip_rows(counted: Report) -> list[tuple[str, str, int]]:
    """(reason, label, people) in the order in which the reasons are declared."""
    reasons = {str(label): str(value) for value, label in SkipReason.choices}
    return [(reasons[label], label.lower(), people) for label, people in counted.skips.items() if people]


def chart(campaign: Campaign, *, machines: bool) -> BarChart | None:
    """The first hours, or the first days of one that lives longer; hours without anything are shown as such."""
    zone = timezone.get_current_timezone_name()
    rows = over_time(campaign, time_zone=zone, machines=machines)
    if not rows:
        return None
    moments = sorted({moment for moment, _, _ in rows})
    by_day = len({timezone.localtime(moment).date() for moment in moments}) == len(moments) and len(moments) > 2
    numbers = {(moment, event): number for moment, event, number in rows}
    axis = _axis(moments[0], moments[-1], by_day)
    marks = [timezone.localtime(moment).strftime("%-d %b" if by_day else "%-Hh") for moment in axis]
    shown = [event for event in OVER_TIME if any((moment, event) in numbers for moment in axis)]
    series = [
        Series(str(event), [numbers.get((moment, event), 0) for moment in axis], f"series-{number}")
        for number, event in enumerate(shown, start=1)
    ]
    unit = "day" if by_day else "hour"
    return BarChart(f"First {unit}" if len(axis) == 1 else f"First {len(axis)} {unit}s", marks, series)


def _axis(first: datetime, last: datetime, by_day: bool) -> list[datetime]:
    """Every hour or day from the first to the last, as many as fit on a chart. Days are local ones, DST or not."""
    if not by_day:
        hours = min(int((last - first) / timedelta(hours=1)) + 1, HOURS)
        return [first + timedelta(hours=number) for number in range(hours)]
    local = timezone.localtime(first)
    days = min((timezone.localtime(last).date() - local.date()).days + 1, DAYS)
    return [local + timedelta(days=number) for number in range(days)]


@require_safe
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """How far it has come, asked every two seconds while it moves; the last answer loads the finished report."""
    campaign = get_object_or_404(Campaign, pk=pk)
    if campaign.status != CampaignStatus.RUNNING:
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    context = {"campaign": campaign, "progress": Progress.of(campaign), "editable": can_write(request.user)}
    return render(request, "campaigns/progress.html", context)


class DeliveryList(ListView):
    """What became of each message: sent, skipped and why, failed and what the provider said."""

    filterset_class = DeliveryFilter
    template_name = "campaigns/deliveries.html"
    sorts = {"when": ["updated_at", "id"]}
    default_sort = "-when"
    noun = ("delivery", "deliveries")

    @cached_property
    def campaign(self) -> Campaign:
        return get_object_or_404(Campaign, pk=self.kwargs["pk"])

    @property
    def title(self) -> str:  # type: ignore[override]  # says of which campaign
        return f"{self.campaign.name}: deliveries"

    @property
    def queryset(self) -> Any:  # type: ignore[override]  # of one campaign
        return Delivery.objects.filter(dispatch__orchestration=self.campaign.pk)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(campaign=self.campaign, **kwargs)
        shown = list(context["object_list"])
        people = Profile.objects.in_bulk([delivery.profile_id for delivery in shown])
        context["rows"] = [(delivery, people.get(delivery.profile_id)) for delivery in shown]
        return context
