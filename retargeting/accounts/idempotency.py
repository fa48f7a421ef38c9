"""Answers a write that carries an Idempotency-Key once, and gives the same answer to every repetition.

The answer is stored in the transaction of the write itself: after a crash either both are there or neither, so a
client that repeats until it gets an answer has written exactly once.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from rest_framework.exceptions import ParseError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from retargeting.accounts.models import ApiKey, IdempotentRequest
from retargeting.api.errors import Conflict, Unprocessable

KEPT_FOR = timedelta(hours=24)
"""For so long a repetition gets its answer; after that the key may be used anew."""

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def key_of(request: Request) -> str | None:
    """The Idempotency-Key of a write, None where there is none."""
    key: str | None = request.headers.get("Idempotency-Key")
    if key is None or request.method in {"GET", "HEAD", "OPTIONS"}:
        return None
    if _KEY.fullmatch(key) is None:
        raise ParseError("An Idempotency-Key has 1 to 255 visible ASCII characters.")
    return key


def answer_once(api_key: ApiKey, key: str, request: Request, handle: Callable[[], Response]) -> Response:
    """The stored answer, or that of `handle`, stored if it is a success. A failure has changed nothing, and the same
    key may carry the corrected request."""
    digest = _digest(request)
    with transaction.atomic():
        if not _claim(api_key, key):
            raise Conflict("A request with this Idempotency-Key is being answered right now.")
        stored = IdempotentRequest.objects.filter(api_key=api_key, key=key).first()
        if stored is not None and stored.created_at < timezone.now() - KEPT_FOR:
            stored.delete()
            stored = None
        if stored is not None:
            if stored.digest != digest:
                raise Unprocessable([("", "This Idempotency-Key was used for another request.")])
            return Response(stored.body, status=stored.status, headers={"Idempotency-Replayed": "true"})
        response = handle()
        if response.status_code >= 400:
            transaction.set_rollback(True)
        else:
            _remember(api_key, key, digest, response)
        return response


def _claim(api_key: ApiKey, key: str) -> bool:
    """Whether this transaction is the only one to work under the key. The lock goes with the transaction."""
    number = int.from_bytes(hashlib.sha256(f"{api_key.pk}:{key}".encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        (claimed,) = cursor.fetchone()
    return bool(claimed)


def _digest(request: Request) -> str:
    body: bytes = request._request.body
    return hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode() + body).hexdigest()


def _remember(api_key: ApiKey, key: str, digest: str, response: Response) -> None:
    body: Any = None if response.data is None else json.loads(JSONRenderer().render(response.data))
    IdempotentRequest.objects.create(api_key=api_key, key=key, digest=digest, status=response.status_code, body=body)


def forget_old_answers() -> int:
    """Delete the answers that are kept no longer; returns how many."""
    deleted, _ = IdempotentRequest.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
    return deleted
