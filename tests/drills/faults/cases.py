"""The providers that are drilled: how each is set up, and which addresses it has."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from retargeting.channels.registry import PROVIDERS
from tests.channels.fcm_server import private_key
from tests.channels.push_service import Browser, PushService
from tests.drills.faults.ledger import Ledger
from tests.drills.faults.servers import Mail, Service, Web, serving

CONTENT = {
    "push": {"title": "Hi {{ first_name | default: 'there' }}", "body": "20% off until Sunday."},
    "email": {"subject": "20% off", "text": "Until Sunday, {{ first_name | default: 'friend' }}."},
    "sms": {"text": "20% off until Sunday, {{ first_name | default: 'friend' }}."},
    "in_app": {"title": "20% off", "body": "Until Sunday."},
}


@dataclass(frozen=True)
class Case:
    """`service` is None for a provider that keeps messages in our own tables: these are its book then."""

    provider: str
    channel: str
    service: type[Service] | None = None

    @property
    def batch(self) -> int:
        return PROVIDERS[self.provider].batch_size

    @contextmanager
    def running(self, ledger: Ledger) -> Iterator[tuple[dict[str, Any], str]]:
        """Gives the fields of the channel, and the SQL of the address of person n."""
        if self.service is None:
            yield {"provider": self.provider}, "'p' || n"
            return
        with serving(self.service, ledger) as port:
            settings, address = SETTINGS[self.provider](f"http://127.0.0.1:{port}", port)
            yield {"provider": self.provider, "settings": settings, "sender": "Shop <shop@example.com>"}, address

    def taken(self, ledger: Ledger) -> Counter[str]:
        """By the provider's own book, how many each address got."""
        if self.service is not None:
            return ledger.taken
        from retargeting.channels.models import InAppMessage, SandboxMessage

        rows = InAppMessage.objects.all() if self.provider == "in_app" else SandboxMessage.objects.all()
        return Counter(f"p{profile}" for profile in rows.values_list("profile_id", flat=True))


def _fcm(url: str, port: int) -> tuple[dict[str, Any], str]:
    account = {
        "type": "service_account",
        "project_id": "shop-1",
        "private_key_id": "1",
        "private_key": private_key(),
        "client_email": "sender@shop-1.iam.gserviceaccount.com",
        "token_uri": f"{url}/token",
    }
    return {"service_account": json.dumps(account), "endpoint": url}, "'p' || n"


def _webpush(url: str, port: int) -> tuple[dict[str, Any], str]:
    """One browser's keys do for all: what counts here is the endpoint."""
    address = Browser(f"{url}/wpush/NAME").subscription.address
    before, after = address.split("NAME")
    return PushService().settings, f"'{before}p' || n || '{after}'"


def _smtp(url: str, port: int) -> tuple[dict[str, Any], str]:
    return {"host": "127.0.0.1", "port": port, "security": "none"}, "'p' || n || '@example.com'"


def _twilio(url: str, port: int) -> tuple[dict[str, Any], str]:
    return {"account_sid": "AC1", "auth_token": "token", "endpoint": url}, "'p' || n"


SETTINGS = {"fcm": _fcm, "webpush": _webpush, "smtp": _smtp, "twilio": _twilio}
CASES = {
    case.provider: case
    for case in (
        Case("fcm", "push", Web),
        Case("webpush", "push", Web),
        Case("smtp", "email", Mail),
        Case("twilio", "sms", Web),
        Case("in_app", "in_app"),
        Case("sandbox", "push"),
    )
}


def person_of(address: str) -> str:
    """`p17` of whatever address person 17 has."""
    return address.partition("@")[0].partition("#")[0].rpartition("/")[2]
