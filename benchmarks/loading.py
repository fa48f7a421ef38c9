"""Has a world in a data folder, loading it when it is not there: `python -m benchmarks.loading FOLDER PEOPLE SEED`.

A process of its own, so that what a load needs of memory is not counted with what the questions need.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks import database

NOTE = "loaded.json"


def loaded(folder: Path) -> dict[str, object] | None:
    """What is said of a load that was finished."""
    note = folder / NOTE
    return json.loads(note.read_text()) if note.exists() else None


def main(folder: Path, people: int, seed: int, thin: bool) -> None:
    database.start(folder)
    from django.core.management import call_command

    from benchmarks.generate import load
    from benchmarks.shapes import cut_days
    from benchmarks.world import World

    world = World(people, seed)
    database.stand_still(world.until)
    call_command("migrate", verbosity=0)
    started = time.perf_counter()

    def say(text: str) -> None:
        print(f"{time.perf_counter() - started:7.0f} s  {text}", flush=True)

    outcome = load(world, keep=cut_days(world) if thin else None, say=say)
    (folder / NOTE).write_text(json.dumps(asdict(outcome), indent=2))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), "--thin" in sys.argv[4:])
