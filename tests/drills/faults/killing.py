"""kill -9 of workers, of the cluster, of the clock and of PostgreSQL, at moments that are drawn beforehand."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

from retargeting.postgres import EmbeddedPostgres
from tests.drills.database import kill_database
from tests.drills.processes import Process

VICTIMS = {"a worker": 8, "the cluster": 4, "the database": 6, "the clock": 2}
"""With how often each is drawn, relative to the others."""


class Killer:
    """Kills when as many deliveries are written as was drawn, once there is something new under way since the last."""

    def __init__(
        self, server: EmbeddedPostgres, workers: Process, clock: Process, *, people: int, kills: int, seed: int
    ) -> None:
        self.server, self.workers, self.clock = server, workers, clock
        draw = random.Random(seed)  # a plan, no secret
        self.moments = sorted(draw.sample(range(people // 50, people * 17 // 20), kills))
        victims = list(VICTIMS)
        drawn = draw.choices(victims, list(VICTIMS.values()), k=kills)
        self.victims = [*victims, *drawn][:kills]  # each at least once, where there are enough
        draw.shuffle(self.victims)
        self.pauses = [draw.uniform(0, 0.1) for _ in range(kills)]
        self.done: Counter[str] = Counter()
        self.written = 0
        self._ways: dict[str, Callable[[], bool]] = {
            "a worker": workers.kill_a_worker,
            "the cluster": self._process(workers),
            "the clock": self._process(clock),
            "the database": self._the_database,
        }

    def see(self, written: int) -> None:
        """So many deliveries are written by now."""
        for process in (self.workers, self.clock):
            process.keep()
        if not self.moments or written < self.moments[0] or written == self.written or not self.workers.workers():
            return
        time.sleep(self.pauses[0])
        if self._ways[self.victims[0]]():
            self.done[self.victims[0]] += 1
            self.written = written
            self.moments.pop(0), self.victims.pop(0), self.pauses.pop(0)

    def _process(self, process: Process) -> Callable[[], bool]:
        def kill() -> bool:
            process.kill()
            return True

        return kill

    def _the_database(self) -> bool:
        kill_database(self.server)
        return True
