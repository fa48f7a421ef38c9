"""Values as a browser can carry them in one line, and back.

A text field drops line breaks and a form rewrites them, so a text with such characters travels as its JSON literal;
and so that the two cannot be mistaken, every text that begins with a quotation mark does, too.
"""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, datetime

from retargeting.conditions.nodes import Scalar

TEXT, NUMBER, BOOLEAN, DATE = "text", "number", "boolean", "date"

_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK = re.compile(r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?")


class Unreadable(ValueError):
    """What was typed is not what is wanted; the message says what is."""


def line_of(text: str) -> str:
    """The text as one line of a text field."""
    unsafe = any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text)
    return json.dumps(text) if unsafe or text.startswith('"') else text


def text_of(line: str) -> str:
    """What `line_of` was given. What begins with a quotation mark and is no JSON is taken as typed."""
    if line.startswith('"'):
        try:
            text = json.loads(line)
        except ValueError:
            return line
        if isinstance(text, str) and not _broken(text):
            return text
    return line


def _broken(text: str) -> bool:
    """Whether it has half a character, which JSON can spell and no page can show."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def read_whole(line: str) -> int:
    if not line.strip():
        raise Unreadable("enter a number")
    compact = line.strip().replace(",", "").replace("\u202f", "").replace(" ", "")
    if not _WHOLE.fullmatch(compact):
        raise Unreadable("enter a whole number")
    return int(compact)


def read_number(line: str) -> int | float:
    """A number as JSON has them: whole ones stay whole, 1.0 stays 1.0."""
    compact = line.strip()
    if not compact:
        raise Unreadable("enter a number")
    if _WHOLE.fullmatch(compact):
        return int(compact)
    if not _NUMBER.fullmatch(compact):
        raise Unreadable("enter a number such as 12 or 9.5")
    return float(compact)


def number_line(value: int | float) -> str:
    return json.dumps(value)


def read_scalar(line: str, type_: str) -> Scalar:
    if type_ == NUMBER:
        return read_number(line)
    if type_ == BOOLEAN:
        if line not in ("true", "false"):
            raise Unreadable("choose true or false")
        return line == "true"
    if line == "":
        raise Unreadable("enter a value")
    return text_of(line)


def scalar_line(value: Scalar) -> tuple[str, str]:
    """(what the text field shows, the type chosen beside it)."""
    if isinstance(value, bool):
        return json.dumps(value), BOOLEAN
    if isinstance(value, str):
        return line_of(value), TEXT
    return number_line(value), NUMBER


def literal_of(value: Scalar) -> str:
    """The value of a checkbox: type and value in one."""
    return json.dumps(value)


def scalar_of(literal: str) -> Scalar:
    try:
        value = json.loads(literal)
    except (ValueError, RecursionError) as error:
        raise Unreadable("choose values from the list") from error
    if not isinstance(value, str | int | float | bool) or (isinstance(value, str) and _broken(value)):
        raise Unreadable("choose values from the list")
    return value


def read_moment(day: str, clock: str) -> str:
    """The date of the language for a day and a time in UTC; without a time it is midnight."""
    if not day.strip():
        raise Unreadable("choose a date")
    if not _DAY.fullmatch(day.strip()) or (clock.strip() and not _CLOCK.fullmatch(clock.strip())):
        raise Unreadable("enter a date as 2026-11-03 and a time as 14:30")
    return f"{day.strip()}T{clock.strip() or '00:00'}Z"


def moment_lines(moment: datetime) -> tuple[str, str]:
    """(day, time) in UTC; no time for midnight."""
    utc = moment.astimezone(UTC)
    day, clock = utc.replace(tzinfo=None).isoformat().split("T")
    if clock == "00:00:00":
        return day, ""
    return day, clock.removesuffix(":00") if clock.count(":") == 2 and "." not in clock else clock
