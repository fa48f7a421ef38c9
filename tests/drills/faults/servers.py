"""Providers on loopback that do all that goes wrong with real ones: FCM, Web Push, Twilio and SMTP."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs

from tests.drills.faults.ledger import Fault, Ledger

RETRY_AFTER = 1  # seconds

HTTP_ANSWERS: dict[Fault | None, tuple[str, str, str]] = {
    # what went wrong: status line, code of FCM, further header
    Fault.TOO_MANY: ("429 Too Many Requests", "QUOTA_EXCEEDED", f"Retry-After: {RETRY_AFTER}\r\n"),
    Fault.UNAVAILABLE: ("503 Service Unavailable", "UNAVAILABLE", f"Retry-After: {RETRY_AFTER}\r\n"),
    Fault.ERROR: ("500 Internal Server Error", "INTERNAL", ""),
    Fault.DUPLICATE: ("409 Conflict", "ALREADY_EXISTS", ""),
}
SMTP_ANSWERS: dict[Fault | None, bytes] = {
    None: b"250 taken\r\n",
    Fault.TOO_MANY: b"452 4.3.1 too many, come back later\r\n",
    Fault.UNAVAILABLE: b"421 4.3.2 closing down\r\n",
    Fault.ERROR: b"451 4.3.0 internal error\r\n",
    Fault.DUPLICATE: b"554 5.7.1 duplicate message\r\n",
}


class Service(asyncio.Protocol):
    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.buffer = ledger, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def breaks(self, fault: Fault | None) -> bool:
        """Whether nothing more is said: the connection is gone, or stands for ever."""
        if fault is Fault.RESET:
            self.transport.abort()
        return fault in {Fault.RESET, Fault.HANG}


class Web(Service):
    """Tokens of Google, messages of FCM and of Twilio, and a push service whose browsers are the end of the path."""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, rest = self.buffer.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            length = int(headers.get("content-length", 0))
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            self.answer(lines[0].split()[1], rest[:length])

    def answer(self, path: str, body: bytes) -> None:
        if path == "/token":
            self.reply("200 OK", json.dumps({"access_token": "access", "expires_in": 3600, "token_type": "Bearer"}))
            return
        address, status, document = self.read(path, body)
        fault = self.ledger.ask(address)
        if self.breaks(fault):
            return
        if fault is None:
            self.reply(status, document)
            return
        status, code, header = HTTP_ANSWERS[fault]
        error = {"code": int(status[:3]), "message": "No.", "status": code}
        self.reply(status, json.dumps({"error": error}), header)

    def read(self, path: str, body: bytes) -> tuple[str, str, str]:
        """To whom it goes, and what is said when it was taken. Another lie: one name for all messages."""
        if path.endswith("messages:send"):
            return json.loads(body)["message"]["token"], "200 OK", json.dumps({"name": "projects/shop-1/messages/1"})
        if path.endswith("/Messages.json"):
            return parse_qs(body.decode())["To"][0], "201 Created", json.dumps({"sid": "SM1"})
        return path.rpartition("/")[2], "201 Created", ""

    def reply(self, status: str, document: str, header: str = "") -> None:
        head = (
            f"HTTP/1.1 {status}\r\n{header}Content-Type: application/json\r\nContent-Length: {len(document)}\r\n\r\n"
        )
        self.transport.write((head + document).encode())


class Mail(Service):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.recipient, self.in_mail = "", False
        self.transport.write(b"220 drill\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            end = b"\r\n.\r\n" if self.in_mail else b"\r\n"
            line, found, rest = self.buffer.partition(end)
            if not found:
                return
            self.buffer = rest
            if self.in_mail:
                self.take()
            else:
                self.command(line.decode("latin-1"))

    def take(self) -> None:
        self.in_mail = False
        fault = self.ledger.ask(self.recipient)
        if self.breaks(fault):
            return
        self.transport.write(SMTP_ANSWERS[fault])
        if fault is Fault.UNAVAILABLE:
            self.transport.close()

    def command(self, line: str) -> None:
        match line[:4].upper():
            case "RCPT":
                self.recipient = line.partition("<")[2].partition(">")[0]
                self.transport.write(b"250 fine\r\n")
            case "DATA":
                self.in_mail = True
                self.transport.write(b"354 go on\r\n")
            case "QUIT":
                self.transport.write(b"221 bye\r\n")
                self.transport.close()
            case "EHLO":
                self.transport.write(b"250-drill\r\n250 8BITMIME\r\n")
            case _:
                self.transport.write(b"250 fine\r\n")


@contextmanager
def serving(service: type[Service], ledger: Ledger) -> Iterator[int]:
    """Run a server of `service`; gives its port."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(lambda: service(ledger), "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
