"""Secrets of providers, encrypted where they are kept, so that a copy of the database does not give them away."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

SEALED = "sealed"


@cache
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    """The first key seals; all of them open, so that a key can be changed without typing every secret anew."""
    # The keys are long and random, so a plain hash with a name of its own is enough to derive from them.
    digests = (hashlib.sha256(b"retargeting.channels.secrets|" + key.encode()).digest() for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


def _keys() -> tuple[str, ...]:
    return (*settings.SECRETS_KEYS, settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


def seal(value: object) -> str:
    return _fernet(_keys()).encrypt(json.dumps(value).encode()).decode()


def unseal(token: str) -> Any:
    """Raises ValueError for what none of the keys opens."""
    try:
        return json.loads(_fernet(_keys()).decrypt(token.encode()))
    except InvalidToken as error:
        raise ValueError("none of the keys opens this") from error


class Unreadable(dict[str, Any]):
    """Stands for settings that were sealed with a key which is not there any more: they must be typed anew."""


class SealedJSONField(models.JSONField):
    """An object that is encrypted as a whole. What was kept in clear before is read as it is."""

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        # What nobody could read is not written over by somebody who saves the row for another reason.
        sealed = value.original if isinstance(value, _Kept) else {SEALED: seal(value)}
        return super().get_db_prep_value(sealed, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        found = super().from_db_value(value, expression, connection)
        if not (isinstance(found, dict) and set(found) == {SEALED}):
            return found
        try:
            return unseal(found[SEALED])
        except ValueError:
            return _Kept(found)


class _Kept(Unreadable):
    def __init__(self, original: dict[str, str]) -> None:
        super().__init__()
        self.original = original
