"""Push to Apple devices through APNs: HTTP/2, with a token that is signed with the team's key.

https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
"""

from __future__ import annotations

import json
import re
import time
from functools import lru_cache
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django import forms
from django.core.exceptions import ValidationError
from google.auth import jwt
from google.auth.crypt.es256 import ES256Signer

from retargeting.channels.adapter import Outcome, OutgoingMessage, PacedSettings, Result
from retargeting.channels.fields import EndpointField, SecretArea, SecretField
from retargeting.channels.http.provider import (
    FIXED_BY_AN_ADMIN,
    HttpProvider,
    NotReady,
    Unsendable,
    by_status,
    retry_after,
)
from retargeting.channels.http.transport import Answer, Call, Limits
from retargeting.channels.push.addresses import APNS_PREFIX, NAMES, kind_of
from retargeting.conditions.nodes import Channel
from retargeting.profiles.models import SuppressionReason

HOSTS = {"production": "https://api.push.apple.com", "sandbox": "https://api.sandbox.push.apple.com"}
LONGEST = 4096  # bytes of a payload
FOUR_WEEKS = 28 * 24 * 3600
TOKEN_SECONDS = 40 * 60
"""Apple refuses a token after an hour, and new ones that come more often than every 20 minutes."""
DEVICE = re.compile(r"[0-9a-fA-F]{64,200}")
GONE = {"Unregistered", "ExpiredToken"}
ABOUT_US = {
    "BadCertificate", "BadCertificateEnvironment", "BadEnvironmentKeyInToken", "BadEnvironmentKeyIdInToken", "BadPath",
    "BadTopic", "Forbidden", "InvalidProviderToken", "MethodNotAllowed", "MissingProviderToken", "MissingTopic",
    "TopicDisallowed", "UnrelatedKeyIdInToken",
}  # fmt: skip
"""Reasons that an admin can put right: the key, its id, the team, the topic, the environment."""


class ApnsSettings(PacedSettings):
    private_key = SecretField(
        label="Key (.p8)", widget=SecretArea, help_text="The file from Certificates, Identifiers & Profiles, Keys."
    )
    key_id = forms.CharField(label="Key ID", max_length=20)
    team_id = forms.CharField(label="Team ID", max_length=20)
    topic = forms.CharField(label="Topic", max_length=200, help_text="The bundle ID of the app.")
    environment = forms.ChoiceField(
        choices=[("production", "Production"), ("sandbox", "Sandbox, for apps started from Xcode")]
    )
    ttl = forms.IntegerField(
        label="Keep for so many seconds",
        required=False,
        min_value=0,
        max_value=FOUR_WEEKS,
        help_text="How long Apple tries to reach a device that is off. Empty: four weeks.",
    )
    endpoint = EndpointField("the one of the environment", label="Address of the service")

    field_order = ["private_key", "key_id", "team_id", "topic", "environment", "ttl", "rate", "endpoint"]

    def clean_private_key(self) -> str:
        text = str(self.cleaned_data["private_key"])
        try:
            private_key_of(text)
        except ValueError as error:
            raise ValidationError(f"This is not the key file of Apple: {error}") from error
        return text


def private_key_of(text: str) -> ec.EllipticCurvePrivateKey:
    """Raises ValueError."""
    key = serialization.load_pem_private_key(text.strip().encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("it holds another kind of key")
    return key


@lru_cache(maxsize=8)
def _token(private_key: str, key_id: str, team_id: str, turn: int) -> str:
    """For all batches of this process until the next `turn`. Raises ValueError."""
    signer = ES256Signer(private_key_of(private_key), key_id)
    return jwt.encode(signer, {"iss": team_id, "iat": int(time.time())}).decode()


class ApnsProvider(HttpProvider):
    key = "apns"
    label = "Apple (APNs)"
    channels = frozenset({Channel.PUSH})
    settings_form = ApnsSettings
    limits = Limits(concurrency=100, http2=True)

    def prepare(self) -> None:
        settings = self.config.settings
        missing = [name for name in ("private_key", "key_id", "team_id", "topic") if not settings.get(name)]
        if missing:
            raise NotReady(f"Apple's settings lack {', '.join(missing).replace('_', ' ')}")
        try:
            token = _token(
                settings["private_key"], settings["key_id"], settings["team_id"], int(time.time() / TOKEN_SECONDS)
            )
        except ValueError as error:
            raise NotReady(f"Apple's key cannot be used: {error}") from error
        self.url = settings.get("endpoint") or HOSTS[settings.get("environment") or "production"]
        ttl = settings.get("ttl")
        self.headers = {
            "authorization": f"bearer {token}",
            "apns-topic": settings["topic"],
            "apns-push-type": "alert",
            "apns-priority": "10",
            "apns-expiration": str(int(time.time()) + (FOUR_WEEKS if ttl is None else ttl)),
        }

    def call(self, message: OutgoingMessage) -> Call:
        if (kind := kind_of(message.address)) != self.key:
            raise Unsendable(f"this is an address of {NAMES[kind]}, which Apple does not reach")
        device = message.address.removeprefix(APNS_PREFIX)
        if not DEVICE.fullmatch(device):
            raise Unsendable("this is no device token of Apple", SuppressionReason.INVALID)
        body = json.dumps(compose(message), ensure_ascii=False).encode()
        if len(body) > LONGEST:
            raise Unsendable(f"the message has {len(body):,} bytes; {LONGEST:,} fit")
        headers = self.headers
        if message.delivery_id is not None:
            # Apple's support finds a message by it, and so does who reads both logs.
            headers = {**headers, "apns-id": str(uuid5(NAMESPACE_URL, f"retargeting:delivery:{message.delivery_id}"))}
        return Call(f"{self.url.rstrip('/')}/3/device/{device}", body, headers)

    def read(self, answer: Answer, message: OutgoingMessage) -> Outcome:
        if answer.status == 200:
            return Outcome(Result.ACCEPTED, provider_id=answer.headers.get("apns-id", ""))
        document = answer.json()
        reason = str(document.get("reason", "")) if isinstance(document, dict) else ""
        detail = f"{answer.status} {reason}" if reason else answer.words
        if reason in GONE or answer.status == 410:
            return Outcome(Result.PERMANENT, detail=detail, suppress=SuppressionReason.INVALID)
        if reason == "ExpiredProviderToken":
            _token.cache_clear()
            return Outcome(Result.RETRY, detail=detail)
        if reason in ABOUT_US:
            return Outcome(Result.RETRY, detail=detail, retry_after=FIXED_BY_AN_ADMIN)
        if reason == "TooManyRequests":
            return Outcome(Result.RETRY, detail=detail)  # for this device; others are not held up
        if answer.status in {500, 502, 503, 504}:
            return Outcome(Result.RETRY, detail=detail, retry_after=retry_after(answer))
        # BadDeviceToken and DeviceTokenNotForTopic come with a wrong environment or topic as well: the address stays,
        # lest a wrong setting closes them all. Of an app that is gone Apple says Unregistered.
        return by_status(answer)


def compose(message: OutgoingMessage) -> dict[str, Any]:
    """The alert, and beside it what the app reads when it is opened by it."""
    content, report = message.content, message.headers.get("report", "")
    alert = {"title": content["title"], "body": content.get("body", "")}
    data = {"link": content.get("link", ""), "image": content.get("image", ""), "report": report}
    data |= {key: value for key, value in content.items() if key.startswith("action")}
    return {
        "aps": {"alert": alert, "sound": "default", "mutable-content": 1},
        **{key: value for key, value in data.items() if value},
    }
