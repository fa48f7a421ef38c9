"""Events through the API while they are folded and asked about: `python -m benchmarks.ingest`.

Starts the product as `manage.py up` does, sends it batches of message events on loopback, first at a steady rate and
then as fast as it takes them, and looks each second at how many wait to be folded and how long a count takes.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks import database, machine
from benchmarks.run import RESULTS, drop, p95, say

PEOPLE, SCALE, SEED = 100_000, 0.1, 7
BATCH, CLIENTS = 2_000, 4
RATE, MOST_IN_A_BURST = 20_000, 40_000
"""Events a second: what is asked for, and what is prepared for going as fast as possible."""
CATCH_UP_SECONDS = 120
QUESTION = {
    "match": "all",
    "conditions": [
        {
            "kind": "message",
            "event": "opened",
            "target": {"type": "channel", "channels": ["email"]},
            "test": {"type": "count_since", "operator": "at_least", "value": 3, "amount": 30, "unit": "day"},
        }
    ],
}


@dataclass
class Phase:
    """One way of sending: so many events a second, or as fast as they are taken."""

    name: str
    rate: int | None
    seconds: int
    accepted: int = 0
    took: float = 0.0
    folded: int = 0
    caught_up: float | None = None
    tails: list[int] = field(default_factory=list)
    counts_ms: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "asked_per_second": self.rate,
            "seconds": round(self.took, 1),
            "accepted": self.accepted,
            "accepted_per_second": round(self.accepted / self.took),
            "folded_per_second": round(self.folded / self.took),
            "tails": self.tails,
            "caught_up_seconds": None if self.caught_up is None else round(self.caught_up, 1),
            "count_ms_median": round(statistics.median(self.counts_ms), 1),
            "count_ms_p95": round(p95(self.counts_ms), 1),
        }


class Product:
    """The product in processes of its own, and the two ways in: its API, and its database for looking only."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        environment = {**os.environ, "RETARGETING_DATA": str(folder), "LOG_LEVEL": "WARNING"}
        environment.pop("DATABASE_URL", None)  # it is to start as it does for anybody
        self.up = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(port)],
            cwd=database.ROOT, env=environment, start_new_session=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        self.server = database.start(folder)
        from retargeting.accounts.actions import create_api_key

        self._wait()
        self.key = create_api_key(actor=None, name="benchmark")[1]

    def _wait(self) -> None:
        for _ in range(600):
            try:
                http.client.HTTPConnection("127.0.0.1", self.port, timeout=1).connect()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise SystemExit("The product did not start.")

    def post(self, connection: http.client.HTTPConnection, path: str, body: bytes) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        connection.request("POST", f"/api/v1{path}", body, headers)
        response = connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status} {content[:300]!r}")
        answer: dict[str, Any] = json.loads(content)
        return answer

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def tail(self) -> int:
        """How many events wait to be folded."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(sum(events), 0)::bigint FROM interactions_arrival")
            return int(cursor.fetchone()[0])

    def stop(self) -> None:
        self.up.send_signal(signal.SIGTERM)
        self.up.wait(60)


def bodies(phase: Phase) -> list[bytes]:
    """The batches of a phase, made before its clock starts: the clients are to cost as little as possible."""
    rng = random.Random(phase.name)
    now, targets = datetime.now(UTC), _targets()
    moments = [(now - timedelta(seconds=number / 10)).isoformat() for number in range(6000)]
    events = ["sent"] * 12 + ["opened"] * 6 + ["clicked"] * 2
    count = (phase.rate or MOST_IN_A_BURST) * phase.seconds // BATCH
    made = []
    for batch in range(count):
        items = ", ".join(
            f'{{"id": "{phase.name}-{batch}-{place}", "profile": "person-{rng.randint(1, PEOPLE)}", '
            f'"event": "{rng.choice(events)}", {rng.choice(targets)}, "occurred_at": "{rng.choice(moments)}"}}'
            for place in range(BATCH)
        )
        made.append(f'{{"interactions": [{items}]}}'.encode())
    return made


def _targets() -> list[str]:
    """All messages that can be opened."""
    from benchmarks.world import World
    from retargeting.conditions.nodes import Channel

    world = World(PEOPLE, SEED)
    messages = [*(campaign.message for campaign in world.campaigns), *chain.from_iterable(world.automations)]
    return [
        f'"automation": {message.orchestration}, "step": "{message.key}"'
        if message.key
        else f'"campaign": {message.orchestration}'
        for message in messages
        if message.channel is not Channel.SMS
    ]


def send(product: Product, phase: Phase) -> None:
    waiting = bodies(phase)
    say(f"{phase.name}: sending for {phase.seconds} s")
    lock, next_batch, stopped = threading.Lock(), iter(range(len(waiting))), threading.Event()
    before = product.tail()
    started = time.perf_counter()

    def client() -> None:
        connection = product.connect()
        while time.perf_counter() - started < phase.seconds:
            with lock:
                number = next(next_batch, None)
            if number is None:
                return
            if phase.rate:
                time.sleep(max(0.0, started + number * BATCH / phase.rate - time.perf_counter()))
            answer = product.post(connection, "/interactions/bulk/", waiting[number])
            if answer["errors"] or answer["duplicates"]:
                raise RuntimeError(f"Not all were taken: {answer}")
            with lock:
                phase.accepted += answer["accepted"]

    watchers = [threading.Thread(target=watch, args=(product, phase, stopped)) for watch in (watch_tail, watch_counts)]
    for watcher in watchers:
        watcher.start()
    with ThreadPoolExecutor(CLIENTS) as pool:
        for done in [pool.submit(client) for _ in range(CLIENTS)]:
            done.result()
    phase.took = time.perf_counter() - started
    phase.folded = before + phase.accepted - product.tail()
    stopped.set()
    for watcher in watchers:
        watcher.join()
    phase.caught_up = catch_up(product)


def watch_tail(product: Product, phase: Phase, stopped: threading.Event) -> None:
    from django.db import connection

    while not stopped.wait(1):
        phase.tails.append(product.tail())
    connection.close()


def watch_counts(product: Product, phase: Phase, stopped: threading.Event) -> None:
    asking, body = product.connect(), json.dumps({"audience": QUESTION}).encode()
    while not stopped.wait(1):
        started = time.perf_counter()
        product.post(asking, "/audiences/count/", body)
        phase.counts_ms.append((time.perf_counter() - started) * 1000)


def catch_up(product: Product) -> float | None:
    """Seconds until nothing waits any more; None if it takes too long."""
    started = time.perf_counter()
    while product.tail():
        if time.perf_counter() - started > CATCH_UP_SECONDS:
            return None
        time.sleep(0.1)
    return time.perf_counter() - started


def page(result: dict[str, Any]) -> str:
    lines = [
        "# Events through the API while they are folded",
        "",
        f"{PEOPLE:,} people; batches of {BATCH:,} message events from {CLIENTS} connections on loopback, to the "
        "product as `manage.py up` starts it. Clients, web, folding and PostgreSQL share the machine: "
        f"{result['machine']['cores']} cores, {result['machine']['memory']}, {result['machine']['processor']}. "
        f"Measured on {result['date']}; afterwards the index was compared with all rows and held what they say.",
        "",
        "| | " + " | ".join(phase["name"] for phase in result["phases"]) + " |",
        "| --- |" + " ---: |" * len(result["phases"]),
    ]
    for words, key in (
        ("events accepted a second", "accepted_per_second"),
        ("events folded a second, meanwhile", "folded_per_second"),
        ("events accepted", "accepted"),
        ("seconds", "seconds"),
        ("seconds until all was folded, after the last", "caught_up_seconds"),
        ("count of an audience, median ms", "count_ms_median"),
        ("… 95th percentile", "count_ms_p95"),
    ):
        cells = (f"{phase[key]:,}" if phase[key] is not None else "too long" for phase in result["phases"])
        lines.append(f"| {words} | {' | '.join(cells)} |")
    lines += ["", "Events not folded yet, second by second:", ""]
    lines += [f"* {phase['name']}: {', '.join(f'{tail:,}' for tail in phase['tails'])}" for phase in result["phases"]]
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30, help="of each of the two phases")
    parser.add_argument("--rate", type=int, default=RATE, help="events a second of the steady phase")
    parser.add_argument("--port", type=int, default=8765)
    options = parser.parse_args()
    folder = database.data_folder("ingest")
    drop(folder)
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "benchmarks.loading", str(folder), str(PEOPLE), str(SEED)]
    subprocess.run([*command, "--now", "--scale", str(SCALE)], check=True, cwd=database.ROOT)
    phases = [
        Phase(f"{options.rate:,} a second", options.rate, options.seconds),
        Phase("as fast as it takes them", None, options.seconds),
    ]
    with ExitStack() as ending:
        product = Product(folder, options.port)
        ending.callback(product.stop)
        for phase in phases:
            send(product, phase)
            say(f"{phase.name}: {phase.summary()}")
        from django.core.management import call_command

        call_command("check_index")
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine.facts(),
        "phases": [phase.summary() for phase in phases],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "ingest.json").write_text(json.dumps(result, indent=1) + "\n")
    (RESULTS / "ingest.md").write_text(page(result))
    product.server.release()
    drop(folder)


if __name__ == "__main__":
    main()
