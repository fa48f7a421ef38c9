from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
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
from retargeting.audiences.used import places, places_of
from retargeting.conditions import codec
from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.nodes import Group, Match
from retargeting.conditions.wording import Sentence, sentence
from retargeting.profiles.models import ProfileList
from retargeting.web import access, navigation
from retargeting.web.confirming import ConfirmView
from retargeting.web.lists import ListView

FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")
FIRST_MEMBERS = 20


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


@dataclass(frozen=True)
class SegmentRow:
    segment: Segment
    count: int | None
    sentence: Sentence | None
    places: list[str]


def segment_rows(segments: Iterable[Segment]) -> list[SegmentRow]:
    """Segments with numbers and sentences, all from one evaluation; what refers to something gone has neither."""
    used = places()
    trees = [(segment, codec.decode(segment.audience)) for segment in segments]
    everything = Group(Match.ANY, tuple(tree for _, tree in trees))
    broken: set[int] = set()
    try:
        names = references.check(everything)
    except ConditionErrors as errors:
        names = references.look_up(everything)
        broken = {int(error.path.split("/")[2]) for error in errors.errors}
    whole = [tree for index, (_, tree) in enumerate(trees) if index not in broken]
    numbers = iter(_sizes(whole))
    rows = []
    for index, (segment, tree) in enumerate(trees):
        fine = index not in broken
        number, words = (next(numbers), sentence(tree, names)) if fine else (None, None)
        rows.append(SegmentRow(segment, number, words, used.get(segment.pk, [])))
    return rows


def _sizes(trees: Sequence[Group]) -> list[int]:
    if not trees:
        return []
    sizes = engine.evaluate(Group(Match.ANY, tuple(trees))).counts
    return [sizes[f"/conditions/{index}"] for index in range(len(trees))]


class AudienceList(ListView):
    """The segments with their numbers as of now, and the lists."""

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
        if not self.is_fragment:
            context["lists"] = ProfileList.objects.annotate(size=Count("members"))
        return context


class SegmentEditor(FormView):
    """A new segment, or one with `pk`. Who only looks may turn the controls, but not save."""

    form_class = SegmentForm
    template_name = "audiences/segment.html"

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
        messages.success(self.request, f"Saved the segment {segment.name}.")
        self.success_url = reverse("audiences")
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
            layout = "web/dialog.html" if getattr(request, "htmx", None) else "base.html"
            context = {"segment": self.segment, "places": used, "layout": layout}
            return render(request, "audiences/segment_used.html", context)
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


class ListPage(DetailView):
    """A fixed list: how many there are, and the first of them."""

    model = ProfileList
    context_object_name = "list"
    template_name = "audiences/list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        members = self.object.members.select_related("profile").order_by("profile__external_id")
        return super().get_context_data(members=members[:FIRST_MEMBERS], count=members.count(), **kwargs)
