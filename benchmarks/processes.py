"""Each engine in a process of its own, so that their memory and their caches are apart.

`python -m benchmarks.processes NAME FOLDER PEOPLE SEED` reads questions as lines of JSON and answers each with a line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import database
from benchmarks.engine import Answer, Engine

ENGINES = ("ours", "orm", "duckdb", "clickhouse")


def engine(name: str, folder: Path, people: int, seed: int) -> Engine:
    """Django has to be set up before its models are imported, and the columnar stores need no database for it."""
    if name in ("ours", "orm"):
        database.start(folder)
    else:
        database.set_up_without()
    from benchmarks import ours, rivals
    from benchmarks.columns import STORES
    from benchmarks.world import World

    world = World(people, seed)
    database.stand_still(world.until)
    if name == "ours":
        return ours.Ours(world)
    return rivals.OrmSql(world) if name == "orm" else rivals.Columns(world, STORES[name](folder / name))


class Process:
    """An engine in a process of its own."""

    def __init__(self, name: str, folder: Path, people: int, seed: int) -> None:
        self.name = name
        command = [sys.executable, "-m", "benchmarks.processes", name, str(folder), str(people), str(seed)]
        self.popen = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=database.ROOT
        )

    def ask(self, do: str, **more: Any) -> Answer:
        assert self.popen.stdin
        assert self.popen.stdout
        self.popen.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self.popen.stdin.flush()
        line = self.popen.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} has ended with {self.popen.wait()}; what it said is above")
        answer: Answer = json.loads(line)
        return answer

    def end(self) -> None:
        assert self.popen.stdin
        self.popen.stdin.close()
        self.popen.wait()


def main(name: str, folder: str, people: str, seed: str) -> None:
    # Answers go out on a descriptor of their own: a library that prints must not get between them.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        answering = engine(name, Path(folder), int(people), int(seed))
        for line in sys.stdin:
            answers.write(json.dumps(answering.handle(json.loads(line))) + "\n")
            answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
