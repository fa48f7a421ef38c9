from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from tests.channels.apns_server import ApnsServer, device
from tests.channels.email_services import PostmarkServer
from tests.channels.fcm_server import FcmAmongOthers, FcmServer
from tests.channels.push_service import Browser, PushService
from tests.channels.sms_servers import GatewayServer, TwilioServer
from tests.messaging.mailserver import MailServer

NOBODY_THERE = "http://127.0.0.1:1"


@dataclass(frozen=True)
class Stage:
    """With what a provider works in the tests: its server, whose `settings` it gets, and addresses that fit.

    `unreachable` are the settings in which the server is not there; where each address has a server of its own,
    `astray` gives one of nobody.
    """

    server: Callable[[], AbstractContextManager[Any]] = lambda: nullcontext(SimpleNamespace(settings={}))
    address: Callable[[Any, int], str] = lambda server, index: f"address-{index}"
    unreachable: Mapping[str, object] = field(default_factory=dict)
    astray: Callable[[int], str] | None = None


STAGES: dict[str, Stage] = {
    "sandbox": Stage(),
    "in_app": Stage(),
    "fcm": Stage(FcmServer, unreachable={"endpoint": NOBODY_THERE}),
    "apns": Stage(ApnsServer, lambda server, index: f"apns:{device(index)}", unreachable={"endpoint": NOBODY_THERE}),
    "push": Stage(FcmAmongOthers, unreachable={"fcm_endpoint": NOBODY_THERE}),
    "webpush": Stage(
        PushService,
        lambda server, index: server.browser(f"p{index}").subscription.address,
        astray=lambda index: Browser(f"{NOBODY_THERE}/{index}").subscription.address,
    ),
    "twilio": Stage(TwilioServer, lambda server, index: f"+3361234567{index}", {"endpoint": NOBODY_THERE}),
    "gateway": Stage(GatewayServer, lambda server, index: f"+3361234567{index}", {"url": NOBODY_THERE}),
    "esp": Stage(PostmarkServer, lambda server, index: f"p{index}@example.com", {"endpoint": NOBODY_THERE}),
    "smtp": Stage(MailServer, lambda server, index: f"p{index}@example.com", {"host": "127.0.0.1", "port": 1}),
}
"""A new provider adds its line here."""


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server
