"""The last question before a campaign goes out: it repeats the exact number and takes no for an answer."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.functional import cached_property
from django.views import View

from campaigns import moves
from campaigns.errors import CampaignError
from campaigns.forecast import Forecast, forecast
from campaigns.models import Campaign
from campaigns.querysets import sentences
from campaigns.readiness import Problem, problems
from campaigns.wording import people_words, schedule_words
from retargeting.accounts.permissions import actor_of
from retargeting.web import navigation
from retargeting.web.access import WriterRequiredMixin


class Confirmed(WriterRequiredMixin, View):
    """GET asks; POST does it, if the number is still the one that was agreed to."""

    campaign: Campaign

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.campaign = get_object_or_404(Campaign, pk=kwargs["pk"])

    @cached_property
    def forecast(self) -> Forecast | None:
        return forecast(self.campaign)

    def problems(self) -> list[Problem]:
        return problems(self.campaign)

    def may_start(self) -> bool:
        """Whether the campaign is in a state to be asked about at all."""
        raise NotImplementedError

    def act(self) -> str:
        """Do it; returns what to say."""
        raise NotImplementedError

    def words(self, people: str) -> dict[str, str]:
        """title, sentence and button of the question."""
        raise NotImplementedError

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self.refusal() or self.ask()

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if (refusal := self.refusal()) or self.forecast is None:
            return refusal or self.back()
        agreed = request.POST.get("confirmed", "")
        if not agreed.isdecimal() or len(agreed) > 10 or self.forecast.has_moved_from(int(agreed)):
            return self.ask(
                "The number has changed since you last saw it. Nothing was sent. Is this one right too?", status=422
            )
        if self.forecast.warnings and "sure" not in request.POST:
            return self.ask("Tick the box to say that this size is meant.", status=422)
        try:
            done = self.act()
        except CampaignError as error:
            messages.warning(request, str(error))
        else:
            messages.success(request, done)
            navigation.forget_counts()
        return self.back()

    def refusal(self) -> HttpResponse | None:
        """Why there is nothing to ask: it has gone out already, or it is not finished."""
        if not self.may_start():
            status = self.campaign.get_status_display().lower()
            messages.warning(self.request, f"{self.campaign.name} is {status} already.")
            return self.back()
        if self.problems() or self.forecast is None:
            messages.error(self.request, "It cannot go out yet: finish what is listed here first.")
            return self.back("?step=review")
        return None

    def back(self, query: str = "") -> HttpResponse:
        url = reverse("campaign", args=[self.campaign.pk]) + query
        if getattr(self.request, "htmx", None):
            return HttpResponse(status=204, headers={"HX-Redirect": url})
        return HttpResponseRedirect(url)

    def ask(self, notice: str = "", status: int = 200) -> HttpResponse:
        assert self.forecast is not None
        number = self.forecast.will_be_sent
        htmx = getattr(self.request, "htmx", None)
        context = {
            "layout": "web/dialog.html" if htmx and htmx.target == "dialog" else "base.html",
            "campaign": self.campaign,
            "forecast": self.forecast,
            "sentence": sentences([self.campaign.audience])[0],
            "notice": notice,
            "left_out": self.forecast.matched - number,
            **self.words(people_words(number)),
        }
        response = render(self.request, "campaigns/launch.html", context, status=status)
        response["Vary"] = "HX-Request, HX-Target"
        return response


class Launch(Confirmed):
    def problems(self) -> list[Problem]:
        return problems(self.campaign, now=True)

    def may_start(self) -> bool:
        return self.campaign.status in {"draft", "scheduled"}

    def refusal(self) -> HttpResponse | None:
        refused = super().refusal()
        if refused is None and self.forecast is not None and not self.forecast.will_be_sent:
            messages.error(self.request, "Nobody would get it now.")
            return self.back("?step=review")
        return refused

    def words(self, people: str) -> dict[str, str]:
        return {
            "title": f"Send {self.campaign.name} now?",
            "question": f"It goes to {people} {self.how_soon}.",
            "button": f"Send to {people}",
        }

    @property
    def how_soon(self) -> str:
        grace = settings.LAUNCH_GRACE_SECONDS
        return f"in {grace} seconds; until then you can undo it" if grace else "as soon as a worker is free"

    def act(self) -> str:
        grace = settings.LAUNCH_GRACE_SECONDS
        moves.launch(actor=actor_of(self.request), campaign=self.campaign, grace=grace)
        return f"{self.campaign.name} goes out {self.how_soon}."


class Schedule(Confirmed):
    def may_start(self) -> bool:
        return self.campaign.status == "draft"

    def problems(self) -> list[Problem]:
        missing = [] if self.campaign.send_at else [("when", "no time is set")]
        return [*problems(self.campaign), *missing]

    def words(self, people: str) -> dict[str, str]:
        moment = schedule_words(self.campaign) if self.campaign.send_at else ""
        return {
            "title": f"Schedule {self.campaign.name}?",
            "question": f"It goes out {moment} to those who match then: {people} if that were now.",
            "button": f"Schedule to about {people}",
        }

    def act(self) -> str:
        scheduled = moves.schedule(actor=actor_of(self.request), campaign=self.campaign)
        assert scheduled.send_at is not None
        return f"{self.campaign.name} will go out {schedule_words(scheduled)}."
