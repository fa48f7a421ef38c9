"""How fast automations move people: `python -m benchmarks.journeys`, or `make bench-journeys`.

Trigger → push → delay → split on "opened the push" → another push or an email, through the sandbox. Starts the
product's own workers, clock, index and engine on an embedded PostgreSQL of their own; everybody's event is accepted as
the API accepts it, and measured is from there to the last journey's end and the last recorded `sent`. The delay itself
is not waited for: when everybody waits, part of them open the push, and their time has come. Then the same split is
made over many at once, and a tick is timed beside millions who wait. Writes `results/journeys.md`.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import database, machine
from benchmarks.run import RESULTS
from benchmarks.sending import WORKERS, load, memory_of

PEOPLE, SPLIT, WAITING = 500_000, 100_000, 5_000_000
RATE, SPLIT_SECONDS, TICK_SECONDS = 10_000, 1.0, 0.05
BATCH = 10_000
"""Events in one call of the API."""
OPENED = 0.4
TICKS = 30


@dataclass
class Figures:
    people: int = 0
    entering: float = 0.0
    going_on: float = 0.0
    transitions: int = 0
    messages: int = 0
    split: float = 0.0
    split_over: int = 0
    waiting: int = 0
    ticks: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.transitions / (self.entering + self.going_on)


def definition(automation: int) -> dict[str, Any]:
    push = {
        "type": "message",
        "channel": "push",
        "message": {"title": "Hi {{ first_name }}", "body": "Your cart waits."},
    }
    mail = {"type": "message", "channel": "email", "message": {"subject": "Your cart", "html": "<p>Still there?</p>"}}
    target = {"type": "step", "automation": automation, "keys": ["first"]}
    opened = {"kind": "message", "event": "opened", "target": target, "test": {"type": "occurred", "value": True}}
    return {
        "trigger": {"type": "event", "event": "added_to_cart"},
        "steps": [
            {"key": "first", **push},
            {"key": "wait", "type": "delay", "for": {"amount": 30, "unit": "day"}},
            {
                "key": "opened",
                "type": "split",
                "condition": {"match": "all", "conditions": [opened]},
                "yes": [{"key": "second", **push}],
                "no": [{"key": "mail", **mail}],
            },
        ],
    }


def publish() -> Any:
    from automations.actions import create_automation, save_draft
    from automations.graph import codec
    from automations.publishing import publish as make_current

    automation = create_automation(actor=None, name="Cart")
    save_draft(actor=None, automation=automation, definition=codec.decode(definition(automation.pk)))
    make_current(actor=None, automation=automation)
    return automation


@contextmanager
def product() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Workers, clock, index and engine as `manage.py up` starts them."""
    manage = [sys.executable, str(database.ROOT / "manage.py")]
    environment = {**os.environ, "RETARGETING_WORKERS": str(WORKERS), "LOG_LEVEL": "ERROR"}
    commands = (["workers"], ["clock"], ["fold_events", "--follow"], ["move_journeys", "--follow"])
    started = [subprocess.Popen([*manage, *each], env=environment, start_new_session=True) for each in commands]
    try:
        yield started
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def one(query: str, params: Any = ()) -> Any:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(query, params)
        row = cursor.fetchone()
    assert row is not None
    return row[0]


def run(query: str, params: Any = ()) -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return int(cursor.rowcount)


def until(done: Any, figures: Figures, processes: list[subprocess.Popen[bytes]]) -> float:
    """Seconds until it is done, looking twice a second."""
    began, deadline = time.monotonic(), time.monotonic() + 1800
    while not done():
        assert time.monotonic() < deadline, "it did not end in half an hour"
        figures.memory.append(memory_of(processes))
        time.sleep(0.5)
    return time.monotonic() - began


def measure(automation: Any, figures: Figures) -> None:
    from retargeting.interactions.actions import accept_events

    def all_wait() -> bool:
        there = one("SELECT count(*) FROM automations_journey WHERE step = 'wait' AND status = 'waiting'")
        return there == figures.people and sent() >= figures.people

    def all_ended() -> bool:
        open_ones = one("SELECT EXISTS (SELECT FROM automations_journey WHERE status = 'waiting')")
        return not open_ones and sent() >= 2 * figures.people

    def sent() -> int:
        if one("SELECT EXISTS (SELECT FROM messaging_chunk WHERE status <> 'done')"):
            return 0
        return int(one("SELECT count(*) FROM messaging_delivery WHERE status = 'sent'"))

    with product() as processes:
        time.sleep(4)  # until they have started: that is not what is measured
        began = time.monotonic()
        for first in range(1, figures.people + 1, BATCH):
            items = [
                {
                    "id": f"cart-{n}",
                    "profile": f"person-{n}",
                    "event": "added_to_cart",
                    "properties": {"value": n % 100},
                }
                for n in range(first, min(first + BATCH, figures.people + 1))
            ]
            accept_events(actor=None, items=items)
        until(all_wait, figures, processes)
        figures.entering = time.monotonic() - began
        open_some(automation)
        run("VACUUM ANALYZE")
        run("UPDATE automations_journey SET due_at = now() WHERE status = 'waiting'")
        figures.going_on = until(all_ended, figures, processes)
    figures.transitions = one("SELECT count(*) FROM automations_passage") + figures.people
    figures.messages = one("SELECT count(*) FROM messaging_delivery WHERE status = 'sent'")
    twice = one(
        "SELECT count(*) FROM (SELECT FROM messaging_delivery GROUP BY journey_id HAVING count(*) <> 2) AS odd"
    )
    assert twice == 0, f"{twice:,} journeys have not got two messages"


def open_some(automation: Any) -> None:
    from retargeting.conditions.nodes import Interaction
    from retargeting.interactions.ingest import record_message_events
    from retargeting.messaging.deliveries import event_rows
    from retargeting.messaging.models import Dispatch

    for dispatch in Dispatch.objects.filter(orchestration=automation, step__key="first"):
        ids = [n for n in range(1, one("SELECT max(profile_id) FROM automations_journey") + 1) if n % 10 < OPENED * 10]
        for first in range(0, len(ids), BATCH):
            part = ids[first : first + BATCH]
            record_message_events(event_rows(dispatch, Interaction.OPENED, part))


def time_split(automation: Any, figures: Figures, over: int) -> None:
    """The split of the automation, for so many who are due at once. They are put back and decided about, not moved."""
    from django.utils import timezone

    from automations.engine.asking import Asker
    from automations.engine.batch import due
    from automations.engine.deciding import decide
    from automations.versions import current_of, published

    version = current_of(automation)
    assert version is not None
    figures.split_over = run(
        "UPDATE automations_journey SET status = 'waiting', step = 'opened', due_at = now(), ended_at = NULL "
        "WHERE id IN (SELECT id FROM automations_journey LIMIT %s)",
        [over],
    )
    run("VACUUM ANALYZE automations_journey")
    times = []
    for _ in range(3):
        began = time.perf_counter()
        batch = due(automation.pk, version.pk, "opened", timezone.now(), most=over)
        decision = decide(batch, published(version.pk)[1], Asker(batch))
        times.append(time.perf_counter() - began)
        yes = next(len(rows) for key, way, rows in decision.passed if way == "yes")
        assert len(batch) == figures.split_over
        assert yes == sum(n % 10 < OPENED * 10 for n in batch.profiles.tolist())
    figures.split = statistics.median(times)
    run("UPDATE automations_journey SET status = 'completed', due_at = NULL WHERE status = 'waiting'")


def time_ticks(automation: Any, figures: Figures, waiting: int) -> None:
    """A turn of the engine beside so many who wait for later."""
    from automations.engine.following import turn

    version = automation.versions.get(status="current").pk
    for lap, first in enumerate(range(0, waiting, figures.people), start=2):
        number = min(figures.people, waiting - first)
        figures.waiting += run(
            "INSERT INTO automations_journey (automation_id, version_id, profile_id, lap, key, status, step, way, "
            "arrived_at, due_at, entered_at, since, ending) "
            "SELECT %s, %s, n, %s, '', 'waiting', 'wait', 'waits', now(), now() + interval '1 day' * (1 + n %% 30), "
            "now(), now(), '' FROM generate_series(1, %s) AS n",
            [automation.pk, version, lap, number],
        )
    run("VACUUM ANALYZE automations_journey")
    turn()
    for _ in range(TICKS):
        began = time.perf_counter()
        moved = turn()
        figures.ticks.append(time.perf_counter() - began)
        assert moved.journeys == 0
        time.sleep(0.1)


def page(figures: Figures) -> str:
    facts = machine.facts()
    quarter = max(1, len(figures.memory) // 4)
    early, late = max(figures.memory[:quarter]), max(figures.memory[-quarter:])
    rows = [
        ("journeys", f"{figures.people:,}", ""),
        ("from the first event to everybody waiting, with the push sent", f"{figures.entering:.1f} s", ""),
        ("from there to everybody's end, with the second message sent", f"{figures.going_on:.1f} s", ""),
        ("transitions", f"{figures.transitions:,}", ""),
        ("messages sent", f"{figures.messages:,}", ""),
        ("transitions a second", f"{figures.rate:,.0f}", f"≥ {RATE:,}"),
        (f"a split over {figures.split_over:,} due people", f"{figures.split:.2f} s", f"≤ {SPLIT_SECONDS:.0f} s"),
        (
            f"a tick beside {figures.waiting:,} who wait",
            f"{statistics.median(figures.ticks) * 1000:.0f} ms, at most {max(figures.ticks) * 1000:.0f} ms",
            f"≤ {TICK_SECONDS * 1000:.0f} ms",
        ),
        ("memory of all processes, first and last quarter", f"{early / 1e6:,.0f} and {late / 1e6:,.0f} MB", "flat"),
    ]
    lines = [
        "# Journeys: trigger → push → delay → split on open → push or email",
        "",
        f"`make bench-journeys` on {datetime.now(UTC).date().isoformat()}: {facts['cores']} cores, {facts['memory']}, "
        f"{facts['processor']}. {WORKERS} workers, clock, index, engine and database share the machine; messages go "
        "through the sandbox. Every journey has got exactly two messages.",
        "",
        "| | | goal |",
        "|---|---:|---:|",
        *(f"| {name} | {value} | {goal} |" for name, value, goal in rows),
    ]
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--waiting", type=int, default=WAITING)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        server = database.start(folder)
        stack.callback(server.remove)
        stack.callback(server.release)

        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        load(options.people)
        automation = publish()
        figures = Figures(people=options.people)
        measure(automation, figures)
        time_split(automation, figures, min(SPLIT, options.people))
        time_ticks(automation, figures, options.waiting)
        result = page(figures)
    print(result)
    if (options.people, options.waiting) == (PEOPLE, WAITING):
        (RESULTS / "journeys.md").write_text(result)


if __name__ == "__main__":
    main()
