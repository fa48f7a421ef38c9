"""What the API says about itself, and its answer to an address that it does not know."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from retargeting.api import reference, schema


class OpenView(APIView):
    """Needs no key."""

    authentication_classes = []
    permission_classes = [AllowAny]


@extend_schema(exclude=True)
class SchemaView(OpenView):
    def get(self, request: Request) -> Response:
        return Response(schema.document())


@extend_schema(exclude=True)
class UnknownAddressView(OpenView):
    """Any method below /api/ that nothing else answers."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not request.path.endswith("/"):
            raise NotFound("There is nothing at this address. All addresses of the API end with a slash.")
        raise Http404


@login_not_required
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    document = schema.document()
    return render(
        request,
        "api/docs.html",
        {"chapters": reference.chapters(document), "title": document["info"]["title"], "base": "/api/v1/"},
    )
