"""What is known of a load, for the report."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.machine import peak


@dataclass
class Loaded:
    """How a load went. Seconds of folding are within those of loading."""

    people: int
    seed: int
    until: str
    thinned: bool
    message_events: int = 0
    custom_events: int = 0
    message_rows_kept: int = 0
    load_seconds: float = 0.0
    fold_seconds: float = 0.0
    fold_peak_bytes: int = 0
    index_seconds: float = 0.0
    days_kept: list[str] = field(default_factory=list)


@contextlib.contextmanager
def folding(loaded: Loaded) -> Iterator[None]:
    """Keep the time and the memory that a fold takes."""
    started = time.perf_counter()
    with peak() as grown:
        yield
    loaded.fold_seconds += time.perf_counter() - started
    loaded.fold_peak_bytes = max(loaded.fold_peak_bytes, grown[0])
