"""Cursor pages: {"results": […], "next": address of the next page or null}. A page costs the same wherever it is."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError
from rest_framework import pagination
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from retargeting.api.errors import Unprocessable

PAGE_SIZE = 100
MAX_PAGE_SIZE = 1_000
BAD_CURSOR = [("/cursor", 'This cursor is not one of ours. Follow "next" of the page before.')]


class CursorPagination(pagination.CursorPagination):
    """Views name an `ordering` that ends in something unique."""

    page_size = PAGE_SIZE
    max_page_size = MAX_PAGE_SIZE
    page_size_query_param = "limit"
    ordering = "-id"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        self.ordering = getattr(view, "ordering", self.ordering)
        try:
            return super().paginate_queryset(queryset, request, view)
        except (NotFound, ValueError, TypeError, OverflowError, ValidationError, DataError):
            # A cursor is text that anybody can change: whatever does not fit its column arrives here.
            raise Unprocessable(BAD_CURSOR) from None

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self.get_next_link()})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return page_schema(schema)


def page_schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["results", "next"],
        "properties": {
            "results": {"type": "array", "items": schema},
            "next": {"type": "string", "format": "uri", "nullable": True},
        },
    }


def limit_of(request: Request, most: int = MAX_PAGE_SIZE) -> int:
    """The page size that was asked for."""
    asked = request.query_params.get("limit")
    if asked is None:
        return min(PAGE_SIZE, most)
    if not (asked.isascii() and asked.isdigit() and len(asked) < 10 and 1 <= int(asked) <= most):
        raise Unprocessable([("/limit", f"Expected a whole number from 1 to {most:,}.")])
    return int(asked)


def write_cursor(position: list[Any]) -> str:
    """A place in a list, opaque to whoever carries it. `position` is JSON."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> list[Any]:
    try:
        position = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise Unprocessable(BAD_CURSOR) from None
    if not isinstance(position, list):
        raise Unprocessable(BAD_CURSOR)
    return position


def next_link(request: Request, cursor: str | None) -> str | None:
    return None if cursor is None else replace_query_param(request.build_absolute_uri(), "cursor", cursor)
