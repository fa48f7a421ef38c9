"""A real SMTP server on loopback that keeps what it gets, and refuses or breaks off on request."""

from __future__ import annotations

import email
import logging
import socket
from collections import Counter
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

logging.getLogger("mail.log").setLevel(logging.WARNING)  # a line for each command of the protocol is too much


class Mailbox:
    """aiosmtpd's handler. `refuse` maps a recipient to the answer it gets instead of 250.

    With `pipelining` it says that it takes several commands at once, as nearly all servers do; it does anyhow.
    """

    def __init__(self, *, pipelining: bool = True) -> None:
        self.pipelining = pipelining
        self.mails: list[tuple[str, EmailMessage]] = []
        self.refuse: dict[str, str] = {}
        self.on_mail: Callable[[int], None] = lambda number: None

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], *(["250-PIPELINING"] if self.pipelining else []), responses[-1]]

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        mail = email.message_from_bytes(envelope.content, policy=default)
        self.mails.extend((address, mail) for address in envelope.rcpt_tos)
        self.on_mail(len(self.mails))
        return "250 OK"

    @property
    def per_address(self) -> Counter[str]:
        return Counter(address for address, _ in self.mails)

    def to(self, address: str) -> EmailMessage:
        [mail] = [mail for recipient, mail in self.mails if recipient == address]
        return mail


class MailServer:
    def __init__(self, *, pipelining: bool = True) -> None:
        self.mailbox = Mailbox(pipelining=pipelining)
        with socket.socket() as probe:  # the controller cannot be told to choose a port by itself
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._controller = Controller(self.mailbox, hostname="127.0.0.1", port=self.port)

    def __enter__(self) -> MailServer:
        self._controller.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._controller.stop()

    @property
    def settings(self) -> dict[str, object]:
        return {"host": "127.0.0.1", "port": self.port, "security": "none"}
