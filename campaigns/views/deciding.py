"""What is decided when a campaign has gone out: failed messages once more, and what the uncertain ones were."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views import View

from campaigns import aftermath, moves
from campaigns.errors import CampaignError
from campaigns.models import Campaign
from campaigns.outcomes import OUTCOMES
from campaigns.trial import can_choose, last_trial
from campaigns.wording import people_words
from retargeting.accounts.permissions import actor_of
from retargeting.messaging import settling
from retargeting.messaging.settling import Decision
from retargeting.profiles.models import Profile
from retargeting.web.access import WriterRequiredMixin
from retargeting.web.confirming import ConfirmView, go


class RetryFailed(ConfirmView):
    """Try just the failed messages again, knowing how many."""

    danger = False

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.campaign = get_object_or_404(Campaign, pk=kwargs["pk"])

    def question(self) -> dict[str, Any]:
        number = aftermath.can_be_retried(self.campaign)
        many = "1 message is" if number == 1 else f"{number:,} messages are"
        return {
            "title": f"Retry what failed of {self.campaign.name}?",
            "sentence": f"{many} tried again, and nothing else. Addresses known to be bad stay out.",
            "button": f"Retry {number:,}",
            "back": reverse("campaign-report", args=[self.campaign.pk]),
        }

    def act(self) -> str:
        number = aftermath.retry_failed(actor=actor_of(self.request), campaign=self.campaign)
        many = "1 message is" if number == 1 else f"{number:,} messages are"
        messages.success(self.request, f"{many} tried again." if number else "There was nothing left to retry.")
        return reverse("campaign-report", args=[self.campaign.pk])


class ChooseWinner(ConfirmView):
    """Send a variant to those who wait for the winner, knowing how many and how it did."""

    danger = False

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.campaign = get_object_or_404(Campaign, pk=kwargs["pk"])
        self.trial = last_trial(self.campaign)
        results = {result.key: result for result in self.trial.results} if self.trial else {}
        self.result = results.get(kwargs["key"])

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self.in_vain() or super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self.in_vain() or super().post(request, *args, **kwargs)

    def in_vain(self) -> HttpResponse | None:
        if self.trial is not None and self.result is not None and can_choose(self.trial.run):
            return None
        messages.warning(self.request, f"Nobody of {self.campaign.name} waits for this variant.")
        return go(self.request, reverse("campaign", args=[self.campaign.pk]))

    def question(self) -> dict[str, Any]:
        found, result = self.trial, self.result
        assert found is not None  # see `in_vain`
        assert result is not None
        name, rate = f"{result.key.upper()} {result.name}", result.rates[found.measure]
        many = people_words(found.waiting)
        return {
            "title": f"Send {name} to the rest?",
            "sentence": (
                f"{many} who did not try the variants get it, as far as they may be written to."
                f" Of {people_words(rate.people)} who tried it {rate.hits:,} {OUTCOMES[found.measure].label}."
            ),
            "button": f"Send it to {many}",
            "back": reverse("campaign-report", args=[self.campaign.pk]),
        }

    def act(self) -> str:
        assert self.result is not None
        try:
            words = moves.choose_winner(actor=actor_of(self.request), campaign=self.campaign, key=self.result.key)
        except CampaignError as error:
            messages.warning(self.request, str(error))
        else:
            messages.success(self.request, words)
        return reverse("campaign-report", args=[self.campaign.pk])


class Uncertain(WriterRequiredMixin, View):
    """The uncertain deliveries of a campaign, to be decided about: the ticked ones, or all."""

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.campaign = get_object_or_404(Campaign, pk=kwargs["pk"])

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        found = settling.uncertain(aftermath.dispatches_of(self.campaign)).order_by("pk")
        paginator = Paginator(found, 50)
        page = paginator.get_page(request.GET.get("page"))
        people = Profile.objects.in_bulk([delivery.profile_id for delivery in page])
        context = {
            "campaign": self.campaign,
            "rows": [(delivery, people.get(delivery.profile_id)) for delivery in page],
            "page_obj": page,
            "paginator": paginator,
            "object_list": page.object_list,
            "noun": ("uncertain delivery", "uncertain deliveries"),
            "decisions": Decision.choices,
            "title": f"{self.campaign.name}: uncertain",
            "layout": "base.html",
        }
        return render(request, "campaigns/uncertain.html", context)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        here = reverse("campaign-uncertain", args=[self.campaign.pk])
        decision = request.POST.get("decision", "")
        ticked = [int(id) for id in request.POST.getlist("delivery") if id.isdecimal() and len(id) < 19]
        everything = request.POST.get("which") == "all"
        if decision not in Decision.values:
            messages.error(request, "Choose what these deliveries are.")
            return HttpResponseRedirect(here)
        if not (ticked or everything):
            messages.error(request, "Tick the deliveries first, or choose all of them.")
            return HttpResponseRedirect(here)
        number = aftermath.decide_uncertain(
            actor=actor_of(request),
            campaign=self.campaign,
            decision=Decision(decision),
            ids=None if everything else ticked,
        )
        many = "1 delivery" if number == 1 else f"{number:,} deliveries"
        messages.success(request, f"{many}: {Decision(decision).label.lower()}.")
        left = settling.uncertain(aftermath.dispatches_of(self.campaign)).exists()
        return HttpResponseRedirect(here if left else reverse("campaign-report", args=[self.campaign.pk]))
