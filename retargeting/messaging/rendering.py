"""From the frozen content of a dispatch to one person's finished message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape, unescape
from types import MappingProxyType
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.utils.html import strip_tags

from retargeting.conditions.nodes import Channel
from retargeting.messaging import links, tracking
from retargeting.messaging.content import FIELDS, SHORT, SKIP
from retargeting.messaging.liquid import TemplateError, fill
from retargeting.messaging.tracking import Recipient

# Neither looks beyond the next tag of its kind, so that HTML in which nothing is ever closed does not take minutes.
LINK = re.compile(
    r"""<a\b[^<>]*?\shref\s*=\s*["']([^"']*)["'][^<>]*>((?:(?!<a\b).)*?)</a\s*>""", re.IGNORECASE | re.DOTALL
)
INVISIBLE = re.compile(r"<(style|script|head|title)\b(?:(?!<\1\b).)*?</\1\s*>", re.IGNORECASE | re.DOTALL)
BODY_START = re.compile(r"<body\b[^<>]*>", re.IGNORECASE)
BREAK = re.compile(r"<(?:br|/p|/div|/h[1-6]|/li|/tr)\b[^>]*>", re.IGNORECASE)


NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Rendered:
    content: dict[str, str]
    headers: dict[str, str]


def values_for(
    attributes: Mapping[str, Any],
    external_id: str,
    language: str,
    campaign: str,
    event: Mapping[str, Any] = NOTHING,
) -> dict[str, Any]:
    """What a template can use: a person's attributes by name, and `profile`, `campaign` and `event`.

    `event` has the properties of what began the journey that the message is sent on.
    """
    profile = {**attributes, "external_id": external_id, "language": language}
    return {**attributes, "profile": profile, "campaign": {"name": campaign}, "event": event}


def render(
    channel: str, content: Mapping[str, str], values: Mapping[str, Any], recipient: Recipient | None
) -> Rendered:
    """Fill in every field; with a `recipient` links are tracked, without one it is a preview.

    `content` is in one language; see `languages.localized`. Raises TemplateError, with the name of the field.
    """
    unsubscribe = tracking.unsubscribe_url(recipient) if recipient and channel == Channel.EMAIL else ""
    values = {**values, "unsubscribe_url": unsubscribe or "#"}
    filled = _filled(channel, content, values)
    tags = links.tags_of(filled)
    message = {field.key: filled[field.key] for field in FIELDS[Channel(channel)] if not field.setting}
    match channel:
        case Channel.EMAIL:
            message["html"] = links.tag_html(message["html"], tags, but=values["unsubscribe_url"])
            return _mail(message, recipient, unsubscribe)
        case Channel.SMS:
            text = _text_message(content, values, tags, recipient)
            return Rendered({"text": text}, {})
    web = {field.key for field in FIELDS[Channel(channel)] if field.deep}
    message = {key: links.tagged(value, tags) if key in web else value for key, value in message.items() if value}
    headers = {"report": tracking.report_url(recipient)} if recipient and channel == Channel.PUSH else {}
    return Rendered(message, headers)


def _filled(channel: str, content: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str]:
    strict = content.get("missing") == SKIP
    filled: dict[str, str] = {}
    for field in FIELDS[Channel(channel)]:
        try:
            filled[field.key] = fill(content.get(field.key, ""), values, html=field.html, strict=strict)
        except TemplateError as error:
            raise TemplateError(f"{field.label}: {error}") from error
    return filled


def _text_message(
    content: Mapping[str, str], values: Mapping[str, Any], tags: Mapping[str, str], recipient: Recipient | None
) -> str:
    """The text with its web addresses made short, or with their parameters."""
    text, written = links.cut(content.get("text", ""))
    strict = content.get("missing") == SKIP
    short = recipient is not None and content.get("links", SHORT) == SHORT
    for place, link in enumerate(written):
        # Filled in here too, so that somebody who lacks a value of it is left out before they follow it.
        url = links.tagged(fill(link, values, strict=strict), tags)
        values = {**values, links.name_of(place): links.short_url(recipient, link) if short and recipient else url}
    return fill(text, values, strict=strict)


def destination(content: Mapping[str, str], link: str, values: Mapping[str, Any]) -> str:
    """Where a short link leads: the address as written, filled in and with its parameters. Raises TemplateError."""
    return links.tagged(fill(link, values), links.tags_of(_filled(Channel.SMS, content, values)))


def _mail(filled: dict[str, str], recipient: Recipient | None, unsubscribe: str) -> Rendered:
    html, text = filled.get("html", ""), filled.get("text", "")
    if html and (preheader := filled.pop("preheader", "")):
        html = with_preheader(html, preheader)
    if html and not text:
        text = plain_text(html)
    if recipient is None:
        return Rendered({**filled, "text": text}, {})
    # A mail that nobody can unsubscribe from must not go out, so where the author left the link out we put it in.
    if html and unsubscribe not in html:
        html = tracking.at_end_of_body(html, f'<p><a href="{unsubscribe}">Unsubscribe</a></p>')
    if unsubscribe not in text:
        text += f"\n\nUnsubscribe: {unsubscribe}"
    headers = {"List-Unsubscribe": f"<{unsubscribe}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    if html:
        html = tracking.track_html(html, recipient)
    return Rendered({**filled, "html": html, "text": text}, headers)


def with_preheader(html: str, preheader: str) -> str:
    """`html` that begins with a line which mail programs show in their list, and nobody in the mail itself."""
    hidden = f'<div style="display:none;max-height:0;overflow:hidden">{escape(preheader)}</div>'
    body = BODY_START.search(html)
    place = body.end() if body else 0
    return html[:place] + hidden + html[place:]


def plain_text(html: str) -> str:
    """A readable text for mail programs that show no HTML: links in brackets, one line for each block.

    Raises TemplateError for HTML that is no such thing.
    """
    html = INVISIBLE.sub("", html)
    html = LINK.sub(lambda match: f"{match.group(2)} ({match.group(1)})", html)
    try:
        text = unescape(strip_tags(BREAK.sub("\n", html)))
    except SuspiciousOperation as error:
        raise TemplateError("HTML: no text can be made of it, too many tags are opened and not closed") from error
    lines = (" ".join(line.split()) for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
