"""Ids of events: UUIDs of version 7, which begin with the time, so that neighbours in time are so in the index."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from retargeting.demo.people import Ints

Words = npt.NDArray[np.uint64]


def uuid_words(rng: np.random.Generator, at: Ints) -> tuple[Words, Words]:
    """The upper and lower halves of an id for each moment."""
    milliseconds = (at // 1000).astype(np.uint64)
    version, variant = np.uint64(0x7000), np.uint64(1 << 63)
    upper = (milliseconds << np.uint64(16)) | version | rng.integers(0, 1 << 12, len(at), dtype=np.uint64)
    lower = variant | rng.integers(0, 1 << 62, len(at), dtype=np.uint64)
    return upper, lower


def uuids(rng: np.random.Generator, at: Ints) -> list[str]:
    upper, lower = uuid_words(rng, at)
    digits = [f"{high:016x}{low:016x}" for high, low in zip(upper.tolist(), lower.tolist(), strict=True)]
    return [f"{d[:8]}-{d[8:12]}-{d[12:16]}-{d[16:20]}-{d[20:]}" for d in digits]
