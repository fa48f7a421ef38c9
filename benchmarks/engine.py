"""What the four that are measured have in common: they answer the shapes of one world by name."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # it needs Django set up, which is still to be done where this is read
    from benchmarks.world import World

Answer = dict[str, Any]


class Engine(ABC):
    def __init__(self, world: World) -> None:
        self.world = world

    @abstractmethod
    def ids(self, name: str) -> tuple[int, int]:
        """How many people, and the sum of their ids: two sets with both in common are taken for equal."""

    @abstractmethod
    def measure(self, name: str, mode: str) -> Answer:
        """The answer and "ms", the time that it took."""

    def about(self) -> Answer:
        """Versions and sizes, for the report."""
        return {}

    def handle(self, question: Answer) -> Answer:
        if question["do"] == "ids":
            started = time.perf_counter()
            count, total = self.ids(question["shape"])
            return {"count": count, "sum": total, "ms": (time.perf_counter() - started) * 1000}
        if question["do"] == "measure":
            return self.measure(question["shape"], question["mode"])
        return self.about()
