"""JSON and nothing but JSON: no NaN, no repeated keys, no bombs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import IO, Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from retargeting.api.errors import PayloadTooLarge, Unprocessable
from retargeting.conditions.reading import show, step_into

MAX_BODY = 10 * 1024 * 1024
"""Bytes. A batch of 10,000 items fits."""

_DRAINED = 64 * 1024 * 1024
"""So much of a body that is too large is read and thrown away: whoever still sends would not see the answer."""


class BatchJSONParser(BaseParser):
    """For bulk views: what cannot be stored (texts with NUL, infinity) is theirs to refuse item by item."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return loads(_read(stream))


class StrictJSONParser(BatchJSONParser):
    """For all other views: what the database cannot hold is refused here, wherever in the body it is."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        data = super().parse(stream, media_type, parser_context)
        if mistakes := list(_unstorable(data)):
            raise Unprocessable(mistakes)
        return data


def _read(stream: IO[Any]) -> bytes:
    body: bytes = stream.read(MAX_BODY + 1)
    if len(body) <= MAX_BODY:
        return body
    drained = len(body)
    while drained < _DRAINED and (chunk := stream.read(65_536)):
        drained += len(chunk)
    raise PayloadTooLarge(f"The body is larger than {MAX_BODY // 1024 // 1024} MB. Send fewer items at a time.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ParseError(f"The key {show(key)} appears twice in one object.")
            seen.add(key)
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ParseError(f"{name} is not JSON.")


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant)


def loads(body: bytes) -> Any:
    """Raises ParseError (400) for what is not JSON."""
    try:
        return _decoder.decode(body.decode())
    except UnicodeDecodeError as error:
        raise ParseError(f"The body is not UTF-8 (at byte {error.start:,}).") from None
    except json.JSONDecodeError as error:
        raise ParseError(f"Not valid JSON: {error.msg} (line {error.lineno:,}, column {error.colno:,}).") from None
    except RecursionError:
        raise ParseError("The body is nested too deeply.") from None
    except ValueError:  # the one that is left: a whole number of more digits than Python reads
        raise ParseError("The body has a number with too many digits.") from None


def _unstorable(data: Any) -> Iterator[tuple[str, str]]:
    """Places of what PostgreSQL cannot hold: (path, message). Walks without recursion."""
    waiting: list[tuple[str, Any]] = [("", data)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            for key, inner in value.items():
                if _broken(key):
                    yield step_into(path, key), "NUL characters and lone surrogates cannot be stored."
                waiting.append((step_into(path, key), inner))
        elif isinstance(value, list):
            waiting += [(f"{path}/{index}", inner) for index, inner in enumerate(value)]
        elif isinstance(value, str):
            if _broken(value):
                yield path, "NUL characters and lone surrogates cannot be stored."
        elif isinstance(value, float):
            if not math.isfinite(value):
                yield path, "Expected a finite number."
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            yield path, "Expected a number of at most 64 bits."


def _broken(text: str) -> bool:
    if text.isascii():
        return "\x00" in text
    return "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text)
