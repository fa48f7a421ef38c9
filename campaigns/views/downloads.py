"""The numbers of a report as files that spreadsheets read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_safe

from campaigns.models import Campaign
from campaigns.outcomes import outcomes_of
from campaigns.report import OVER_TIME, over_time, report
from campaigns.trial import Result, last_trial
from campaigns.views.files import file_of
from campaigns.views.people import opens_of
from retargeting.conditions.nodes import Opens
from retargeting.messaging.models import Delivery
from retargeting.profiles.models import Profile

AT_A_TIME = 2000


@require_safe
def outcomes_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """What happened to how many: the outcomes, then what was left out and why."""
    campaign = get_object_or_404(Campaign, pk=pk)
    counted = report(campaign, opens=opens_of(request))
    lines = [["matched", str(counted.matched), ""]]
    for outcome in outcomes_of(campaign.channel):
        share = counted.rate(outcome.key)
        # Who was skipped was not sent it, so theirs is no share of those.
        of_sent = "" if share is None or outcome.key == "skipped" else f"{share:.6f}"
        lines.append([outcome.label, str(counted.people[outcome.key]), of_sent])
    lines += [[f"skipped: {label.lower()}", str(people), ""] for label, people in counted.skips.items()]
    lines += [[f"failed: {reason}", str(people), ""] for reason, people in sorted(counted.failures.items())]
    lines += [
        ["uncertain", str(counted.deliveries.get("uncertain", 0)), ""],
        ["no delivery", str(counted.waiting), ""],
    ]
    return file_of(f"{campaign.name} outcomes", ["outcome", "people", "share of sent"], lines)


@require_safe
def over_time_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Events by hour or by day, all of them: the chart shows the first only."""
    campaign = get_object_or_404(Campaign, pk=pk)
    zone = timezone.get_current_timezone_name()
    rows = sorted(over_time(campaign, time_zone=zone, machines=opens_of(request) is not Opens.HUMAN))
    lines = []
    for moment, group in groupby(rows, key=itemgetter(0)):
        numbers = {event: number for _, event, number in group}
        lines.append([timezone.localtime(moment).isoformat(), *(str(numbers.get(event, 0)) for event in OVER_TIME)])
    return file_of(f"{campaign.name} over time", ["from", *map(str, OVER_TIME)], lines)


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
