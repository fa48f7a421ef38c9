"""What a process keeps of answers that it has worked out, up to a number of bytes; the longest unused go first."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

BYTES = 128 * 2**20
LEAST = 500
"""What an entry takes beside what it holds."""


class Memory:
    """Whoever keeps something names it by all it depends on, so that it is never out of date, only unused."""

    def __init__(self, limit: int = BYTES) -> None:
        self.limit = limit
        self._kept: OrderedDict[bytes, tuple[Any, int]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, name: Hashable) -> Any | None:
        key = _digest(name)
        with self._lock:
            entry = self._kept.get(key)
            if entry is None:
                return None
            self._kept.move_to_end(key)
            return entry[0]

    def keep(self, name: Hashable, value: Any, size: int) -> None:
        key, size = _digest(name), size + LEAST
        with self._lock:
            if key in self._kept:
                self._size -= self._kept.pop(key)[1]
            self._kept[key] = (value, size)
            self._size += size
            while self._size > self.limit and self._kept:
                self._size -= self._kept.popitem(last=False)[1][1]

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self._size = 0


def _digest(name: Hashable) -> bytes:
    """Names can be long, such as all campaigns of a label, and are kept with each entry."""
    return hashlib.blake2b(repr(name).encode(), digest_size=16).digest()
