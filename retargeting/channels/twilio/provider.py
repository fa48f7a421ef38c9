"""SMS through Twilio: its Messages resource, its status callbacks, and what people answer.

https://www.twilio.com/docs/messaging/api/message-resource
https://www.twilio.com/docs/usage/security#validating-requests
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterator
from hashlib import sha1
from urllib.parse import quote, urlencode

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from retargeting.channels.adapter import Outcome, OutgoingMessage, PacedSettings, Receiver, Refused, Result
from retargeting.channels.callbacks import callback_url
from retargeting.channels.fields import EndpointField, SecretField
from retargeting.channels.http.provider import FIXED_BY_AN_ADMIN, HttpProvider, NotReady, by_status, retry_after
from retargeting.channels.http.transport import Answer, Call
from retargeting.channels.receipts import Receipt, read_delivery, take
from retargeting.conditions.nodes import Channel, Interaction
from retargeting.profiles.models import SuppressionReason

ENDPOINT = "https://api.twilio.com"
NO_NUMBER = {21211, 21214, 21217, 21401, 21421, 21614}
"""Codes of an answer that says: nobody can be reached under this number, ever."""
ANSWERED_STOP = 21610
ABOUT_US = {20003, 20005, 20404, 21212, 21603, 21606, 21607, 21608, 21659, 21660, 21701, 21703}
"""Codes of what an admin can put right: the account, its token, the sender."""
BUSY = {14107, 20429, 21611, 30001}
GONE = {"30005", "30006"}
"""Codes of a status callback: an unknown number, a landline."""
STOP = {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
START = {"START", "YES", "UNSTOP"}
EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'


class TwilioSettings(PacedSettings):
    account_sid = forms.CharField(label="Account SID", max_length=64)
    auth_token = SecretField(
        label="Auth token", max_length=100, help_text="Also proves that callbacks come from Twilio."
    )
    endpoint = EndpointField(ENDPOINT, label="Address of the service")

    field_order = ["account_sid", "auth_token", "rate", "endpoint"]


class TwilioProvider(HttpProvider, Receiver):
    """The sender of the channel is a number, a name, or the SID of a messaging service (MG…)."""

    key = "twilio"
    label = "Twilio"
    channels = frozenset({Channel.SMS})
    batch_size = 100
    settings_form = TwilioSettings
    hook_belongs = "It goes into Twilio's settings of the number, under A message comes in"

    def prepare(self) -> None:
        settings = self.config.settings
        sid, token = settings.get("account_sid", ""), settings.get("auth_token", "")
        if not (sid and token and self.config.sender):
            raise NotReady("Twilio needs an account SID, an auth token and the sender of the channel")
        endpoint = (settings.get("endpoint") or ENDPOINT).rstrip("/")
        self.url = f"{endpoint}/2010-04-01/Accounts/{quote(sid, safe='')}/Messages.json"
        proof = base64.b64encode(f"{sid}:{token}".encode()).decode()
        self.headers = {
            "Authorization": f"Basic {proof}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }

    def call(self, message: OutgoingMessage) -> Call:
        sender = self.config.sender
        form = {
            "To": message.address,
            "MessagingServiceSid" if re.fullmatch(r"MG[0-9a-fA-F]{32}", sender) else "From": sender,
            "Body": message.content["text"],
        }
        if message.delivery_id is not None:
            form["StatusCallback"] = callback_url(Channel.SMS, self.key, message.delivery_id)
        return Call(self.url, urlencode(form).encode(), self.headers)

    def read(self, answer: Answer, message: OutgoingMessage) -> Outcome:
        document = answer.json()
        document = document if isinstance(document, dict) else {}
        if 200 <= answer.status < 300:
            return Outcome(Result.ACCEPTED, provider_id=str(document.get("sid", "")))
        code, detail = _code(document.get("code")), answer.words
        if code in NO_NUMBER:
            return Outcome(Result.PERMANENT, detail=detail, suppress=SuppressionReason.INVALID)
        if code == ANSWERED_STOP:
            key = f"twilio:{message.delivery_id}:stop"
            take([Receipt(key, Channel.SMS, address=message.address, consent=False)])
            return Outcome(Result.PERMANENT, detail=detail)
        if code in BUSY:
            return Outcome(Result.RETRY, detail=detail, retry_after=retry_after(answer) or 5.0)
        if code in ABOUT_US:
            return Outcome(Result.RETRY, detail=detail, retry_after=FIXED_BY_AN_ADMIN)
        return by_status(answer)

    def receive(self, request: HttpRequest, token: str) -> HttpResponse:
        """With a `token`, the status of one message; without, an answer of somebody."""
        self._check_signature(request)
        take(list(self._status(request, token) if token else self._answer(request)))
        return HttpResponse(EMPTY, content_type="text/xml")

    def _check_signature(self, request: HttpRequest) -> None:
        secret = self.config.settings.get("auth_token", "")
        url = settings.PUBLIC_URL + request.get_full_path()
        given = request.headers.get("X-Twilio-Signature", "")
        if not secret or not hmac.compare_digest(signature(secret, url, request.POST.dict()), given):
            raise Refused("the signature of Twilio does not fit; is PUBLIC_URL the address that Twilio calls?")

    def _status(self, request: HttpRequest, token: str) -> Iterator[Receipt]:
        delivery, status = read_delivery(self.key, token), request.POST.get("MessageStatus", "")
        key = f"twilio:{request.POST.get('MessageSid', '')}:{status}"
        if status in {"delivered", "read"}:
            yield Receipt(key, Channel.SMS, event=Interaction.DELIVERED, delivery_id=delivery)
        elif status in {"undelivered", "failed"} and request.POST.get("ErrorCode") in GONE:
            # The callback may come before we have noted to which number we sent, so it is taken from here.
            to = request.POST.get("To", "")
            yield Receipt(key, Channel.SMS, delivery_id=delivery, address=to, suppress=SuppressionReason.INVALID)

    def _answer(self, request: HttpRequest) -> Iterator[Receipt]:
        said = (request.POST.get("OptOutType") or request.POST.get("Body", "")).strip().strip(".!").upper()
        address = request.POST.get("From", "")
        if said in STOP | START:
            stop = said in STOP
            yield Receipt(
                f"twilio:{request.POST.get('MessageSid', '')}:answer",
                Channel.SMS,
                event=Interaction.UNSUBSCRIBED if stop else None,
                address=address,
                consent=not stop,
            )


def _code(value: object) -> int:
    return value if isinstance(value, int) else 0


def signature(secret: str, url: str, form: dict[str, str]) -> str:
    """What Twilio signs: the address and, in order of their names, all fields of the form. The method is theirs."""
    text = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), sha1).digest()).decode()
