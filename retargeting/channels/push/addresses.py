"""The kinds of push addresses: which service reaches one can be seen from how it is written.

* `https://push.example/…#p256dh=KEY&auth=SECRET` is a Web Push subscription: its endpoint, and its keys behind the #.
* `apns:` and the hexadecimal device token is an app on an Apple device that is reached without Firebase.
* Everything else is a registration token of Firebase.
"""

from __future__ import annotations

import json
from typing import NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

FCM, APNS, WEBPUSH = "fcm", "apns", "webpush"
NAMES = {FCM: "Firebase", APNS: "Apple", WEBPUSH: "Web Push"}
APNS_PREFIX = "apns:"


class Subscription(NamedTuple):
    """What a browser gives: an endpoint and, base64url, its public key and its secret (RFC 8291)."""

    endpoint: str
    p256dh: str
    auth: str

    @property
    def address(self) -> str:
        return f"{self.endpoint}#{urlencode({'p256dh': self.p256dh, 'auth': self.auth})}"

    @property
    def origin(self) -> str:
        """Scheme, host and port, for whom a request is signed (RFC 8292)."""
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{parts.netloc}"


def kind_of(address: str) -> str:
    if address.startswith(("https://", "http://")):
        return WEBPUSH
    return APNS if address.startswith(APNS_PREFIX) else FCM


def subscription_of(address: str) -> Subscription:
    """Raises ValueError for an address that is no subscription."""
    endpoint, _, fragment = address.partition("#")
    keys = parse_qs(fragment)
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not {"p256dh", "auth"} <= keys.keys():
        raise ValueError("this is no Web Push subscription: an endpoint and the keys p256dh and auth belong to one")
    return Subscription(endpoint, keys["p256dh"][0], keys["auth"][0])


def subscription_from_browser(value: object) -> Subscription:
    """From what `JSON.stringify(subscription)` gives. Raises ValueError."""
    if isinstance(value, str):
        value = json.loads(value)
    match value:
        case {"endpoint": str(endpoint), "keys": {"p256dh": str(p256dh), "auth": str(auth)}}:
            return subscription_of(Subscription(endpoint, p256dh, auth).address)
    raise ValueError("expected a subscription as a browser gives it: endpoint, and keys with p256dh and auth")
