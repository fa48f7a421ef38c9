"""Encrypting a push message for one browser (RFC 8291, over RFC 8188), and signing who sends it (RFC 8292)."""

from __future__ import annotations

import base64
import os
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from google.auth import jwt
from google.auth.crypt.es256 import ES256Signer

RECORD = 4096
"""Push services take no longer bodies (RFC 8030, 7.2)."""
LONGEST = RECORD - 86 - 17
"""Bytes of a message: what a body holds beside its head, the tag and the mark of the end."""
VALID_SECONDS = 12 * 3600

_POINT = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def encode64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode64(text: str) -> bytes:
    """Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encrypt(
    message: bytes,
    *,
    p256dh: str,
    auth: str,
    key: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """The body of a request with `Content-Encoding: aes128gcm`. `key` and `salt` are random but in tests.

    Raises ValueError for keys that are none and for a message that is too long.
    """
    if len(message) > LONGEST:
        raise ValueError(f"{len(message):,} bytes are too many for a push message; {LONGEST:,} fit")
    key = key or ec.generate_private_key(ec.SECP256R1())
    salt = salt or os.urandom(16)
    theirs_raw = decode64(p256dh)
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs_raw)
    ours_raw = key.public_key().public_bytes(*_POINT)
    shared = key.exchange(ec.ECDH(), theirs)
    secret = _hkdf(decode64(auth), shared, b"WebPush: info\0" + theirs_raw + ours_raw, 32)
    content_key = _hkdf(salt, secret, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _hkdf(salt, secret, b"Content-Encoding: nonce\0", 12)
    # One record, and so the last: its text ends with a 2.
    sealed = AESGCM(content_key).encrypt(nonce, message + b"\x02", None)
    return salt + RECORD.to_bytes(4, "big") + bytes([len(ours_raw)]) + ours_raw + sealed


def _hkdf(salt: bytes, key: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(key)


def make_keys() -> tuple[str, str]:
    """A new pair for VAPID, (public, private), written as browsers take them."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_numbers().private_value.to_bytes(32, "big")
    return encode64(key.public_key().public_bytes(*_POINT)), encode64(private)


def private_key_of(text: str) -> ec.EllipticCurvePrivateKey:
    """Raises ValueError."""
    raw = decode64(text)
    if len(raw) != 32:
        raise ValueError("a private key has 32 bytes")
    return ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256R1())


def public_key_of(text: str) -> str:
    """The public half of a private key, written as browsers take it. Raises ValueError."""
    return encode64(private_key_of(text).public_key().public_bytes(*_POINT))


def authorization(private: str, *, origin: str, subject: str) -> str:
    """The header that says who sends, to the push service at `origin`; good for half a day."""
    signer = ES256Signer(private_key_of(private))
    claims = {"aud": origin, "exp": int(time.time()) + VALID_SECONDS, "sub": subject}
    token = jwt.encode(signer, claims).decode()
    return f"vapid t={token}, k={public_key_of(private)}"
