"""Open pixels, click links and unsubscribe links: signed, so that they cannot be made up or lead elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape, unescape
from urllib.parse import urlencode

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse

from retargeting.messaging.content import is_web_address

HREF = re.compile(r"""(<a\b[^<>]*?\shref\s*=\s*)("[^"]*"|'[^']*')""", re.IGNORECASE | re.DOTALL)
LONGEST_LINK = 8000  # web servers refuse longer addresses: better a link that is not counted than one that fails
BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whose message a link belongs to."""

    dispatch_id: int
    profile_id: int

    def __str__(self) -> str:
        return f"{self.dispatch_id}-{self.profile_id}"


def _signer(purpose: str) -> Signer:
    return Signer(salt=f"retargeting.messaging.{purpose}")


def token(purpose: str, recipient: Recipient, url: str = "") -> str:
    """The recipient with a signature that also covers the purpose and the address it leads to."""
    signature = _signer(purpose).signature(f"{recipient}|{url}")
    return f"{recipient}-{signature}"


def read_token(purpose: str, value: str, url: str = "") -> Recipient:
    """The recipient named by a token; raises BadSignature for anything that we did not sign."""
    dispatch, _, rest = value.partition("-")
    profile, _, signature = rest.partition("-")
    if not (dispatch.isdecimal() and profile.isdecimal() and len(dispatch) < 19 and len(profile) < 11):
        raise BadSignature("not a token")
    recipient = Recipient(int(dispatch), int(profile))
    if token(purpose, recipient, url) != f"{recipient}-{signature}":
        raise BadSignature("the signature does not fit")
    return recipient


def open_url(recipient: Recipient) -> str:
    return settings.PUBLIC_URL + reverse("track-open", args=[token("open", recipient)])


def click_url(recipient: Recipient, url: str) -> str:
    path = reverse("track-click", args=[token("click", recipient, url)])
    return f"{settings.PUBLIC_URL}{path}?{urlencode({'to': url})}"


def report_url(recipient: Recipient) -> str:
    """Where a device tells what became of a push message."""
    return settings.PUBLIC_URL + reverse("track-report", args=[token("report", recipient)])


def unsubscribe_url(recipient: Recipient) -> str:
    return settings.PUBLIC_URL + reverse("unsubscribe", args=[token("unsubscribe", recipient)])


def track_html(html: str, recipient: Recipient) -> str:
    """`html` with its web links led past us and an open pixel at its end."""

    def led_past_us(match: re.Match[str]) -> str:
        before, quoted = match.groups()
        url = unescape(quoted[1:-1]).strip()
        if not is_web_address(url) or url.startswith(f"{settings.PUBLIC_URL}/t/"):
            return match.group()
        tracked = click_url(recipient, url)
        return match.group() if len(tracked) > LONGEST_LINK else f'{before}"{escape(tracked)}"'

    html = HREF.sub(led_past_us, html)
    return at_end_of_body(html, f'<img src="{escape(open_url(recipient))}" width="1" height="1" alt="">')


def at_end_of_body(html: str, addition: str) -> str:
    """`html` with `addition` as the last thing in its body, or at the end where no body is closed."""
    ends = [match.start() for match in BODY_END.finditer(html)]
    place = ends[-1] if ends else len(html)
    return html[:place] + addition + html[place:]
