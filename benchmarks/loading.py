"""Has a world in a data folder, loading it when it is not there: `python -m benchmarks.loading FOLDER PEOPLE SEED`.

A process of its own, so that what a load needs of memory is not counted with what the questions need.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import database

NOTE = "loaded.json"
PACKAGES = ("retargeting", "campaigns", "automations")


def loaded(folder: Path) -> dict[str, Any] | None:
    """What is said of a load that was finished and that the tables of today could have been filled by."""
    note = folder / NOTE
    found = json.loads(note.read_text()) if note.exists() else None
    return found if found and found.get("migrations") == migrations() else None


def migrations() -> list[str]:
    """Another list is another product: what its tables keep beside the events would be missing from an old load."""
    paths = (path.relative_to(database.ROOT) for path in database.ROOT.glob("*/**/migrations/0*.py"))
    return sorted(f"{path.parent.parent.name}.{path.stem}" for path in paths if path.parts[0] in PACKAGES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("people", type=int)
    parser.add_argument("seed", type=int)
    parser.add_argument("--thin", action="store_true", help="keep only the rows that the questions read")
    parser.add_argument("--now", action="store_true", help="a history up to the real present")
    parser.add_argument("--scale", type=float, default=1.0, help="of about 100 message events a head")
    options = parser.parse_args()
    database.start(options.folder)
    from django.core.management import call_command
    from django.utils import timezone

    from benchmarks.generate import load
    from benchmarks.shapes import cut_days
    from benchmarks.world import UNTIL, World

    world = World(options.people, options.seed, timezone.now() if options.now else UNTIL, options.scale)
    if not options.now:
        database.stand_still(world.until)
    call_command("migrate", verbosity=0)
    started = time.perf_counter()

    def say(text: str) -> None:
        print(f"{time.perf_counter() - started:7.0f} s  {text}", flush=True)

    outcome = load(world, keep=cut_days(world) if options.thin else None, say=say)
    note = {**asdict(outcome), "migrations": migrations()}
    (options.folder / NOTE).write_text(json.dumps(note, indent=2))


if __name__ == "__main__":
    main()
