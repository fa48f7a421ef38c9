"""The email services that django-anymail speaks to, and what each calls its settings.

Amazon SES is not among them: it would bring the whole of boto3, and takes mails over SMTP as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.module_loading import import_string

TIMEOUT = 10.0  # seconds for an answer


@dataclass(frozen=True, slots=True)
class Service:
    """`options` maps the fields of our form to the names of the service's settings.

    `signing` is the setting with which a webhook's signature is checked; where it is empty the service signs nothing,
    and a password in the webhook's address is the proof. `hooks` is empty where there are no webhooks.
    """

    label: str
    backend: str
    hooks: str = ""
    options: Mapping[str, str] = field(default_factory=lambda: {"api_key": "api_key"})
    needs: tuple[str, ...] = ()
    signing: str = ""


def _service(label: str, module: str, view: str = "", **more: Any) -> Service:
    name = label.replace(" ", "")
    hooks = f"anymail.webhooks.{module}.{view or f'{name}TrackingWebhookView'}" if view != "none" else ""
    return Service(label, f"anymail.backends.{module}.EmailBackend", hooks, **more)


TOKEN = {"api_key": "api_token"}
SERVICES: dict[str, Service] = {
    "brevo": _service("Brevo", "brevo"),
    "mailersend": _service("MailerSend", "mailersend", options=TOKEN, signing="signing_secret"),
    "mailgun": _service(
        "Mailgun",
        "mailgun",
        options={"api_key": "api_key", "account": "sender_domain"},
        signing="webhook_signing_key",
    ),
    "mailjet": _service(
        "Mailjet",
        "mailjet",
        options={"api_key": "api_key", "secret_key": "secret_key"},
        needs=("secret_key",),
    ),
    "mailtrap": _service("Mailtrap", "mailtrap", options=TOKEN, signing="tracking_secret"),
    "mandrill": _service("Mandrill", "mandrill", "MandrillCombinedWebhookView", signing="webhook_key"),
    "postal": _service("Postal", "postal", needs=("endpoint",), signing="webhook_key"),
    "postmark": _service("Postmark", "postmark", options={"api_key": "server_token", "account": "message_stream"}),
    "resend": _service("Resend", "resend"),
    "scaleway": _service(
        "Scaleway", "scaleway", "none", options={"api_key": "secret_key", "account": "project_id"}, needs=("account",)
    ),
    "sendgrid": _service("SendGrid", "sendgrid", signing="tracking_webhook_verification_key"),
    "sparkpost": _service("SparkPost", "sparkpost"),
    "unisender_go": _service("Unisender Go", "unisender_go", needs=("endpoint",)),
}
NAMES = {"account": "Domain, stream or project", "secret_key": "Second key", "endpoint": "Address of the service"}


def backend_for(settings: Mapping[str, Any]) -> Any:
    """A connection to the chosen service. Raises KeyError, AnymailError or ImproperlyConfigured for wrong settings."""
    service = SERVICES[settings["service"]]
    return import_string(service.backend)(
        timeout=TIMEOUT, ignore_unsupported_features=True, **_options(service, settings)
    )


def hooks_for(settings: Mapping[str, Any], url: str) -> Any:
    """What reads the webhooks of the chosen service, or None where nothing would prove who calls."""
    service = SERVICES[settings["service"]]
    password, signing_key = settings.get("webhook_password", ""), settings.get("signing_key", "")
    if not service.hooks or not (password or (service.signing and signing_key)):
        return None
    options: dict[str, Any] = {"webhook_secret": [password] if password else []}
    if service.signing and signing_key:
        options[service.signing] = signing_key
    if settings["service"] == "mandrill":
        options["webhook_url"] = url  # part of what is signed
    if settings["service"] in {"mailgun", "unisender_go"}:
        options["api_key"] = settings.get("api_key", "")
    kind = import_string(service.hooks)
    kind.warn_if_no_basic_auth = False  # a signature is the proof then
    return kind(**options)


def _options(service: Service, settings: Mapping[str, Any]) -> dict[str, Any]:
    options = {name: settings[ours] for ours, name in service.options.items() if settings.get(ours)}
    return options | ({"api_url": settings["endpoint"]} if settings.get("endpoint") else {})
