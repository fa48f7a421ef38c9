"""Fixed lists: all of them, one with its members, and adding and removing people by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from retargeting.accounts.permissions import actor_of
from retargeting.profiles import actions, used
from retargeting.profiles.filters import ListFilter, MemberFilter, RemovalFilter
from retargeting.profiles.forms import AddMemberForm, ListForm
from retargeting.profiles.models import ImportStatus, ListMember, ListRemoval, Profile, ProfileList
from retargeting.web.access import can_write, writer_required
from retargeting.web.confirming import ConfirmView, in_use
from retargeting.web.editing import ActionFormView
from retargeting.web.lists import ListView

LATEST_UPLOADS = 10


def number_in(text: str) -> int:
    """The id of a person that a page has sent; 0, which nobody has, for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


class Lists(ListView):
    queryset = ProfileList.objects.with_size()
    filterset_class = ListFilter
    template_name = "profiles/lists.html"
    sorts = {"name": ["name"], "people": ["size", "name"], "updated": ["updated_at", "name"]}
    default_sort = "name"
    title = "Audiences"
    noun = ("list", "lists")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        places = used.places()
        context["rows"] = [(shown, places.get(shown.pk, [])) for shown in context["object_list"]]
        return context


class OfList(ListView):
    """A page of rows that belong to one list."""

    rows: type[ListMember] | type[ListRemoval]

    @cached_property
    def list(self) -> ProfileList:
        return get_object_or_404(ProfileList, pk=self.kwargs["pk"])

    @property
    def title(self) -> str:  # type: ignore[override]  # known only with the list
        return self.list.name

    def get_queryset(self) -> Any:
        self.queryset = self.rows.objects.filter(list=self.list).select_related("profile")
        return super().get_queryset()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(list=self.list, **kwargs)


class ListPage(OfList):
    """The members, and what can be done with the list."""

    rows = ListMember
    filterset_class = MemberFilter
    template_name = "profiles/list.html"
    sorts = {"person": ["profile__external_id"], "added": ["added_at", "id"]}
    default_sort = "person"
    noun = ("person", "people")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        if self.is_fragment:
            return context
        uploads = list(self.list.imports.select_related("created_by")[:LATEST_UPLOADS])
        removed = self.list.removals.select_related("profile")
        return context | {
            "size": self.list.members.count() if context["is_narrowed"] else context["paginator"].count,
            "places": used.places_of(self.list),
            "uploads": uploads,
            "running": [upload for upload in uploads if upload.status == ImportStatus.RUNNING],
            "removed_number": removed.count(),
            "just_removed": removed.filter(profile=number_in(self.request.GET.get("removed", ""))).first(),
            "add_form": AddMemberForm() if can_write(self.request.user) else None,
        }


class RemovedPage(OfList):
    """Who was taken off by hand and stays off."""

    rows = ListRemoval
    filterset_class = RemovalFilter
    template_name = "profiles/list_removed.html"
    sorts = {"person": ["profile__external_id"], "removed": ["removed_at", "id"]}
    default_sort = "-removed"
    noun = ("person", "people")


class ListCreate(ActionFormView):
    form_class = ListForm
    button = "Create list"
    back_label = "Lists"

    def title(self) -> str:
        return "New list"

    def back(self) -> str:
        return reverse("lists")

    def act(self, form: ListForm) -> str:
        created = actions.create_list(actor=actor_of(self.request), name=form.cleaned_data["name"])
        self.done = f"Created the list {created}."
        return reverse("list", args=[created.pk])


class ListRename(ActionFormView):
    form_class = ListForm
    done = "Saved."

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.list = get_object_or_404(ProfileList, pk=kwargs["pk"])
        self.back_label = self.list.name

    def title(self) -> str:
        return "Rename the list"

    def back(self) -> str:
        return reverse("list", args=[self.list.pk])

    def get_initial(self) -> dict[str, Any]:
        return {"name": self.list.name}

    def act(self, form: ListForm) -> str:
        actions.rename_list(actor=actor_of(self.request), profile_list=self.list, name=form.cleaned_data["name"])
        return self.back()


class ListDelete(ConfirmView):
    @cached_property
    def list(self) -> ProfileList:
        return get_object_or_404(ProfileList, pk=self.kwargs["pk"])

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if places := used.places_of(self.list):
            return in_use(request, title=f"{self.list} is in use", places=places, back=self.back())
        return super().get(request, *args, **kwargs)

    def back(self) -> str:
        return reverse("list", args=[self.list.pk])

    def question(self) -> dict[str, Any]:
        members = self.list.members.count()
        people = "1 person is" if members == 1 else f"{members:,} people are"
        return {
            "title": f"Delete {self.list}?",
            "sentence": f"{people} on it, and nothing uses it. Deleting it cannot be taken back; the people stay.",
            "button": "Delete the list",
            "back": self.back(),
        }

    def act(self) -> str:
        try:
            actions.delete_list(actor=actor_of(self.request), profile_list=self.list)
        except actions.ListInUse as error:
            messages.error(self.request, f"{self.list} was not deleted: {error}.")
            return self.back()
        messages.success(self.request, f"Deleted the list {self.list}.")
        return reverse("lists")


@require_POST
@writer_required
def add_member(request: HttpRequest, pk: int) -> HttpResponse:
    """Put the one person on the list whom an external id or email address names."""
    profile_list = get_object_or_404(ProfileList, pk=pk)
    form = AddMemberForm(request.POST)
    if not form.is_valid():
        messages.error(request, str(form.errors["person"][0]))
    else:
        person = form.cleaned_data["person"]
        if actions.add_member(actor=actor_of(request), profile_list=profile_list, profile=person):
            messages.success(request, f"Added {person} to the list.")
        else:
            messages.info(request, f"{person} was on the list already, and now stays when an upload replaces it.")
    return HttpResponseRedirect(reverse("list", args=[pk]))


@require_POST
@writer_required
def remove_member(request: HttpRequest, pk: int) -> HttpResponse:
    """Take one person off; the page then offers to undo that."""

    def done(person: Profile) -> str:
        return f"{reverse('list', args=[pk])}?{urlencode({'removed': person.pk})}"

    return _one_person(request, pk, actions.remove_member, done)


@require_POST
@writer_required
def put_member_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Undo a removal by hand."""

    def done(person: Profile) -> str:
        messages.success(request, f"{person} is back on the list.")
        return reverse("list-removed" if "from_removed" in request.POST else "list", args=[pk])

    return _one_person(request, pk, actions.put_member_back, done)


def _one_person(
    request: HttpRequest, pk: int, verb: Callable[..., bool], done: Callable[[Profile], str]
) -> HttpResponse:
    profile_list = get_object_or_404(ProfileList, pk=pk)
    person = get_object_or_404(Profile, pk=number_in(request.POST.get("profile", "")))
    if verb(actor=actor_of(request), profile_list=profile_list, profile=person):
        return HttpResponseRedirect(done(person))
    messages.info(request, "Somebody else was quicker: there was nothing left to do.")
    return HttpResponseRedirect(reverse("list", args=[pk]))
