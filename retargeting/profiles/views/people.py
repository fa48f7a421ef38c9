"""The people, and one of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import Exists, OuterRef, Prefetch
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.functional import cached_property
from django.views.generic import DetailView

from retargeting.accounts.permissions import actor_of
from retargeting.profiles import actions, cards, timeline
from retargeting.profiles.filters import ProfileFilter
from retargeting.profiles.models import Address, Profile, Suppression
from retargeting.web import navigation
from retargeting.web.confirming import ConfirmView
from retargeting.web.lists import ListView


def addresses_with_suppression() -> Any:
    """Addresses with `suppressed`, the reason or None, in the order of channels as people read them."""
    same = Suppression.objects.filter(channel=OuterRef("channel"), address=OuterRef("address"))
    return Address.objects.annotate(suppressed=Exists(same)).order_by("channel", "id")


class PeopleList(ListView):
    filterset_class = ProfileFilter
    template_name = "profiles/people.html"
    sorts = {"id": ["external_id"], "created": ["created_at", "id"], "updated": ["updated_at", "id"]}
    default_sort = "-created"
    title = "People"
    noun = ("person", "people")

    def get_queryset(self) -> Any:
        self.queryset = Profile.objects.prefetch_related(Prefetch("addresses", addresses_with_suppression()))
        return super().get_queryset()


class PersonPage(DetailView):
    """A person: what is known, how to reach them, and everything that happened."""

    model = Profile
    context_object_name = "person"

    def get_template_names(self) -> list[str]:
        return ["profiles/timeline.html" if self.before else "profiles/person.html"]

    @cached_property
    def before(self) -> datetime | None:
        """Where a further page of the timeline starts; a value that is none shows the first page."""
        try:
            moment = parse_datetime(self.request.GET.get("before", ""))
        except ValueError:
            return None
        return moment if moment is not None and moment.tzinfo is not None else None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        moments, following = timeline.page(self.object.pk, self.before)
        htmx = getattr(self.request, "htmx", None)
        context: dict[str, Any] = {
            "moments": moments,
            "following": following,
            "layout": "web/bare.html" if htmx else "base.html",
        }
        if self.before is None:
            context["addresses"] = addresses_with_suppression().filter(profile=self.object)
            context["cards"] = cards.shown(self.request, self.object)
            context["attributes"] = sorted(self.object.attributes.items())
            context["lists"] = self.object.memberships.select_related("list").order_by("list__name")
        return super().get_context_data(**context, **kwargs)


class ErasePerson(ConfirmView):
    @cached_property
    def person(self) -> Profile:
        return get_object_or_404(Profile, pk=self.kwargs["pk"])

    def question(self) -> dict[str, Any]:
        addresses = self.person.addresses.count()
        return {
            "title": f"Erase {self.person.external_id}?",
            "sentence": "This cannot be taken back.",
            "consequences": [
                f"Attributes, {addresses} address{'' if addresses == 1 else 'es'} and all events of this person go.",
                "From then on the person is in no audience, and counts change accordingly.",
                "The same external id, sent again, is a new person without history.",
            ],
            "button": "Erase this person",
            "back": reverse("person", args=[self.person.pk]),
        }

    def act(self) -> str:
        name = self.person.external_id
        actions.erase(actor=actor_of(self.request), profile=self.person)
        navigation.forget_counts()
        messages.success(self.request, f"Erased {name}.")
        return reverse("people")
