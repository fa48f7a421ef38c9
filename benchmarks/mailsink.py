"""A mail server on loopback that takes everything and keeps nothing: `python -m benchmarks.mailsink PORT`.

It speaks as much of SMTP as a client needs, so that what is measured is the sender and not the server.
"""

from __future__ import annotations

import asyncio
import sys


class Sink(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.buffer, self.in_mail = transport, b"", False
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
                self.transport.write(b"250-sink\r\n250 8BITMIME\r\n")
            case _:
                self.transport.write(b"250 fine\r\n")


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
