"""Links in messages: the parameters by which web analytics know where somebody came from, and short ones for texts.

A short link names the delivery and signs the link as it is written in the message, values in braces and all. Nothing
is stored for it: whoever follows it is led to the one link of that message which fits the signature.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from html import escape, unescape
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.core.signing import BadSignature
from django.urls import reverse

from retargeting.messaging.content import TAGS, is_web_address
from retargeting.messaging.liquid import TemplateError, parse
from retargeting.messaging.tracking import HREF, Recipient

WRITTEN = re.compile(r"https?://(?:\{\{.*?\}\}|\{%.*?%\}|[^\s{<>\"])+")
AFTER = ".,;:!?)]'"
"""What stands after a link in a sentence and is no part of it."""
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SIGNED = 10
"""Characters of a signature: 59 bits, of which a guess in a million million million hits one."""


def tagged(url: str, tags: Mapping[str, str]) -> str:
    """The web address with the parameters that it does not have yet; anything else as it is."""
    if not tags or not is_web_address(url):
        return url
    parts = urlsplit(url)
    there = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    added = urlencode({name: value for name, value in tags.items() if name not in there})
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, added]))))


def tags_of(filled: Mapping[str, str]) -> dict[str, str]:
    """Those of a message whose fields are filled in."""
    return {field.key: filled[field.key] for field in TAGS if filled.get(field.key)}


def tag_html(html: str, tags: Mapping[str, str], *, but: str) -> str:
    """`html` with the parameters in its links, all `but` one."""
    if not tags:
        return html

    def replaced(match: re.Match[str]) -> str:
        before, quoted = match.groups()
        url = unescape(quoted[1:-1]).strip()
        return match.group() if url == but else f'{before}"{escape(tagged(url, tags))}"'

    return HREF.sub(replaced, html)


class Cut(NamedTuple):
    """A text in which each web address is the name of a value, and those addresses as they were written."""

    text: str
    links: tuple[str, ...]


@lru_cache(maxsize=512)
def cut(text: str) -> Cut:
    """The text with `{{ retargeting_link_0 }}` and so on in it.

    What cannot stand alone stays as it is: an address that begins in one part of a template and ends in another.
    """
    links: list[str] = []

    def named(match: re.Match[str]) -> str:
        link = match.group().rstrip(AFTER)
        try:
            parse(link)
        except TemplateError:
            return match.group()
        links.append(link)
        return f"{{{{ {name_of(len(links) - 1)} }}}}{match.group()[len(link) :]}"

    return Cut(WRITTEN.sub(named, text), tuple(links))


def name_of(place: int) -> str:
    return f"retargeting_link_{place}"


def short_url(recipient: Recipient, link: str) -> str:
    """`link` is the address as it is written in the message."""
    code = f"{_short(recipient.dispatch_id)}-{_short(recipient.profile_id)}-{_signature(recipient, link)}"
    return settings.PUBLIC_URL + reverse("short-link", args=[code])


def read_code(code: str) -> tuple[Recipient, str]:
    """Whose link it is, and the signature that one of the links of that message has. Raises BadSignature."""
    parts = code.split("-")
    if len(parts) != 3 or not all(part and len(part) < 12 and part.isascii() and part.isalnum() for part in parts):
        raise BadSignature("not a short link")
    recipient = Recipient(_long(parts[0]), _long(parts[1]))
    if recipient.dispatch_id >= 2**63 or recipient.profile_id >= 2**31:
        raise BadSignature("not a short link")
    return recipient, parts[2]


def signed(recipient: Recipient, signature: str, links: Iterable[str]) -> str:
    """That of the links as written which the signature is of. Raises BadSignature."""
    for link in links:
        if hmac.compare_digest(_signature(recipient, link), signature):
            return link
    raise BadSignature("the signature fits none of its links")


def _signature(recipient: Recipient, link: str) -> str:
    key = hashlib.sha256(b"retargeting.messaging.links" + settings.SECRET_KEY.encode()).digest()
    digest = hmac.digest(key, f"{recipient}|{link}".encode(), "sha256")
    return _short(int.from_bytes(digest[:8]) % len(DIGITS) ** SIGNED).rjust(SIGNED, "0")


def _short(number: int) -> str:
    digits = ""
    while True:
        number, last = divmod(number, len(DIGITS))
        digits = DIGITS[last] + digits
        if not number:
            return digits


def _long(digits: str) -> int:
    number = 0
    for digit in digits:
        number = number * len(DIGITS) + DIGITS.index(digit)
    return number
