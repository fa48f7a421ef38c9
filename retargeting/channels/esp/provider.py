"""Email through the API of an email service (ESP), and what that service tells of mails by webhook.

https://anymail.dev/en/stable/sending/tracking/
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.headerregistry import Address
from typing import Any

import requests
from anymail.exceptions import AnymailError, AnymailWebhookValidationFailure
from anymail.message import AnymailMessage
from anymail.signals import AnymailTrackingEvent, EventType, RejectReason
from django import forms
from django.core.exceptions import ImproperlyConfigured
from django.core.signing import BadSignature
from django.http import HttpRequest, HttpResponse

from retargeting.channels import health
from retargeting.channels.adapter import Outcome, OutgoingMessage, PacedSettings, Provider, Receiver, Refused, Result
from retargeting.channels.agents import is_program
from retargeting.channels.callbacks import callback_url
from retargeting.channels.esp.services import NAMES, SERVICES, backend_for, hooks_for
from retargeting.channels.fields import SecretArea, SecretField
from retargeting.channels.http.provider import by_status
from retargeting.channels.http.transport import Answer
from retargeting.channels.receipts import Receipt, read_delivery, sign_delivery, take
from retargeting.conditions.nodes import Channel, Interaction
from retargeting.profiles.models import SuppressionReason

AT_ONCE = 8
"""Connections to the service."""
TIME_FOR_A_BATCH = 18.0
"""Seconds after which no further mail of a batch is started; with a time-out on top it ends within half a lease."""
DELIVERY = "delivery"
EVENTS = {
    EventType.DELIVERED: Interaction.DELIVERED,
    EventType.OPENED: Interaction.OPENED,
    EventType.CLICKED: Interaction.CLICKED,
    EventType.BOUNCED: Interaction.BOUNCED,
    EventType.COMPLAINED: Interaction.COMPLAINED,
    EventType.UNSUBSCRIBED: Interaction.UNSUBSCRIBED,
}
CLOSING = {
    RejectReason.BOUNCED: SuppressionReason.BOUNCED,
    RejectReason.INVALID: SuppressionReason.INVALID,
    RejectReason.SPAM: SuppressionReason.COMPLAINED,
}


class EspSettings(PacedSettings):
    service = forms.ChoiceField(choices=[(key, service.label) for key, service in SERVICES.items()])
    api_key = SecretField(label="API key", max_length=500, help_text="Or server token, or secret key.")
    secret_key = SecretField(label=NAMES["secret_key"], required=False, max_length=500, help_text="Mailjet only.")
    account = forms.CharField(
        label=NAMES["account"],
        required=False,
        max_length=200,
        help_text="Mailgun: the sender's domain. Postmark: the message stream. Scaleway: the project.",
    )
    endpoint = forms.URLField(
        label=NAMES["endpoint"],
        required=False,
        assume_scheme="https",
        help_text="Of another region, or of your own Postal. Empty: the usual one.",
    )
    webhook_password = SecretField(
        label="User and password of the webhook",
        required=False,
        max_length=200,
        help_text="As user:password, and the same in the address that the service calls: https://user:password@…",
    )
    signing_key = SecretField(
        label="Key of the webhook's signature",
        required=False,
        widget=SecretArea,
        help_text="Mailgun, MailerSend, Mailtrap, Mandrill, Postal and SendGrid sign their webhooks.",
    )

    field_order = [
        "service", "api_key", "secret_key", "account", "endpoint", "webhook_password", "signing_key", "rate",
    ]  # fmt: skip

    def clean_webhook_password(self) -> str:
        password = str(self.cleaned_data["webhook_password"])
        if password and not all(password.partition(":")):
            raise forms.ValidationError("Write it as user:password.")
        return password

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        service = SERVICES.get(cleaned.get("service", ""))
        for name in service.needs if service else ():
            if service and not cleaned.get(name):
                self.add_error(name, f"{service.label} needs this.")
        if service and service.signing and cleaned.get("signing_key"):
            try:
                hooks_for(cleaned, "")
            except (ValueError, ImproperlyConfigured) as error:
                self.add_error("signing_key", f"This key cannot be used: {error}")
        return cleaned


class EspProvider(Provider, Receiver):
    """Opens and clicks are counted by our own pixel and links, so the service is asked to leave the mail as it is.

    What it reports all the same counts where we saw nothing.
    """

    key = "esp"
    label = "Email service (ESP)"
    channels = frozenset({Channel.EMAIL})
    batch_size = 100
    settings_form = EspSettings
    hook_belongs = "It goes into the service's settings of webhooks, with user:password@ after https://"

    def deliver(self, messages: Sequence[OutgoingMessage]) -> list[Outcome]:
        if not self.config.settings.get("api_key"):
            return [Outcome(Result.RETRY, detail="the email service has no API key yet")] * len(messages)
        deadline = time.monotonic() + TIME_FOR_A_BATCH
        shares = [messages[start::AT_ONCE] for start in range(min(AT_ONCE, len(messages)))]
        with ThreadPoolExecutor(len(shares)) as pool:
            answered = [list(outcomes) for outcomes in pool.map(lambda share: self._each(share, deadline), shares)]
        outcomes = [answered[place % AT_ONCE][place // AT_ONCE] for place in range(len(messages))]
        if wait := max(outcome.retry_after or 0.0 for outcome in outcomes):
            with health.without_loss():
                health.hold(self.config, wait, "the provider asked us to wait")
        return outcomes

    def _each(self, messages: Sequence[OutgoingMessage], deadline: float) -> list[Outcome]:
        try:
            backend = backend_for(self.config.settings)
            backend.open()
        except (KeyError, AnymailError, ImproperlyConfigured) as error:
            return [Outcome(Result.RETRY, detail=_said(error))] * len(messages)
        backend.session.trust_env = False
        try:
            return list(self._one_by_one(backend, messages, deadline))
        finally:
            backend.close()

    def _one_by_one(self, backend: Any, messages: Sequence[OutgoingMessage], deadline: float) -> Iterator[Outcome]:
        down = ""
        for message in messages:
            if down or time.monotonic() > deadline:
                detail = down or "the service is slow; waits for the next batch"
                yield Outcome(Result.RETRY, detail=detail, attempted=False)
                continue
            try:
                outcome = self._send(backend, message)
                down = outcome.detail if outcome.retry_after else ""
                yield outcome
            except requests.RequestException as error:
                down = _said(error)
                yield Outcome(Result.RETRY if _never_left(error) else Result.UNKNOWN, detail=down)

    def _send(self, backend: Any, message: OutgoingMessage) -> Outcome:
        try:
            mail = compose(message, self.config.sender)
            backend.send_messages([mail])
        except AnymailError as error:
            response = error.response
            if isinstance(response, requests.Response):
                return _refused(response)
            if isinstance(error, requests.RequestException):
                raise
            return Outcome(Result.PERMANENT, detail=_said(error))
        except (ValueError, IndexError) as error:
            return Outcome(Result.PERMANENT, detail=f"not a mail that can be sent: {error}")
        return Outcome(Result.ACCEPTED, provider_id=str(mail.anymail_status.message_id or ""))

    def receive(self, request: HttpRequest, token: str) -> HttpResponse:
        if request.method == "HEAD":
            return HttpResponse()  # some ask so whether anybody is there
        if request.method != "POST":
            raise Refused("webhooks are posted")
        try:
            hooks = hooks_for(self.config.settings, callback_url(Channel.EMAIL, self.key))
            if hooks is None:
                raise Refused("set the password of the webhook, or the key of its signature")
            hooks.run_validators(request)
            events = hooks.parse_events(request)
        except AnymailWebhookValidationFailure as error:
            raise Refused(str(error)) from error
        except (ValueError, KeyError, TypeError, ImproperlyConfigured) as error:
            raise Refused(f"this cannot be read: {type(error).__name__}") from error
        take([receipt for event in events if (receipt := self._receipt(event))])
        return HttpResponse()

    def _receipt(self, event: AnymailTrackingEvent) -> Receipt | None:
        kind, reason = EVENTS.get(event.event_type), CLOSING.get(event.reject_reason)
        if kind is None and event.event_type != EventType.REJECTED:
            return None
        delivery = None
        if signed := (event.metadata or {}).get(DELIVERY):
            try:
                delivery = read_delivery(self.key, str(signed))
            except BadSignature:
                return None  # of another installation on the same account
        if kind is Interaction.COMPLAINED:
            reason = SuppressionReason.COMPLAINED
        left = kind is Interaction.UNSUBSCRIBED or event.reject_reason == RejectReason.UNSUBSCRIBED
        seen = kind in {Interaction.OPENED, Interaction.CLICKED}
        unique = event.event_id or f"{event.message_id}:{event.timestamp}:{event.click_url or ''}"
        return Receipt(
            key=f"{self.config.settings['service']}:{event.event_type}:{event.recipient}:{unique}",
            channel=Channel.EMAIL,
            event=kind,
            delivery_id=delivery,
            address=event.recipient or "",
            occurred_at=event.timestamp,
            machine=seen and event.user_agent is not None and is_program(event.user_agent),
            suppress=None if seen else reason,
            consent=False if left else None,
            second_hand=seen,
        )


def compose(message: OutgoingMessage, sender: str) -> AnymailMessage:
    """Raises ValueError or IndexError for what is no address: a list of several would otherwise be taken for one."""
    mail = AnymailMessage(
        subject=" ".join(message.content["subject"].split()),
        body=message.content["text"],
        from_email=sender,
        to=[str(Address(addr_spec=message.address))],
        headers=dict(message.headers),
    )
    if message.content.get("html"):
        mail.attach_alternative(message.content["html"], "text/html")
    if message.delivery_id is not None:
        mail.metadata = {DELIVERY: sign_delivery(EspProvider.key, message.delivery_id)}
    mail.track_opens = mail.track_clicks = False
    return mail


def _refused(response: requests.Response) -> Outcome:
    headers = {name.lower(): value for name, value in response.headers.items()}
    answer = Answer(response.status_code, headers, response.content)
    if 200 <= answer.status < 300:
        # It was understood: either it says that the recipient is not written to, or nobody can tell what it says.
        known = isinstance(answer.json(), dict | list)
        return Outcome(Result.PERMANENT if known else Result.UNKNOWN, detail=answer.words)
    return by_status(answer)


def _never_left(error: requests.RequestException) -> bool:
    """Whether no connection came about, so that it is certain that the mail was not sent."""
    told = f"{error!r} {error.__cause__!r}"
    return isinstance(error, requests.ConnectTimeout) or any(
        sign in told for sign in ("NewConnectionError", "NameResolutionError", "CERTIFICATE_VERIFY_FAILED")
    )


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
