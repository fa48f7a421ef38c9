"""Measures all four engines in one run, interleaved: `python -m benchmarks.run --size medium`.

Loads the world if its folder does not have it yet, checks that all engines give the same people for every shape, then
measures, and writes results/NAME.json with its table and plots.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import database, machine
from benchmarks.loading import loaded
from benchmarks.processes import ENGINES, Process
from retargeting.postgres import EmbeddedPostgres

RESULTS = Path(__file__).resolve().parent / "results"
SEED = 7
ENOUGH_MS = 30_000
"""What takes longer is measured once; of anything else there are no more repetitions than fit into it."""
PEOPLE_CHECKED = 200
GIGABYTE = 2**30


@dataclass(frozen=True, slots=True)
class Size:
    """`disk` is what has to be free, in gigabytes."""

    name: str
    people: int
    repeat: int
    disk: int
    thin: bool = False


SIZES = {
    "small": Size("100k", 100_000, 15, 6),
    "medium": Size("1m", 1_000_000, 9, 40),
    "large": Size("10m", 10_000_000, 7, 45, thin=True),
}


@dataclass
class Figures:
    """What was measured of one shape by one engine in one mode."""

    ms: list[float] = field(default_factory=list)
    evaluation_ms: list[float] = field(default_factory=list)
    gave_up: bool = False

    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = {"times": len(self.ms), "median": median(self.ms), "p95": p95(self.ms)}
        if self.evaluation_ms:
            found |= {"evaluation_median": median(self.evaluation_ms), "evaluation_p95": p95(self.evaluation_ms)}
        return found | ({"gave_up": True} if self.gave_up else {})


def median(values: list[float]) -> float:
    return round(statistics.median(values), 2)


def p95(values: list[float]) -> float:
    """By nearest rank: of a few values the highest."""
    return round(sorted(values)[math.ceil(0.95 * len(values)) - 1], 2)


class Run:
    def __init__(self, size: Size, folder: Path, seed: int, engines: list[str], repeat: int) -> None:
        self.size, self.seed, self.repeat = size, seed, repeat
        self.processes = {name: Process(name, folder, size.people, seed) for name in engines}
        self.figures: dict[str, dict[str, Figures]] = {}
        self.counts: dict[str, int] = {}

    def build(self) -> dict[str, float]:
        """Have the columnar stores built; returns the seconds of those that were built now."""
        seconds = {}
        for name in self.processes.keys() & {"duckdb", "clickhouse"}:
            answer = self.processes[name].ask("build")
            if answer["built"]:
                seconds[name] = round(answer["seconds"], 1)
                say(f"{name}: filled in {answer['seconds']:.0f} s")
        return seconds

    def compare(self, shapes: list[Any]) -> None:
        """The first round: everybody gives the same people. It also warms all caches that are not ours to empty."""
        for shape in shapes:
            answers = {name: process.ask("ids", shape=shape.name) for name, process in self.processes.items()}
            given = {name: answer for name, answer in answers.items() if not answer.get("gave_up")}
            people = {(answer["count"], answer["sum"]) for answer in given.values()}
            if len(people) != 1:
                raise SystemExit(f"{shape.name}: the answers differ: {given}")
            self.counts[shape.name] = next(iter(people))[0]
            figures = self.figures[shape.name] = {name: Figures() for name in answers if name != "ours"}
            for name, answer in answers.items():
                if name != "ours" and answer["ms"] > ENOUGH_MS:
                    figures[name] = Figures([answer["ms"]], gave_up=bool(answer.get("gave_up")))
            times = ", ".join(f"{name} {answer['ms']:.0f} ms" for name, answer in answers.items())
            say(f"{shape.name}: {self.counts[shape.name]:,} people, the same for all ({times})")

    def measure(self, shapes: list[Any]) -> None:
        for _ in range(self.repeat):
            for shape in shapes:
                modes = [("ours", mode) for mode in self._modes(shape)]
                for name, mode in [*modes, *((name, "") for name in self.processes if name != "ours")]:
                    self._measure_once(shape.name, name, mode)

    def _modes(self, shape: Any) -> list[str]:
        """Warm comes right after cold, which has filled what it reads."""
        return ["cold", "warm", *(["after"] if shape.after else [])] if "ours" in self.processes else []

    def _measure_once(self, shape: str, name: str, mode: str) -> None:
        figures = self.figures[shape].setdefault(f"{name} {mode}".strip(), Figures())
        if figures.ms and sum(figures.ms) + figures.ms[-1] > ENOUGH_MS:
            return
        answer = self.processes[name].ask("measure", shape=shape, mode=mode)
        if answer["count"] != self.counts[shape]:
            raise SystemExit(f"{shape}: {name} now says {answer['count']}, but before {self.counts[shape]}")
        figures.ms.append(answer["ms"])
        if "evaluation_ms" in answer:
            figures.evaluation_ms.append(answer["evaluation_ms"])

    def about(self) -> dict[str, Any]:
        return {name: process.ask("about") for name, process in self.processes.items()}

    def end(self) -> None:
        for process in self.processes.values():
            process.end()


def say(text: str) -> None:
    print(text, flush=True)


def prepare(size: Size, folder: Path, seed: int) -> dict[str, Any]:
    """The load of the folder, made now if there is none."""
    note = loaded(folder)
    if note is None:
        drop(folder)  # what a load left that did not come to its end, or that an older product made
        folder.mkdir(parents=True)
        if machine.free_disk(folder) < size.disk * GIGABYTE:
            raise SystemExit(f"This needs {size.disk} GB of free disk. RETARGETING_DATA names another folder.")
        command = [sys.executable, "-m", "benchmarks.loading", str(folder), str(size.people), str(seed)]
        subprocess.run([*command, *(["--thin"] if size.thin else [])], check=True, cwd=database.ROOT)
        note = loaded(folder)
    assert note
    if (note["people"], note["seed"], note["thinned"]) != (size.people, seed, size.thin):
        raise SystemExit("The folder holds another load. --drop deletes it.")
    return note


def drop(folder: Path) -> None:
    EmbeddedPostgres(folder / "postgres").remove()
    shutil.rmtree(folder, ignore_errors=True)


def measure(size: Size, folder: Path, seed: int, engines: list[str], repeat: int) -> dict[str, Any]:
    note = prepare(size, folder, seed)
    database.set_up_without()
    from benchmarks.shapes import shapes
    from benchmarks.world import World

    asked = shapes(World(size.people, seed))
    run = Run(size, folder, seed, engines, repeat)
    started = time.perf_counter()
    try:
        build_seconds = run.build()
        run.compare(asked)
        say(f"measuring, {repeat} times each")
        run.measure(asked)
        about = run.about()
        people = 0
        if "ours" in run.processes and not size.thin:
            people = run.processes["ours"].ask("check people", people=PEOPLE_CHECKED)["people"]
            say(f"{people} people evaluated one by one: the same")
    finally:
        run.end()
    return {
        "name": size.name,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine.facts(),
        "seed": seed,
        "loaded": {key: value for key, value in note.items() if key != "migrations"},
        "about": about,
        "columns_built_seconds": build_seconds,
        "people_checked": people,
        "seconds": round(time.perf_counter() - started),
        "shapes": [
            {
                "name": shape.name,
                "words": shape.words,
                "kind": shape.kind,
                "count": run.counts[shape.name],
                "figures": {name: figures.summary() for name, figures in run.figures[shape.name].items()},
            }
            for shape in asked
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="medium")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--repeat", type=int, help="how often each is measured")
    parser.add_argument(
        "--engines", nargs="+", choices=ENGINES, help="all if left out; not the ORM where rows are thinned"
    )
    parser.add_argument("--thin", action="store_true", help="keep only the event rows that the questions read")
    parser.add_argument("--drop", action="store_true", help="delete this size's data and do nothing else")
    options = parser.parse_args()
    size, folder = SIZES[options.size], database.data_folder(options.size)
    size = replace(size, thin=size.thin or options.thin)
    if options.drop:
        drop(folder)
        return
    engines = options.engines or [name for name in ENGINES if not (size.thin and name == "orm")]
    result = measure(size, folder, options.seed, engines, options.repeat or size.repeat)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{size.name}.json").write_text(json.dumps(result, indent=1) + "\n")
    from benchmarks import report

    report.main()


if __name__ == "__main__":
    main()
