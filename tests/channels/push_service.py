"""A push service on loopback with browsers that subscribe to it, and can read what they are sent."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from retargeting.channels.push.addresses import Subscription
from retargeting.channels.webpush.encryption import make_keys
from tests.channels.webserver import Received, Reply, WebServer


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Browser:
    """One subscription. Decrypts by the steps of RFC 8188 and 8291, on primitives of its own."""

    def __init__(self, endpoint: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = os.urandom(16)
        self.public = self.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        self.subscription = Subscription(endpoint, b64(self.public), b64(self.auth))

    def read(self, body: bytes) -> Any:
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        sender, record = body[21 : 21 + length], body[21 + length :]
        assert len(record) <= size
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        shared = self.key.exchange(ec.ECDH(), point)
        secret = self._expand(self._mac(self.auth, shared), b"WebPush: info\0" + self.public + sender, 32)
        random = self._mac(salt, secret)
        content_key = self._expand(random, b"Content-Encoding: aes128gcm\0", 16)
        nonce = self._expand(random, b"Content-Encoding: nonce\0", 12)
        opener = Cipher(algorithms.AES(content_key), modes.GCM(nonce, record[-16:])).decryptor()
        text = opener.update(record[:-16]) + opener.finalize()
        text = text.rstrip(b"\0")
        assert text.endswith(b"\x02"), "the mark of the last record"
        return json.loads(text[:-1])

    def _mac(self, key: bytes, data: bytes) -> bytes:
        mac = hmac.HMAC(key, hashes.SHA256())
        mac.update(data)
        return mac.finalize()

    def _expand(self, key: bytes, info: bytes, length: int) -> bytes:
        return self._mac(key, info + b"\x01")[:length]


class PushService(WebServer):
    def __init__(self) -> None:
        super().__init__(self._answer)
        self.public_key, self.private_key = make_keys()
        self.replies: dict[str, Reply | None] = {}

    def _answer(self, request: Received) -> Reply | None:
        created = Reply(201, headers={"Location": f"{self.url}/message/{len(self.received)}"})
        return self.replies.get(request.path, created)

    def browser(self, name: str = "ana") -> Browser:
        return Browser(f"{self.url}/wpush/{name}")

    @property
    def settings(self) -> dict[str, object]:
        return {"private_key": self.private_key, "subject": "mailto:ops@example.com"}
