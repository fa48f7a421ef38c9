"""Reads the plain pieces of a tree (objects, texts, numbers, dates, lists) and notes every mistake on the way.

Each method gives what it read, or None after noting what is wrong, so that a reader goes on with the neighbours.
Nothing here trusts its input to be JSON: whatever Python value arrives, the outcome is a value or a noted mistake.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from enum import StrEnum
from typing import NoReturn, TypeVar

from retargeting.conditions.errors import ConditionError, ConditionErrors
from retargeting.conditions.nodes import Scalar
from retargeting.conditions.values import comparable, parse_date

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

MAX_VALUES = 1_000
"""Values or ids in one condition."""
MAX_ERRORS = 100
"""A tree with more mistakes than this is given up on: nobody reads further."""
MAX_INTEGER = 2**63 - 1
"""What PostgreSQL's bigint holds."""

_DATE_WANTED = 'a date such as "2026-11-03" or a time with its zone such as "2026-11-03T10:02:00Z"'


def printable(text: str, most: int = 60) -> str:
    """A text that can go into any message or response: cut, and without what UTF-8 or PostgreSQL cannot hold."""
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return cut.encode("utf-8", "replace").decode().replace("\x00", "?")


def show(value: object) -> str:
    """A value in a message; never fails and never grows long."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{printable(value)}"'
        case int():
            return str(value) if value.bit_length() <= 64 else "a number beyond 64 bits"
        case float():
            return repr(float(value))
        case list() | tuple():
            return "a list"
        case dict():
            return "an object"
    return "something that is not JSON"


def spoken(options: Collection[str]) -> str:
    return ", ".join(f'"{option}"' for option in options)


def step_into(path: str, key: str | int) -> str:
    """The JSON pointer (RFC 6901) of one member of what `path` points to."""
    return f"{path}/{printable(str(key)).replace('~', '~0').replace('/', '~1')}"


class Reader:
    """Collects the mistakes of one tree."""

    def __init__(self) -> None:
        self.errors: list[ConditionError] = []

    def refuse(self, path: str, message: str) -> None:
        self.errors.append(ConditionError(path, message))
        if len(self.errors) >= MAX_ERRORS:
            self.give_up()

    def give_up(self) -> NoReturn:
        raise ConditionErrors(self.errors)

    def mapping(self, data: object, path: str, what: str) -> dict[object, object] | None:
        if isinstance(data, dict):
            return data
        self.refuse(path, f"Expected {what} as an object, got {show(data)}.")
        return None

    def keys(
        self, data: dict[object, object], path: str, required: Collection[str], optional: Collection[str] = ()
    ) -> bool:
        """Whether all required keys are there and no other than the allowed ones; notes each that is wrong."""
        allowed = [*required, *optional]
        fine = True
        for key in data:
            if not isinstance(key, str):
                self.refuse(path, f"Keys are texts, got {show(key)}. Allowed here: {spoken(allowed)}.")
                fine = False
            elif key not in allowed:
                self.refuse(step_into(path, key), f'Unknown key "{printable(key)}". Allowed here: {spoken(allowed)}.')
                fine = False
        for key in required:
            if key not in data:
                self.refuse(step_into(path, key), f'"{key}" is missing.')
                fine = False
        return fine

    def choice(self, data: object, path: str, options: type[E]) -> E | None:
        values = [option.value for option in options]
        if isinstance(data, str) and data in values:
            return options(data)
        self.refuse(path, f"Expected one of {spoken(values)}, got {show(data)}.")
        return None

    def flag(self, data: object, path: str) -> bool | None:
        if isinstance(data, bool):
            return data
        self.refuse(path, f"Expected true or false, got {show(data)}.")
        return None

    def whole(self, data: object, path: str, low: int, high: int, what: str = "a whole number") -> int | None:
        if isinstance(data, int) and not isinstance(data, bool) and low <= data <= high:
            return data
        limits = f"from {low:,} to {high:,}" if high < MAX_INTEGER else f"of {low:,} or more"
        self.refuse(path, f"Expected {what} {limits}, got {show(data)}.")
        return None

    def identity(self, data: object, path: str) -> int | None:
        return self.whole(data, path, 1, MAX_INTEGER, "an id, a whole number")

    def number(self, data: object, path: str) -> int | float | None:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.refuse(path, f"Expected a number, got {show(data)}.")
            return None
        if isinstance(data, float) and not math.isfinite(data):
            self.refuse(path, f"Expected a finite number, got {show(data)}.")
            return None
        if isinstance(data, int) and not -MAX_INTEGER - 1 <= data <= MAX_INTEGER:
            self.refuse(path, "Expected a number of at most 64 bits.")
            return None
        return data

    def text(self, data: object, path: str, what: str = "a text") -> str | None:
        if not isinstance(data, str):
            self.refuse(path, f"Expected {what}, got {show(data)}.")
        elif data == "":
            self.refuse(
                path, f'Expected {what}, got an empty text, which is no value. For "no value" use "is_not_set".'
            )
        elif "\x00" in data or any("\ud800" <= character <= "\udfff" for character in data):
            self.refuse(path, f"Expected {what} without NUL characters and lone surrogates, which cannot be stored.")
        else:
            return data
        return None

    def name(self, data: object, path: str, what: str) -> str | None:
        """A key, code or name: a text that is there."""
        if data == "" and isinstance(data, str):
            self.refuse(path, f"Expected {what}, got an empty text.")
            return None
        return self.text(data, path, what)

    def scalar(self, data: object, path: str) -> Scalar | None:
        if isinstance(data, bool):
            return data
        if isinstance(data, str):
            return self.text(data, path)
        if isinstance(data, int | float):
            return self.number(data, path)
        self.refuse(path, f"Expected a text, a number, true or false, got {show(data)}.")
        return None

    def date(self, data: object, path: str) -> datetime | None:
        """A moment in UTC. Years 1900 to 9999, in UTC as well as as written."""
        moment = parse_date(data)
        if moment is not None:
            try:
                moment = moment.astimezone(UTC)
            except OverflowError:
                moment = None
        if moment is None or moment.year < 1900:
            self.refuse(path, f"Expected {_DATE_WANTED}, from the years 1900 to 9999, got {show(data)}.")
            return None
        return moment

    def items(
        self, data: object, path: str, read: Callable[[object, str], T | None], what: str
    ) -> tuple[T, ...] | None:
        """A list of 1 to 1,000; what is said twice is kept once."""
        if not isinstance(data, list):
            self.refuse(path, f"Expected a list of {what}, got {show(data)}.")
            return None
        if not 1 <= len(data) <= MAX_VALUES:
            self.refuse(path, f"Expected a list of 1 to {MAX_VALUES:,} {what}, got {len(data):,}.")
            return None
        found: dict[object, T] = {}
        failed = False
        for index, item in enumerate(data):
            value = read(item, step_into(path, index))
            if value is None:
                failed = True
            else:
                found.setdefault(comparable(value), value)
        return None if failed else tuple(found.values())
