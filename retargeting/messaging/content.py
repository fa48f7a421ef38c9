"""The content of a message: which fields each channel has, and what is wrong with what was typed into them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from retargeting.conditions.nodes import Channel
from retargeting.messaging.liquid import TemplateError, parse

LONGEST_FIELD = 200_000
DEEP_LINK = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://?[^\s]")
BUTTONS = (("action1_label", "action1_link"), ("action2_label", "action2_link"))


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a channel's message. A field may hold Liquid, unless it has `choices`; `html` ones are escaped.

    A `link` leads to a web address, or into an app (shop://cart) where it is `deep`.
    """

    key: str
    label: str
    required: bool = False
    multiline: bool = False
    html: bool = False
    link: bool = False
    deep: bool = False
    most: int = 1000
    choices: tuple[str, ...] = ()
    help: str = ""


FIELDS: dict[Channel, tuple[Field, ...]] = {
    Channel.PUSH: (
        Field("title", "Title", required=True, most=200),
        Field("body", "Text", required=True, multiline=True, most=2000),
        Field("link", "Link", link=True, deep=True, most=2000, help="Where a tap leads: https://… or into your app."),
        Field("image", "Image", link=True, most=2000, help="Address of a picture."),
        Field("action1_label", "First button", most=40, help="In browsers, and in apps that show buttons."),
        Field("action1_link", "Link of the first button", link=True, deep=True, most=2000),
        Field("action2_label", "Second button", most=40),
        Field("action2_link", "Link of the second button", link=True, deep=True, most=2000),
    ),
    Channel.EMAIL: (
        Field("subject", "Subject", required=True, most=400),
        Field("preheader", "Preview text", most=200, help="What mail programs show beside the subject."),
        Field("html", "HTML", multiline=True, html=True, most=LONGEST_FIELD),
        Field(
            "text", "Plain text", multiline=True, most=LONGEST_FIELD, help="Made from the HTML where it is left empty."
        ),
    ),
    Channel.SMS: (Field("text", "Text", required=True, multiline=True, most=1600),),
    Channel.IN_APP: (
        Field(
            "layout", "Layout", choices=("banner", "modal"), help="A banner at the edge, or a window in the middle."
        ),
        Field("title", "Title", required=True, most=200),
        Field("body", "Text", required=True, multiline=True, most=2000),
        Field("image", "Image", link=True, most=2000, help="Address of a picture."),
        Field("button", "Button", most=40, help="What is written on it."),
        Field("link", "Link", link=True, deep=True, most=2000, help="Where a click on the button leads."),
    ),
}


@dataclass(frozen=True, slots=True)
class ContentError:
    """What is wrong with one field; `field` is "" where it is about the whole."""

    field: str
    message: str


def check(channel: str, content: object, *, complete: bool = True) -> list[ContentError]:
    """What is wrong with `content`. A draft (`complete=False`) may lack fields, but what is there must be right."""
    if not isinstance(content, Mapping):
        return [ContentError("", "expected an object with the fields of the message")]
    fields = {field.key: field for field in FIELDS[Channel(channel)]}
    errors = [
        ContentError(key, f"{channel} messages have no field {key!r}; they have {', '.join(fields)}")
        for key in content
        if key not in fields
    ]
    for key, field in fields.items():
        value = content.get(key, "")
        if not isinstance(value, str):
            errors.append(ContentError(key, "expected text"))
        elif message := _mistake(field, value, complete=complete):
            errors.append(ContentError(key, message))
    errors += [
        ContentError(link, "this leads somewhere, but nothing is written on the button")
        for label, link in BUTTONS
        if complete and link in fields and content.get(link) and not content.get(label) and not errors
    ]
    if complete and not errors and channel == Channel.EMAIL and not (content.get("html") or content.get("text")):
        errors.append(ContentError("html", "write the HTML or the plain text of the mail"))
    return errors


def _mistake(field: Field, value: str, *, complete: bool) -> str | None:
    if field.required and complete and not value.strip():
        return f"{field.label} is missing"
    if len(value) > field.most:
        return f"{field.label} has {len(value):,} characters; at most {field.most:,} fit"
    if field.choices and value and value not in field.choices:
        return f"{field.label} is one of {', '.join(field.choices)}"
    if "\x00" in value or any("\ud800" <= char <= "\udfff" for char in value):
        return f"{field.label} holds a character that cannot be stored"
    try:
        parse(value, html=field.html)
    except TemplateError as error:
        return str(error)
    if (
        field.link
        and value
        and "{" not in value
        and not (is_web_address(value) or (field.deep and is_deep_link(value)))
    ):
        deep = ", or with the scheme of your app" if field.deep else ""
        return f"a link starts with https:// or http://{deep}"
    return None


def is_web_address(value: str) -> bool:
    try:
        parts = urlsplit(value.strip())
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def is_deep_link(value: str) -> bool:
    """Whether it leads into an app: its own scheme, and none that a browser would run or read files by."""
    scheme = DEEP_LINK.match(value.strip())
    return scheme is not None and scheme[1].lower() not in {"javascript", "data", "vbscript", "file", "blob", "about"}


def cleaned(channel: str, content: Mapping[str, str]) -> dict[str, str]:
    """The fields that the channel has, in its order, without empty ones."""
    return {field.key: content[field.key] for field in FIELDS[Channel(channel)] if content.get(field.key)}


def headline(channel: str, content: Mapping[str, str]) -> str:
    """The line by which a list shows the message."""
    return next((content[key] for key in ("subject", "title", "text", "body") if content.get(key)), "")
