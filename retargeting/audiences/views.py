from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property
from django.views.decorators.http import require_POST
from django.views.generic import DetailView, FormView

from retargeting.accounts.permissions import actor_of
from retargeting.audiences import actions, engine, references
from retargeting.audiences.builder.field import AudienceField, answer, option_list
from retargeting.audiences.filters import SegmentFilter
from retargeting.audiences.forms import SegmentForm, TryForm
from retargeting.audiences.models import Segment
from retargeting.audiences.summaries import segment_rows
from retargeting.audiences.used import places_of
from retargeting.conditions import codec
from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.wording import sentence
from retargeting.web import access, navigation
from retargeting.web.charts import Trend
from retargeting.web.confirming import ConfirmView, in_use
from retargeting.web.lists import ListView

FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")
TREND_DAYS = 90


def field_name(request: HttpRequest) -> str:
    """The name under which the builder's page has its field."""
    name = request.GET.get("name", "")
    if not FIELD_NAME.fullmatch(name):
        raise Http404("no name of a field")
    return name


@require_POST
def builder(request: HttpRequest) -> HttpResponse:
    """The answer to each change of a builder that needs nothing of its page. Everybody may try conditions out."""
    return answer(request, AudienceField(), field_name(request))


@require_POST
def builder_options(request: HttpRequest) -> HttpResponse:
    """What a picker offers for the words typed into it; costs no evaluation."""
    return option_list(request, field_name(request), request.GET.get("control", ""))


class TryAudience(FormView):
    form_class = TryForm
    template_name = "audiences/try.html"

    def form_valid(self, form: TryForm) -> HttpResponse:
        """There is nothing to save: the numbers are what one came for."""
        return self.render_to_response(self.get_context_data(form=form))


class AudienceList(ListView):
    """The segments with their numbers as of now."""

    queryset = Segment.objects.all()
    filterset_class = SegmentFilter
    template_name = "audiences/audiences.html"
    sorts = {"name": ["name"], "updated": ["updated_at", "name"]}
    default_sort = "name"
    paginate_by = 25
    title = "Audiences"
    noun = ("segment", "segments")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        context["rows"] = segment_rows(context["object_list"])
        return context


class SegmentPage(DetailView):
    """A segment as it stands: how many people now and by channel, who they are in words, and how that has changed."""

    model = Segment
    template_name = "audiences/segment.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        segment: Segment = self.object
        sizes = list(segment.sizes.order_by("-day").values_list("day", "people", "counted_at")[:TREND_DAYS])[::-1]
        tree = codec.decode(segment.audience)
        context: dict[str, Any] = {
            "trend": Trend(f"People in {segment}, by day", "people", [(day, people) for day, people, _ in sizes]),
            "kept_at": sizes[-1][2] if sizes else None,
            "places": places_of(segment),
        }
        try:
            names = references.check(tree)
        except ConditionErrors as errors:
            context["problems"] = [error.message for error in errors.errors]
        else:
            evaluation = engine.evaluate(tree)
            context["evaluation"] = evaluation
            context["count"] = len(evaluation.members)
            context["sentence"] = sentence(tree, names)
            context["changes"] = _changes(len(evaluation.members), evaluation.as_of, sizes)
        return super().get_context_data(**context, **kwargs)


def _changes(count: int, as_of: datetime, sizes: list[tuple[date, int, datetime]]) -> list[tuple[int, int]]:
    """(days ago, change since then) for a week and a month, where a size of just that day was kept."""
    kept = {day: people for day, people, _ in sizes}
    today = as_of.astimezone(UTC).date()
    earlier = ((days, kept.get(today - timedelta(days=days))) for days in (7, 30))
    return [(days, count - people) for days, people in earlier if people is not None]


class SegmentEditor(FormView):
    """A new segment, or one with `pk`. Who only looks may turn the controls, but not save."""

    form_class = SegmentForm
    template_name = "audiences/segment_edit.html"

    @cached_property
    def segment(self) -> Segment | None:
        return get_object_or_404(Segment, pk=self.kwargs["pk"]) if "pk" in self.kwargs else None

    def builder_url(self) -> str:
        return reverse("segment-builder", args=[self.segment.pk]) if self.segment else ""

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"segment": self.segment, "url": self.builder_url()}

    def get_initial(self) -> dict[str, Any]:
        return {"name": self.segment.name, "audience": self.segment.audience} if self.segment else {}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        used = places_of(self.segment) if self.segment else []
        return super().get_context_data(segment=self.segment, places=used, **kwargs)

    def form_valid(self, form: SegmentForm) -> HttpResponse:
        access.check_writer(self.request.user)
        actor, given = actor_of(self.request), form.cleaned_data
        try:
            if self.segment is None:
                segment = actions.create_segment(actor=actor, name=given["name"], audience=given["audience"])
                navigation.forget_counts()
            else:
                segment = actions.update_segment(actor=actor, segment=self.segment, **given)
        except ConditionErrors as errors:
            form.add_error("audience", [error.message for error in errors.errors])
            return self.form_invalid(form)
        except ValidationError as error:
            form.add_error(None, error)
            return self.form_invalid(form)
        messages.success(self.request, f"Saved the segment {segment.name}.")
        self.success_url = reverse("segment", args=[segment.pk])
        return super().form_valid(form)


@require_POST
def segment_builder(request: HttpRequest, pk: int) -> HttpResponse:
    """As `builder`, for a segment that must not come to contain itself."""
    segment = get_object_or_404(Segment, pk=pk)
    return answer(request, AudienceField(segment=segment, url=reverse("segment-builder", args=[pk])), "audience")


class SegmentDelete(ConfirmView):
    @cached_property
    def segment(self) -> Segment:
        return get_object_or_404(Segment, pk=self.kwargs["pk"])

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if used := places_of(self.segment):
            back = reverse("segment", args=[self.segment.pk])
            return in_use(request, title=f"{self.segment} is in use", places=used, back=back)
        return super().get(request, *args, **kwargs)

    def question(self) -> dict[str, Any]:
        return {
            "title": f"Delete {self.segment.name}?",
            "sentence": "Nothing uses this segment. Deleting it cannot be taken back; the people stay.",
            "button": "Delete the segment",
            "back": reverse("segment", args=[self.segment.pk]),
        }

    def act(self) -> str:
        name = self.segment.name
        try:
            actions.delete_segment(actor=actor_of(self.request), segment=self.segment)
        except actions.SegmentInUse as error:
            messages.error(self.request, f"{name} was not deleted: {error}.")
            return reverse("segment", args=[self.segment.pk])
        navigation.forget_counts()
        messages.success(self.request, f"Deleted the segment {name}.")
        return reverse("audiences")
