"""Checks what comes from outside about people: items of the API, lines of an upload.

A check never raises. It returns what can be stored, or notes in `Mistakes` what is wrong with which part and returns
None. Paths are JSON pointers from the item: /addresses/0/address.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import available_timezones

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

from retargeting.conditions.nodes import Channel
from retargeting.conditions.reading import show, spoken, step_into

MAX_EXTERNAL_ID = 255
MAX_NAME = 100
MAX_TEXT = 4_096
MAX_ELEMENTS = 100
MAX_ATTRIBUTES = 200
MAX_ADDRESSES = 50
MAX_EMAIL = 254
MAX_TOKEN = 1_024

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_PHONE = re.compile(r"\+[0-9 ().\-/]{5,40}")
_check_email = EmailValidator()

# Addresses of the API have these words in the place of an external id, or browsers take them out of the path.
_RESERVED = {"bulk", ".", ".."}
_RESERVED_END = "/timeline"


class Mistake(NamedTuple):
    path: str
    message: str


class ItemError(NamedTuple):
    """A mistake in one item of a batch: the item's index, and a `path` that starts at the item."""

    item: int
    path: str
    message: str


class Mistakes(list[Mistake]):
    """What is wrong with one item."""

    def note(self, path: str, message: str) -> None:
        self.append(Mistake(path, message))

    def keys(self, item: dict[str, Any], path: str, required: Collection[str], optional: Collection[str] = ()) -> bool:
        """Whether the item has all required keys and no unknown ones; the usual case is two quick comparisons."""
        known = [*required, *optional]
        fine = True
        for key in item:
            if key not in known:
                fine = False
                self.note(step_into(path, key), f"Unknown key. Allowed here: {spoken(known)}.")
        for key in required:
            if key not in item:
                fine = False
                self.note(step_into(path, key), f'"{key}" is missing.')
        return fine

    def in_batch(self, index: int) -> list[ItemError]:
        return [ItemError(index, path, message) for path, message in self]


class AddressItem(NamedTuple):
    """`subscribed` is None where nothing was said: a new address is subscribed then, a known one stays as it is."""

    channel: str
    address: str
    subscribed: bool | None


@dataclass(slots=True)
class ProfileItem:
    """`attributes` may hold None: remove that one. `language` and `time_zone`: None leaves them, "" clears them."""

    external_id: str
    attributes: dict[str, Any] = field(default_factory=dict)
    language: str | None = None
    time_zone: str | None = None
    addresses: list[AddressItem] = field(default_factory=list)


def clean_profile(item: object, mistakes: Mistakes) -> ProfileItem | None:
    """`mistakes` should be new; None exactly if it is not empty afterwards."""
    if not isinstance(item, dict):
        mistakes.note("", f"Expected a profile as an object, got {show(item)}.")
        return None
    mistakes.keys(item, "", ("external_id",), ("attributes", "time_zone", "language", "addresses"))
    external_id = clean_external_id(item["external_id"], mistakes, "/external_id") if "external_id" in item else None
    clean = ProfileItem(external_id or "")
    if "attributes" in item:
        clean.attributes = _attributes(item["attributes"], mistakes)
    if "language" in item:
        clean.language = _language(item["language"], mistakes)
    if "time_zone" in item:
        clean.time_zone = _time_zone(item["time_zone"], mistakes)
    if "addresses" in item:
        clean.addresses = _addresses(item["addresses"], mistakes)
    return None if mistakes else clean


def is_external_id(value: object) -> bool:
    return clean_external_id(value, Mistakes()) is not None


def clean_external_id(value: object, mistakes: Mistakes, path: str = "") -> str | None:
    if not isinstance(value, str):
        mistakes.note(path, f"Expected a text, got {show(value)}.")
    elif not value.strip():
        mistakes.note(path, "Expected the id that your system gives this person, got an empty text.")
    elif len(value) > MAX_EXTERNAL_ID:
        mistakes.note(path, f"Expected at most {MAX_EXTERNAL_ID} characters, got {len(value):,}.")
    elif _CONTROL.search(value):
        mistakes.note(path, "Control characters, line ends and lone surrogates are not allowed in an id.")
    elif value in _RESERVED or value.endswith(_RESERVED_END):
        mistakes.note(
            path, f"{show(value)} cannot be an id, because it means something else in an address of the API."
        )
    else:
        return value
    return None


def clean_name(value: object, mistakes: Mistakes, path: str, what: str, most: int = MAX_NAME) -> str | None:
    """A name of an attribute, a property or an event."""
    if not isinstance(value, str):
        mistakes.note(path, f"Expected {what} as a text, got {show(value)}.")
    elif not value.strip():
        mistakes.note(path, f"Expected {what}, got an empty text.")
    elif len(value) > most:
        mistakes.note(path, f"Expected {what} of at most {most} characters, got {len(value):,}.")
    elif _CONTROL.search(value):
        mistakes.note(path, f"Control characters, line ends and lone surrogates are not allowed in {what}.")
    else:
        return value
    return None


def value_problems(value: object) -> list[tuple[str, str]]:
    """What is wrong with a value of an attribute or a property: (path from the value, message).

    A value is a scalar or a list of scalars. Paths are made for mistakes only: ten thousand items have none.
    """
    if not isinstance(value, list):
        problem = _scalar_problem(value)
        return [("", problem)] if problem else []
    if len(value) > MAX_ELEMENTS:
        return [("", f"Expected at most {MAX_ELEMENTS} elements, got {len(value):,}.")]
    return [(f"/{n}", problem) for n, element in enumerate(value) if (problem := _scalar_problem(element))]


def _scalar_problem(value: object) -> str:
    """What is wrong with a scalar; "" if nothing is. Python's bool is an int, and fine as well."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            return f"Expected at most {MAX_TEXT:,} characters, got {len(value):,}."
        if _UNSTORABLE.search(value):
            return "NUL characters and lone surrogates cannot be stored."
        return ""
    if isinstance(value, int):
        return "" if -(2**63) <= value < 2**63 else "Expected a number of at most 64 bits."
    if isinstance(value, float):
        return "" if math.isfinite(value) else "Expected a finite number."
    return f"Expected a text, a number, true, false or a list of these, got {show(value)}."


def clean_values(data: object, mistakes: Mistakes, path: str, one: str, many: str) -> dict[str, Any]:
    """The attributes of a person or the properties of an event: names and values, null allowed."""
    if not isinstance(data, dict):
        mistakes.note(path, f"Expected an object of {many}, got {show(data)}.")
        return {}
    if len(data) > MAX_ATTRIBUTES:
        mistakes.note(path, f"Expected at most {MAX_ATTRIBUTES} {many}, got {len(data):,}.")
        return {}
    for name, value in data.items():
        if not 0 < len(name) <= MAX_NAME or _CONTROL.search(name) or not name.strip():
            clean_name(name, mistakes, step_into(path, name), f"a name of the {one}")
        elif value is not None:
            for suffix, problem in value_problems(value):
                mistakes.note(step_into(path, name) + suffix, problem)
    return data


def _attributes(data: object, mistakes: Mistakes) -> dict[str, Any]:
    return clean_values(data, mistakes, "/attributes", "attribute", "attributes")


def _language(value: object, mistakes: Mistakes) -> str | None:
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or len(value) > 35 or _LANGUAGE.fullmatch(value) is None:
        mistakes.note("/language", f'Expected a language such as "fr" or "pt-BR", got {show(value)}.')
        return None
    return value


@cache
def time_zones() -> frozenset[str]:
    """Names that mean a place or an offset, the same on every machine."""
    return frozenset(available_timezones() - {"localtime", "Factory", "posixrules"})


def _time_zone(value: object, mistakes: Mistakes) -> str | None:
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or value not in time_zones():
        mistakes.note("/time_zone", f'Expected a time zone such as "Europe/Paris", got {show(value)}.')
        return None
    return value


def _addresses(data: object, mistakes: Mistakes) -> list[AddressItem]:
    if not isinstance(data, list):
        mistakes.note("/addresses", f"Expected a list of addresses, got {show(data)}.")
        return []
    if len(data) > MAX_ADDRESSES:
        mistakes.note("/addresses", f"Expected at most {MAX_ADDRESSES} addresses, got {len(data):,}.")
        return []
    found: dict[tuple[str, str], AddressItem] = {}
    for index, item in enumerate(data):
        path = f"/addresses/{index}"
        if (clean := _address(item, mistakes, path)) is None:
            continue
        if (clean.channel, clean.address) in found:
            mistakes.note(path, "This address is already in the list.")
        found[clean.channel, clean.address] = clean
    return list(found.values())


def _address(item: object, mistakes: Mistakes, path: str) -> AddressItem | None:
    if not isinstance(item, dict):
        mistakes.note(path, f"Expected an address as an object, got {show(item)}.")
        return None
    if not mistakes.keys(item, path, ("channel", "address"), ("subscribed",)):
        return None
    channel, subscribed = item["channel"], item.get("subscribed")
    if "subscribed" in item and not isinstance(subscribed, bool):
        mistakes.note(f"{path}/subscribed", f"Expected true or false, got {show(subscribed)}.")
        return None
    if not isinstance(channel, str) or channel not in set(Channel):
        mistakes.note(f"{path}/channel", f"Expected one of {spoken(list(Channel))}, got {show(channel)}.")
        return None
    address = clean_address(Channel(channel), item["address"], mistakes, f"{path}/address")
    return None if address is None else AddressItem(channel, address, subscribed)


def clean_address(channel: Channel, value: object, mistakes: Mistakes, path: str = "") -> str | None:
    """The address in the one form in which it is kept: email in small letters, phone as E.164, tokens as they are."""
    if not isinstance(value, str):
        mistakes.note(path, f"Expected a text, got {show(value)}.")
        return None
    if channel is Channel.EMAIL:
        return _email(value, mistakes, path)
    if channel is Channel.SMS:
        return _phone(value, mistakes, path)
    return clean_name(value, mistakes, path, "a token", MAX_TOKEN)


def _email(value: str, mistakes: Mistakes, path: str) -> str | None:
    """Small letters throughout, so that a suppression holds however somebody spells the address next time."""
    try:
        if len(value) > MAX_EMAIL or _CONTROL.search(value):
            raise ValidationError("too long, or not text")
        _check_email(value)
    except ValidationError:
        mistakes.note(path, f'Expected an email address such as "ana@example.com", got {show(value)}.')
        return None
    return value.lower()


def _phone(value: str, mistakes: Mistakes, path: str) -> str | None:
    """Possible, not necessarily assigned: numbering plans grow faster than anybody's tables."""
    try:
        if _PHONE.fullmatch(value) is None:
            raise phonenumbers.NumberParseException(phonenumbers.NumberParseException.NOT_A_NUMBER, value)
        number = phonenumbers.parse(value, None)
        if phonenumbers.is_possible_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        pass
    mistakes.note(path, f'Expected a phone number with its country code, such as "+33612345678", got {show(value)}.')
    return None
