"""Providers on loopback that take everything and keep nothing: `python -m benchmarks.sinks mail PORT`, or `fcm PORT`.

They speak as much of SMTP and of HTTP as a client needs, so that what is measured is the sender and not the server.
"""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import count

HTTP_END = b"\r\n\r\n"


class Sink(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.buffer = transport, b""


class Mail(Sink):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.in_mail = False
        self.transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            end = b"\r\n.\r\n" if self.in_mail else b"\r\n"
            line, found, rest = self.buffer.partition(end)
            if not found:
                return
            self.buffer = rest
            if self.in_mail:
                self.in_mail = False
                self.transport.write(b"250 taken\r\n")
            else:
                self.answer(line[:4].upper())

    def answer(self, command: bytes) -> None:
        match command:
            case b"DATA":
                self.in_mail = True
                self.transport.write(b"354 go on\r\n")
            case b"QUIT":
                self.transport.write(b"221 bye\r\n")
                self.transport.close()
            case b"EHLO":
                self.transport.write(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            case _:
                self.transport.write(b"250 fine\r\n")


class Fcm(Sink):
    """Google's token service and Firebase Cloud Messaging, HTTP v1."""

    numbers = count(1)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            head, found, rest = self.buffer.partition(HTTP_END)
            length = content_length(head) if found else 0
            if not found or len(rest) < length:
                return
            self.buffer = rest[length:]
            self.answer(head)

    def answer(self, head: bytes) -> None:
        if head.startswith(b"POST /token "):
            document = {"access_token": "access", "expires_in": 3600, "token_type": "Bearer"}
        else:
            document = {"name": f"projects/shop/messages/{next(self.numbers)}"}
        body = json.dumps(document).encode()
        top = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(top.encode() + body)


def content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


SINKS: dict[str, type[Sink]] = {"mail": Mail, "fcm": Fcm}


async def serve(kind: type[Sink], port: int) -> None:
    server = await asyncio.get_running_loop().create_server(kind, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(SINKS[sys.argv[1]], int(sys.argv[2])))
