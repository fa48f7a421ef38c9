"""Who may see and change what on the pages. Everybody signed in sees; marketers and admins change.

Pages are closed unless they say `@login_not_required`: see LoginRequiredMiddleware in the settings.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import resolve_url

WRITERS = {"marketer", "admin"}

View = Callable[..., HttpResponseBase]


def can_write(user: Any) -> bool:
    return user.is_authenticated and user.role in WRITERS


def can_administer(user: Any) -> bool:
    return user.is_authenticated and user.role == "admin"


def check_writer(user: Any) -> None:
    if not can_write(user):
        raise PermissionDenied("You may look at everything, but not change it. Ask an admin for the marketer role.")


def writer_required(view: View) -> View:
    """For function views that change something, or show the form to."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        check_writer(request.user)
        return view(request, *args, **kwargs)

    return checked


class WriterRequiredMixin:
    """The same for class-based views; put it first."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        check_writer(request.user)
        return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]  # the view beside it has dispatch


class SignInMiddleware(LoginRequiredMiddleware):
    """Sends visitors to the log-in page; a fragment asks the whole page to go there instead of showing it inside."""

    def handle_no_permission(  # type: ignore[override]  # htmx cannot follow the redirect of the parent
        self, request: HttpRequest, view_func: View
    ) -> HttpResponseBase:
        response = super().handle_no_permission(request, view_func)
        if request.headers.get("HX-Request"):
            return HttpResponse(status=401, headers={"HX-Redirect": login_again(request)})
        return response


def login_again(request: HttpRequest) -> str:
    """The log-in page, and back to the page that asked: the fragment's own address is of no use to a reader."""
    query = QueryDict(mutable=True)
    try:
        query["next"] = urlsplit(request.headers.get("HX-Current-URL", "/"))._replace(scheme="", netloc="").geturl()
    except ValueError:  # a header that is no address: anybody can send one
        query["next"] = "/"
    return f"{resolve_url(settings.LOGIN_URL)}?{query.urlencode(safe='/')}"
