"""SMS through any gateway that takes an HTTP request: its address and body are templates that an admin writes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse

from retargeting.channels.adapter import Outcome, OutgoingMessage, PacedSettings, Receiver, Refused, Result
from retargeting.channels.callbacks import callback_url
from retargeting.channels.fields import SecretArea, SecretField
from retargeting.channels.http.provider import HttpProvider, NotReady, by_status
from retargeting.channels.http.transport import Answer, Call
from retargeting.channels.receipts import Receipt, read_delivery, take
from retargeting.conditions.nodes import Channel, Interaction

PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
PLACES = ("to", "text", "sender", "id", "callback")
SAMPLE = {"to": "+33612345678", "text": 'He said: "Hi" & left', "sender": "Shop", "id": "1", "callback": "https://x/"}
KINDS = [("json", "JSON"), ("form", "Form"), ("text", "Plain text")]
CONTENT_TYPES = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "text": "text/plain; charset=utf-8",
}


def _in_json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


ESCAPES: dict[str, Callable[[str], str]] = {"json": _in_json, "form": quote_plus, "text": str}
"""What is filled in is made safe for where it stands, so that no text of a message can become syntax."""


class GatewaySettings(PacedSettings):
    method = forms.ChoiceField(choices=[("POST", "POST"), ("GET", "GET"), ("PUT", "PUT")], initial="POST")
    url = forms.CharField(
        label="Address",
        max_length=2000,
        help_text="May hold {{ to }}, {{ text }}, {{ sender }}, {{ id }} and {{ callback }}, and so may the body.",
    )
    kind = forms.ChoiceField(label="The body is", choices=KINDS, initial="json")
    body = forms.CharField(
        required=False, max_length=10_000, widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"})
    )
    secret_headers = SecretField(
        label="Headers",
        required=False,
        widget=SecretArea,
        max_length=4000,
        help_text="One in a line, such as Authorization: Bearer …",
    )
    success = forms.CharField(
        label="A good answer holds",
        required=False,
        max_length=200,
        help_text="For gateways that answer 200 to everything. Empty: any answer of 200 to 299 is good.",
    )
    id_key = forms.CharField(
        label="Name of the id in a JSON answer", required=False, max_length=100, help_text="Such as message_id."
    )

    field_order = ["method", "url", "kind", "body", "secret_headers", "success", "id_key", "rate"]

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"])
        parts = urlsplit(PLACE.sub("x", url))
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValidationError("An address starts with https:// or http://.")
        return url

    def clean_secret_headers(self) -> str:
        text = str(self.cleaned_data["secret_headers"])
        if any(":" not in line for line in text.splitlines() if line.strip()):
            raise ValidationError("Write each header as Name: value.")
        return text

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        whole = cleaned.get("url", "") + cleaned.get("body", "")
        names = set(PLACE.findall(whole))
        if strange := names - set(PLACES):
            self.add_error("body", f"There is no {{{{ {min(strange)} }}}}; there are {', '.join(PLACES)}.")
        elif not {"to", "text"} <= names:
            self.add_error("body", "Neither address nor body say where {{ to }} and {{ text }} belong.")
        elif cleaned.get("kind") == "json" and cleaned.get("body"):
            try:
                json.loads(fill(cleaned["body"], SAMPLE, _in_json))
            except ValueError as error:
                self.add_error("body", f"With the places filled in this is no JSON: {error}")
        return cleaned


class GatewayProvider(HttpProvider, Receiver):
    key = "gateway"
    label = "HTTP gateway"
    channels = frozenset({Channel.SMS})
    batch_size = 100
    settings_form = GatewaySettings

    def prepare(self) -> None:
        settings = self.config.settings
        if not settings.get("url"):
            raise NotReady("the gateway has no address yet")
        self.headers = {"Content-Type": CONTENT_TYPES[settings.get("kind", "json")]}
        for line in settings.get("secret_headers", "").splitlines():
            name, _, value = line.partition(":")
            if name.strip():
                self.headers[name.strip()] = value.strip()

    def call(self, message: OutgoingMessage) -> Call:
        settings = self.config.settings
        values = {
            "to": message.address,
            "text": message.content["text"],
            "sender": self.config.sender,
            "id": str(message.delivery_id or ""),
            "callback": callback_url(Channel.SMS, self.key, message.delivery_id) if message.delivery_id else "",
        }
        url = fill(settings["url"], values, lambda value: quote(value, safe=""))
        body = fill(settings.get("body", ""), values, ESCAPES[settings.get("kind", "json")])
        return Call(url, body.encode(), self.headers, settings.get("method", "POST"))

    def read(self, answer: Answer, message: OutgoingMessage) -> Outcome:
        outcome, settings = by_status(answer), self.config.settings
        if outcome.result is not Result.ACCEPTED:
            return outcome
        if (wanted := settings.get("success")) and wanted not in answer.body.decode(errors="replace"):
            return Outcome(Result.PERMANENT, detail=answer.words)
        document = answer.json()
        named = document.get(settings.get("id_key") or "id", "") if isinstance(document, dict) else ""
        return Outcome(Result.ACCEPTED, provider_id=str(named))

    def receive(self, request: HttpRequest, token: str) -> HttpResponse:
        """`status` in the query or a form: delivered, or unsubscribed. The signed address is the proof."""
        delivery = read_delivery(self.key, token)
        status = (request.GET.get("status") or request.POST.get("status", "")).lower()
        events = {"delivered": Interaction.DELIVERED, "unsubscribed": Interaction.UNSUBSCRIBED}
        if status not in {*events, "failed"}:
            raise Refused("status is delivered, failed or unsubscribed")
        consent = False if status == "unsubscribed" else None
        key = f"gateway:{delivery}:{status}"
        take([Receipt(key, Channel.SMS, event=events.get(status), delivery_id=delivery, consent=consent)])
        return HttpResponse("ok", content_type="text/plain")


def fill(template: str, values: Mapping[str, str], escape: Callable[[str], str]) -> str:
    return PLACE.sub(lambda place: escape(values.get(place[1], "")), template)
