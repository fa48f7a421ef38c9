"""The content of a message: which fields each channel has, and what is wrong with what was typed into them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf.locale import LANG_INFO

from retargeting.conditions.nodes import Channel
from retargeting.messaging.liquid import TemplateError, parse

LONGEST_FIELD = 200_000
DEEP_LINK = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://?[^\s]")
LANGUAGES = "languages"
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
MOST_LANGUAGES = 40
BUTTONS = (("action1_label", "action1_link"), ("action2_label", "action2_link"))


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a channel's message. A field may hold Liquid, unless it has `choices`; `html` ones are escaped.

    A `link` leads to a web address, or into an app (shop://cart) where it is `deep`. A `setting` says how messages
    are made; it is no part of them, and the same in all languages. `choices` are pairs of key and label; the first is
    meant where there is none.
    """

    key: str
    label: str
    required: bool = False
    multiline: bool = False
    html: bool = False
    link: bool = False
    deep: bool = False
    setting: bool = False
    most: int = 1000
    choices: tuple[tuple[str, str], ...] = ()
    help: str = ""

    @property
    def shared(self) -> bool:
        """Whether a language that leaves it out has that of the default."""
        return self.link or self.setting or bool(self.choices)


EMPTY, SKIP = "empty", "skip"
SHORT, PLAIN = "short", "plain"
MISSING = Field(
    "missing",
    "When a person lacks a value",
    setting=True,
    choices=((EMPTY, "Write nothing in its place"), (SKIP, "Leave the person out")),
    help="Of the values in braces without a default.",
)
TAGS = (
    Field("utm_source", "utm_source", setting=True, most=100, help="Such as newsletter."),
    Field("utm_medium", "utm_medium", setting=True, most=100, help="Such as email."),
    Field("utm_campaign", "utm_campaign", setting=True, most=200, help="Such as {{ campaign.name }}."),
    Field("utm_content", "utm_content", setting=True, most=200, help="To tell variants apart."),
)
SETTINGS = (MISSING, *TAGS)


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
        *SETTINGS,
    ),
    Channel.EMAIL: (
        Field("subject", "Subject", required=True, most=400),
        Field("preheader", "Preview text", most=200, help="What mail programs show beside the subject."),
        Field("html", "HTML", multiline=True, html=True, most=LONGEST_FIELD),
        Field(
            "text", "Plain text", multiline=True, most=LONGEST_FIELD, help="Made from the HTML where it is left empty."
        ),
        *SETTINGS,
    ),
    Channel.SMS: (
        Field("text", "Text", required=True, multiline=True, most=1600),
        Field(
            "links",
            "Web addresses in the text",
            setting=True,
            choices=((SHORT, "Made short, and clicks are counted"), (PLAIN, "Sent as they are written")),
        ),
        *SETTINGS,
    ),
    Channel.IN_APP: (
        Field(
            "layout",
            "Layout",
            choices=(("banner", "Banner"), ("modal", "Modal")),
            help="A banner at the edge, or a window in the middle.",
        ),
        Field("title", "Title", required=True, most=200),
        Field("body", "Text", required=True, multiline=True, most=2000),
        Field("image", "Image", link=True, most=2000, help="Address of a picture."),
        Field("button", "Button", most=40, help="What is written on it."),
        Field("link", "Link", link=True, deep=True, most=2000, help="Where a click on the button leads."),
        *SETTINGS,
    ),
}


@dataclass(frozen=True, slots=True)
class ContentError:
    """What is wrong with one field; `field` is "" where it is about the whole."""

    field: str
    message: str


def check(channel: str, content: object, *, complete: bool = True) -> list[ContentError]:
    """What is wrong with `content`. A draft (`complete=False`) may lack fields, but what is there must be right.

    The field of an error in another language than the default begins with it: languages/de/title.
    """
    if not isinstance(content, Mapping):
        return [ContentError("", "expected an object with the fields of the message")]
    flat = {key: value for key, value in content.items() if key != LANGUAGES}
    errors = _check_fields(channel, flat, FIELDS[Channel(channel)], complete=complete)
    return [*errors, *_check_languages(channel, flat, content.get(LANGUAGES, {}), complete=complete)]


def _check_languages(
    channel: str, flat: Mapping[str, Any], others: object, *, complete: bool
) -> Iterator[ContentError]:
    if not isinstance(others, Mapping):
        yield ContentError(LANGUAGES, "expected an object with the fields of each language by its code")
        return
    if len(others) > MOST_LANGUAGES:
        yield ContentError(LANGUAGES, f"a message has at most {MOST_LANGUAGES} languages beside the default")
    own = tuple(field for field in FIELDS[Channel(channel)] if not field.setting)
    shared = {field.key: flat[field.key] for field in own if field.shared and isinstance(flat.get(field.key), str)}
    for code, words in others.items():
        where = f"{LANGUAGES}/{code}"
        if not isinstance(code, str) or not LANGUAGE.fullmatch(code):
            yield ContentError(where, 'expected the code of a language such as "fr" or "pt-BR"')
        elif not isinstance(words, Mapping):
            yield ContentError(where, "expected an object with the fields of the message")
        else:
            for error in _check_fields(channel, {**shared, **words}, own, complete=complete):
                yield ContentError(f"{where}/{error.field}".rstrip("/"), f"{language_name(code)}: {error.message}")


def _check_fields(
    channel: str, content: Mapping[str, Any], known: tuple[Field, ...], *, complete: bool
) -> list[ContentError]:
    fields = {field.key: field for field in known}
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
    keys = [key for key, _ in field.choices]
    if keys and value and value not in keys:
        return f"{field.label} is one of {', '.join(keys)}"
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


def language_name(code: str) -> str:
    """In English: Brazilian Portuguese. The code itself where nobody here knows it."""
    known: dict[str, Any] = LANG_INFO.get(code.lower(), {})
    return str(known.get("name", code))


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


def cleaned(channel: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the channel has, in its order, without empty ones and settings that say nothing new; and the
    same of each language.
    """
    fields = FIELDS[Channel(channel)]
    flat: dict[str, Any] = {field.key: content[field.key] for field in fields if _says(field, content.get(field.key))}
    others = {
        code: {field.key: words[field.key] for field in fields if not field.setting and words.get(field.key)}
        for code, words in sorted(content.get(LANGUAGES, {}).items())
    }
    return {**flat, LANGUAGES: others} if others else flat


def _says(field: Field, value: str | None) -> bool:
    return bool(value) and not (field.setting and field.choices and value == field.choices[0][0])


def headline(channel: str, content: Mapping[str, Any]) -> str:
    """The line by which a list shows the message."""
    return next((content[key] for key in ("subject", "title", "text", "body") if content.get(key)), "")
