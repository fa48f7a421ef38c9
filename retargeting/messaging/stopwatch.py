"""Where the time of sending goes. Nothing is measured unless a measurement is on."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

seconds: dict[str, float] = defaultdict(float)
"""By part: claim, people, render, provider, record."""


@contextmanager
def timed(part: str) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    finally:
        seconds[part] += time.perf_counter() - began
