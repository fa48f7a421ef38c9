"""Push to browsers, straight to the push service of each (RFC 8030), encrypted for it alone."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from retargeting.channels.adapter import Outcome, OutgoingMessage, PacedSettings, Result
from retargeting.channels.fields import SecretField
from retargeting.channels.http.provider import HttpProvider, NotReady, Unsendable, by_status, retry_after
from retargeting.channels.http.transport import Answer, Call, Limits
from retargeting.channels.push.addresses import NAMES, kind_of, subscription_of
from retargeting.channels.webpush import encryption
from retargeting.conditions.nodes import Channel
from retargeting.profiles.models import SuppressionReason

FOUR_WEEKS = 28 * 24 * 3600


class WebPushSettings(PacedSettings):
    private_key = SecretField(
        label="Private key (VAPID)",
        help_text="Make a pair with manage.py make_vapid_keys. Browsers that subscribed with another key are lost.",
    )
    subject = forms.CharField(
        label="Contact",
        max_length=255,
        help_text="Whom a push service may ask about your messages: mailto:ops@example.com or an https:// address.",
    )
    ttl = forms.IntegerField(
        label="Keep for so many seconds",
        required=False,
        min_value=0,
        max_value=FOUR_WEEKS,
        help_text="How long a push service tries to reach a browser that is closed. Empty: four weeks.",
    )

    field_order = ["private_key", "subject", "ttl", "rate"]

    def clean_private_key(self) -> str:
        text = str(self.cleaned_data["private_key"])
        try:
            encryption.public_key_of(text)
        except ValueError as error:
            raise ValidationError("This is not a key as make_vapid_keys prints it.") from error
        return text

    def clean_subject(self) -> str:
        subject = str(self.cleaned_data["subject"])
        if not subject.startswith(("mailto:", "https://")):
            raise ValidationError("Start it with mailto: or https://.")
        return subject


class WebPushProvider(HttpProvider):
    key = "webpush"
    label = "Web Push"
    channels = frozenset({Channel.PUSH})
    settings_form = WebPushSettings
    limits = Limits(concurrency=32, public_only=True)
    one_service = False

    def prepare(self) -> None:
        settings = self.config.settings
        try:
            encryption.private_key_of(settings.get("private_key", ""))
        except ValueError as error:
            raise NotReady("Web Push has no key: make one with manage.py make_vapid_keys") from error
        if not settings.get("subject"):
            raise NotReady("Web Push has no contact: a mailto: or https:// address belongs into the settings")
        self._authorizations: dict[str, str] = {}

    def call(self, message: OutgoingMessage) -> Call:
        if (kind := kind_of(message.address)) != self.key:
            raise Unsendable(f"this is an address of {NAMES[kind]} and of no browser")
        try:
            subscription = subscription_of(message.address)
        except ValueError as error:
            raise Unsendable(str(error), SuppressionReason.INVALID) from error
        text = json.dumps(compose(message), ensure_ascii=False).encode()
        if len(text) > encryption.LONGEST:
            raise Unsendable(f"the message has {len(text):,} bytes; {encryption.LONGEST:,} fit")
        try:
            body = encryption.encrypt(text, p256dh=subscription.p256dh, auth=subscription.auth)
        except ValueError as error:
            raise Unsendable(f"the keys of the subscription are none: {error}", SuppressionReason.INVALID) from error
        headers = {
            "Authorization": self._authorization(subscription.origin),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(FOUR_WEEKS if (ttl := self.config.settings.get("ttl")) is None else ttl),
            "Urgency": "normal",
        }
        return Call(subscription.endpoint, body, headers)

    def _authorization(self, origin: str) -> str:
        if origin not in self._authorizations:
            settings = self.config.settings
            self._authorizations[origin] = encryption.authorization(
                settings["private_key"], origin=origin, subject=settings["subject"]
            )
        return self._authorizations[origin]

    def read(self, answer: Answer, message: OutgoingMessage) -> Outcome:
        match answer.status:
            case 200 | 201 | 202:
                return Outcome(Result.ACCEPTED, provider_id=answer.headers.get("location", ""))
            case 404 | 410:
                return Outcome(Result.PERMANENT, detail=answer.words, suppress=SuppressionReason.INVALID)
            case 400 | 403 | 413:
                # 403: subscribed with another key. The address stays, lest a wrong key closes all of them.
                return Outcome(Result.PERMANENT, detail=answer.words)
            case 500 | 502 | 504:
                return Outcome(Result.RETRY, detail=answer.words, retry_after=retry_after(answer))
        return by_status(answer)


def compose(message: OutgoingMessage) -> dict[str, Any]:
    """What the service worker of the SDK reads (static/sdk/retargeting-sw.js)."""
    content = message.content
    made: dict[str, Any] = {key: content[key] for key in ("title", "body", "image", "link") if content.get(key)}
    actions = [
        {"title": content[f"action{number}_label"], "link": content.get(f"action{number}_link", "")}
        for number in (1, 2)
        if content.get(f"action{number}_label")
    ]
    if actions:
        made["actions"] = actions
    if message.headers.get("report"):
        made["report"] = message.headers["report"]
    return made
