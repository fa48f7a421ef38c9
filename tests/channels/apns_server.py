"""An APNs on loopback: HTTP/2 without TLS, which keeps what it is sent and answers as it is told."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

import h2.config
import h2.connection
import h2.events
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.channels.webserver import Received, Reply


class ApnsServer:
    """`refusals` maps a device token to its answer; None breaks the connection off once the request was read."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.received: list[Received] = []
        self.refusals: dict[str, Reply | None] = {}
        self.connections = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._open: list[socket.socket] = []

    @property
    def settings(self) -> dict[str, object]:
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "private_key": pem.decode(),
            "key_id": "KEY1",
            "team_id": "TEAM1",
            "topic": "example.shop",
            "endpoint": self.url,
        }

    def __enter__(self) -> ApnsServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *details: object) -> None:
        for connection in (self._listening, *self._open):
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        protocol = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        protocol.initiate_connection()
        requests: dict[int, tuple[dict[str, str], bytearray]] = {}
        try:
            connection.sendall(protocol.data_to_send())
            while data := connection.recv(65_536):
                for event in protocol.receive_data(data):
                    if not self._take(protocol, requests, event):
                        connection.close()
                        return
                connection.sendall(protocol.data_to_send())
        except OSError:
            pass  # the other side has gone, or the test is over

    def _take(self, protocol: Any, requests: dict[int, tuple[dict[str, str], bytearray]], event: Any) -> bool:
        """Whether the connection stays."""
        if isinstance(event, h2.events.RequestReceived):
            requests[event.stream_id] = (dict(event.headers), bytearray())
        elif isinstance(event, h2.events.DataReceived):
            requests[event.stream_id][1].extend(event.data)
            protocol.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            headers, body = requests.pop(event.stream_id)
            self.received.append(Received(headers[":method"], headers[":path"], headers, bytes(body)))
            device = headers[":path"].rpartition("/")[2]
            reply = self.refusals.get(device, Reply(200, headers={"apns-id": headers.get("apns-id", "made-up")}))
            if reply is None:
                return False
            answered = [(":status", str(reply.status)), *reply.headers.items()]
            protocol.send_headers(event.stream_id, answered, end_stream=not reply.body)
            if reply.body:
                protocol.send_data(event.stream_id, reply.body, end_stream=True)
        return True


def device(number: int = 1) -> str:
    return f"{number:064x}"


def refusal(status: int, reason: str, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, headers=named, text=json.dumps({"reason": reason}))
