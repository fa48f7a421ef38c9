from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.messaging.mailserver import MailServer

WORKING: dict[str, Callable[[MailServer], dict[str, object]]] = {
    "sandbox": lambda server: {},
    "smtp": lambda server: server.settings,
}
"""Settings with which each provider works in the tests. A new provider adds its line, and its server, here."""


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server
