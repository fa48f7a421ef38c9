"""Every error of the API as application/problem+json (RFC 9457), with the places of the mistakes as JSON pointers."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any, NamedTuple

from django.core import exceptions as django_exceptions
from django.core.signals import got_request_exception
from django.db import IntegrityError, OperationalError
from django.http import Http404
from psycopg.errors import UniqueViolation
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings

from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.reading import step_into

CONTENT_TYPE = "application/problem+json"
logger = logging.getLogger(__name__)


class Mistake(NamedTuple):
    """`path` is a JSON pointer from the body of the request."""

    path: str
    message: str


class Unprocessable(exceptions.APIException):
    """422: understood, but wrong in these places."""

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, mistakes: Iterable[tuple[str, str]]) -> None:
        self.mistakes = [Mistake(*mistake) for mistake in mistakes]
        super().__init__(_summary(self.mistakes))


class Conflict(exceptions.APIException):
    """409: it would be fine if things stood otherwise."""

    status_code = HTTPStatus.CONFLICT
    default_detail = "This cannot be done as things stand."


class PayloadTooLarge(exceptions.APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large."


class Busy(exceptions.APIException):
    """503: nothing was done, and trying again makes sense."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_detail = "The database could not do it right now. Nothing was stored; try again."
    wait = 1


def problem(error: Exception, context: dict[str, Any]) -> Response:
    """The exception handler of REST framework."""
    known = _translated(error)
    if known is None:
        # Django never sees this error, so what it does about one is done here.
        logger.error("Error in the API", exc_info=error)
        got_request_exception.send(sender=None, request=context.get("request"))
        known = exceptions.APIException("Something went wrong on our side. It has been logged.")
    mistakes = known.mistakes if isinstance(known, Unprocessable) else []
    headers = {}
    if auth_header := getattr(known, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if wait := getattr(known, "wait", None):
        headers["Retry-After"] = f"{wait:.0f}"
    document = describe(known.status_code, str(known.detail), mistakes)
    return Response(document, status=known.status_code, headers=headers, content_type=CONTENT_TYPE)


def describe(status: int, detail: str, mistakes: Iterable[Mistake] = ()) -> dict[str, Any]:
    """The document of one problem. Texts may quote what was sent, so what UTF-8 cannot hold is replaced."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": _text(detail),
        "errors": [{"path": _text(path), "message": _text(message)} for path, message in mistakes],
    }


def _translated(error: Exception) -> exceptions.APIException | None:
    """The error as one of REST framework's; None for a fault of ours."""
    match error:
        case exceptions.ValidationError():
            return Unprocessable(_mistakes_in(error.detail))
        case exceptions.APIException():
            return error
        case ConditionErrors():
            return Unprocessable((mistake.path, mistake.message) for mistake in error.errors)
        case Http404():
            return exceptions.NotFound("There is nothing here under that name or id.")
        case django_exceptions.PermissionDenied():
            return exceptions.PermissionDenied(str(error) or None)
        case django_exceptions.ValidationError():
            return Unprocessable(_mistakes_in(_details(error)))
        case django_exceptions.RequestDataTooBig():
            return PayloadTooLarge()
        case django_exceptions.SuspiciousOperation():
            return exceptions.ParseError(str(error))
        case IntegrityError() if isinstance(error.__cause__, UniqueViolation):
            return Conflict("Somebody else has just made one with the same name or id.")
        case OperationalError():
            logger.warning("The database broke off a request of the API", exc_info=error)
            return Busy()
    return None


def _details(error: django_exceptions.ValidationError) -> Any:
    return error.message_dict if hasattr(error, "error_dict") else error.messages


def _mistakes_in(detail: Any, path: str = "") -> Iterator[Mistake]:
    """The mistakes of REST framework's nested lists and dicts of messages."""
    if isinstance(detail, dict):
        for key, inner in detail.items():
            whole = key in {api_settings.NON_FIELD_ERRORS_KEY, django_exceptions.NON_FIELD_ERRORS}
            yield from _mistakes_in(inner, path if whole else step_into(path, key))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            yield from _mistakes_in(inner, path if isinstance(inner, str) else step_into(path, index))
    else:
        yield Mistake(path, str(detail))


def _summary(mistakes: list[Mistake]) -> str:
    if len(mistakes) == 1:
        return mistakes[0].message
    return f"{len(mistakes):,} things are wrong; see errors."


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
