"""A page of a list: search and filters (django-filter), sorting, count and pages; whole or as an HTMX fragment.

    class PeopleList(ListView):
        filterset_class = ProfileFilter
        template_name = "profiles/people.html"      # extends web/list.html
        sorts = {"name": ["external_id"], "created": ["-created_at", "-id"]}
        default_sort = "name"
        noun = ("person", "people")

The template fills the blocks `row_head` and `rows`; `{% sort_header %}` makes a heading that sorts. The same address
answers a request of HTMX for `#list` with that part only.
"""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.core.paginator import InvalidPage, Page, Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.cache import patch_vary_headers
from django.views import generic

LIST_ID = "list"


class SearchFilter(django_filters.CharFilter):
    """The search box of a list; call it `q`. A NUL in it is an error of the form, not of the database."""

    def __init__(self, *args: Any, placeholder: str = "Search", **kwargs: Any) -> None:
        attrs = {"type": "search", "placeholder": placeholder, "autocomplete": "off"}
        super().__init__(*args, widget=forms.TextInput(attrs=attrs), max_length=200, **kwargs)


class ListView(generic.ListView):
    filterset_class: type[django_filters.FilterSet] | None = None
    paginate_by = 50
    sorts: dict[str, list[str]] = {}
    default_sort = ""
    noun = ("item", "items")
    title = ""

    @property
    def is_fragment(self) -> bool:
        htmx = getattr(self.request, "htmx", None)
        return htmx is not None and bool(htmx) and not htmx.boosted and htmx.target == LIST_ID

    def get_queryset(self) -> QuerySet[Any]:
        queryset = super().get_queryset()
        if self.filterset_class is not None:
            self.filterset = self.filterset_class(self.request.GET, queryset=queryset, request=self.request)
            # A filter that makes no sense shows its error and nothing, never everything.
            queryset = self.filterset.qs if self.filterset.is_valid() else queryset.none()
        order = self.sorts.get(self.sort.removeprefix("-"), [])
        if order:
            queryset = queryset.order_by(*(reverse(field) for field in order) if self.sort.startswith("-") else order)
        return queryset

    @property
    def sort(self) -> str:
        """The key asked for, with a minus for the other way round; the default when there is no such key."""
        asked = self.request.GET.get("sort", "")
        return asked if asked.removeprefix("-") in self.sorts else self.default_sort

    def paginate_queryset(self, queryset: Any, page_size: int) -> tuple[Paginator, Page, Any, bool]:
        """A page number out of range or out of sense shows the nearest page instead of an error."""
        paginator = self.get_paginator(queryset, page_size)
        try:
            page = paginator.page(self.request.GET.get("page") or 1)
        except InvalidPage:
            page = paginator.get_page(self.request.GET.get("page"))
        return paginator, page, page.object_list, page.has_other_pages()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        filterset = getattr(self, "filterset", None)
        applied = {name for name, value in self.request.GET.items() if value and name not in {"page", "sort"}}
        known = set(filterset.form.fields) if filterset is not None else set()
        return super().get_context_data(
            layout="web/fragment.html" if self.is_fragment else "base.html",
            filterset=filterset,
            is_narrowed=bool(applied & known),
            sort=self.sort,
            noun=self.noun,
            title=self.title,
            **kwargs,
        )

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        response = super().render_to_response(context, **kwargs)
        patch_vary_headers(response, ["HX-Request", "HX-Target"])
        return response


def reverse(field: str) -> str:
    return field.removeprefix("-") if field.startswith("-") else f"-{field}"
