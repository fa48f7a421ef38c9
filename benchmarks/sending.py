"""How fast a campaign goes out: `python -m benchmarks.sending`, or `make bench-send`.

Starts the product's own workers, clock and index on an embedded PostgreSQL of their own, fills it with people,
launches a campaign to all of them, and measures from there to the last `sent` that is recorded. Then sends to some of
them again in this process, to tell where the time goes, and asks for the pages of its report after half of the people
opened it and a tenth clicked. All cases together write `results/sending.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks import database, machine
from benchmarks.run import RESULTS

PART = 50_000
SPLIT_OVER = 50_000
PAGES = {"report": "report/", "by language": "report/by/language/", "by time of sending": "report/by/sent_at/",
         "deliveries": "report/deliveries/", "people who opened": "report/people/opened/"}  # fmt: skip
ASKED = 5
PARTS = ("audience", "claim", "people", "render", "provider", "record")
WORKERS = 2
CONTENT = {
    "push": {"title": "Hi {{ first_name | default: 'there' }}", "body": "20% off in {{ city }}, until Sunday.",
             "link": "https://shop.example/sale"},
    "email": {"subject": "20% off, {{ first_name | default: 'friend' }}",
              "html": "<p>Hi {{ first_name }}, <a href='https://shop.example/sale'>have a look</a>.</p>"},
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One provider on one channel, and what it must reach."""

    name: str
    channel: str
    people: int
    goal: int
    serve: Callable[[], Any]


@dataclass
class Figures:
    seconds: float = 0.0
    preparing: float = 0.0
    sent: int = 0
    memory: list[int] = field(default_factory=list)
    split: dict[str, float] = field(default_factory=dict)
    pages: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.sent / self.seconds if self.seconds else 0.0

    @cached_property
    def early_and_late(self) -> tuple[int, int]:
        """Bytes of all processes, the most in the first and in the last quarter."""
        quarter = max(1, len(self.memory) // 4)
        return max(self.memory[:quarter], default=0), max(self.memory[-quarter:], default=0)


@contextmanager
def sandbox() -> Iterator[dict[str, Any]]:
    yield {"provider": "sandbox"}


@contextmanager
def sink(kind: str) -> Iterator[int]:
    """A provider of benchmarks.sinks; gives its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.sinks", kind, str(port)], cwd=database.ROOT)
    try:
        yield port
    finally:
        server.terminate()
        server.wait()


@contextmanager
def smtp() -> Iterator[dict[str, Any]]:
    with sink("mail") as port:
        settings = {"host": "127.0.0.1", "port": port, "security": "none"}
        yield {"provider": "smtp", "settings": settings, "sender": "Shop <shop@example.com>"}


@contextmanager
def fcm() -> Iterator[dict[str, Any]]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with sink("fcm") as port:
        account = {
            "type": "service_account",
            "project_id": "shop",
            "private_key": pem,
            "client_email": "sender@shop.example",
            "token_uri": f"http://127.0.0.1:{port}/token",
        }
        settings = {"service_account": json.dumps(account), "endpoint": f"http://127.0.0.1:{port}"}
        yield {"provider": "fcm", "settings": settings}


CASES = {
    "sandbox": Case("push through the sandbox", "push", 1_000_000, 10_000, sandbox),
    "fcm": Case("push through FCM over HTTP", "push", 200_000, 2_000, fcm),
    "smtp": Case("email through SMTP", "email", 100_000, 1_000, smtp),
}


def load(people: int) -> None:
    """People with a name, a city, a push token and an email address."""
    from django.db import connection

    with connection.cursor() as cursor:
        for first in range(1, people + 1, PART):
            last = min(first + PART - 1, people)
            cursor.execute(
                """
                INSERT INTO profiles_profile
                    (id, external_id, attributes, language, time_zone, created_at, updated_at)
                SELECT n, 'person-' || n, jsonb_build_object('first_name', 'Name' || n, 'city', 'Town' || n %% 100),
                    'en', '', now(), now()
                FROM generate_series(%s, %s) AS n
                """,
                [first, last],
            )
            for channel, address in (("push", "'token-' || n"), ("email", "'p' || n || '@example.com'")):
                cursor.execute(
                    "INSERT INTO profiles_address (profile_id, channel, address, subscribed, created_at, updated_at) "
                    f"SELECT n, %s, {address}, true, now(), now() FROM generate_series(%s, %s) AS n",
                    [channel, first, last],
                )
        cursor.execute("VACUUM ANALYZE")


@contextmanager
def product() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Workers, clock and index as `manage.py up` starts them."""
    manage = [sys.executable, str(database.ROOT / "manage.py")]
    environment = {**os.environ, "RETARGETING_WORKERS": str(WORKERS), "LOG_LEVEL": "ERROR"}
    started = [
        subprocess.Popen([*manage, *command], env=environment, start_new_session=True)
        for command in (["workers"], ["clock"], ["fold_events", "--follow"])
    ]
    try:
        yield started
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def memory_of(processes: list[subprocess.Popen[bytes]]) -> int:
    """Bytes that the product's processes have to themselves, together."""
    total = 0
    for process in processes:
        for member in (psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)):
            try:
                total += member.memory_full_info().uss
            except psutil.Error:
                continue
    return total


def draft(case: Case) -> Any:
    from campaigns.actions import create_campaign

    return create_campaign(actor=None, name=case.name, channel=case.channel, content=CONTENT[case.channel])


def measure(case: Case, people: int) -> Figures:
    from campaigns.models import Campaign
    from campaigns.moves import launch
    from retargeting.messaging.models import Delivery, Dispatch

    figures = Figures()
    with product() as processes:
        time.sleep(3)  # until they have started: that is not what is measured
        campaign = draft(case)
        began = time.time()
        run = launch(actor=None, campaign=campaign)
        deadline = time.monotonic() + 1200
        while Campaign.objects.get(pk=campaign.pk).status != "completed":
            assert time.monotonic() < deadline, "it did not end in twenty minutes"
            figures.memory.append(memory_of(processes))
            time.sleep(1)
    dispatch = Dispatch.objects.get(pk=run.dispatch_id)
    assert dispatch.finished_at
    assert dispatch.started_at
    figures.seconds = dispatch.finished_at.timestamp() - began
    figures.preparing = dispatch.started_at.timestamp() - began
    figures.sent = Delivery.objects.filter(dispatch=dispatch, status="sent").count()
    assert figures.sent == people, f"{figures.sent:,} of {people:,} were sent"
    return figures


def split(case: Case, people: int) -> dict[str, float]:
    """Where the time of one worker goes, in microseconds a message."""
    from campaigns.moves import cancel, launch
    from campaigns.tasks import prepare_run
    from retargeting.messaging import sending, stopwatch
    from retargeting.messaging.models import Chunk, Delivery

    campaign = draft(case)
    run = launch(actor=None, campaign=campaign)
    stopwatch.seconds.clear()
    prepare_run(run.pk)
    audience = stopwatch.seconds.pop("audience") / people
    began, sent = time.perf_counter(), 0
    for chunk_id in Chunk.objects.filter(dispatch=run.dispatch_id).values_list("pk", flat=True):
        if sent < SPLIT_OVER:
            sending.send_chunk(chunk_id=chunk_id)
            sent = Delivery.objects.filter(dispatch=run.dispatch_id).count()
    whole = (time.perf_counter() - began) / sent
    if sent < people:
        cancel(actor=None, campaign=campaign)
    parts = {"audience": audience, **{name: stopwatch.seconds[name] / sent for name in PARTS[1:]}}
    parts["other"] = max(0.0, whole - sum(stopwatch.seconds[name] / sent for name in PARTS[1:]))
    return {name: value * 1e6 for name, value in parts.items()}


def pages(case: Case) -> dict[str, float]:
    """Seconds for each page about the campaign that was measured, the median of a few."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client

    from campaigns.models import Campaign
    from retargeting.conditions.nodes import Interaction
    from retargeting.interactions.ingest import record_message_events
    from retargeting.messaging.deliveries import event_rows

    campaign = Campaign.objects.get(name=case.name)
    dispatch = campaign.runs.get().dispatch
    everybody = list(dispatch.deliveries.values_list("profile_id", flat=True))
    for event, each in ((Interaction.OPENED, 2), (Interaction.CLICKED, 10)):
        for first in range(0, len(everybody), PART * each):
            record_message_events(event_rows(dispatch, event, everybody[first : first + PART * each : each]))
    call_command("fold_events", verbosity=0)
    reader = get_user_model().objects.create_superuser("reader")
    client = Client(SERVER_NAME="localhost")
    client.force_login(reader)
    return {name: _median_of(client, f"/campaigns/{campaign.pk}/{path}") for name, path in PAGES.items()}


def _median_of(client: Any, address: str) -> float:
    taken = []
    for _ in range(ASKED):
        began = time.perf_counter()
        answer = client.get(address)
        taken.append(time.perf_counter() - began)
        assert answer.status_code == 200, f"{address}: {answer.status_code}"
    return median(taken)


def show(case: Case, figures: Figures) -> None:
    reached = "reached" if figures.rate >= case.goal else "NOT reached"
    print(f"{case.name}: {figures.sent:,} in {figures.seconds:.1f} s, {figures.rate:,.0f} a second")
    print(f"  goal of {case.goal:,} a second {reached}; the audience took {figures.preparing:.1f} s of it")
    early, late = figures.early_and_late
    print(f"  memory of all processes: {early / 1e6:,.0f} MB in the first quarter, {late / 1e6:,.0f} MB in the last")
    print("  pages, s: " + ", ".join(f"{name} {value:.2f}" for name, value in figures.pages.items()))
    print("  one worker, µs a message: " + ", ".join(f"{name} {value:.1f}" for name, value in figures.split.items()))


def page(results: dict[str, Figures]) -> str:
    facts = machine.facts()
    parts = [*PARTS, "other"]
    lines = [
        "# A campaign from launch to the last recorded `sent`",
        "",
        f"`make bench-send` on {datetime.now(UTC).date().isoformat()}: {facts['cores']} cores, {facts['memory']}, "
        f"{facts['processor']}. {WORKERS} workers, clock, index, database and provider share the machine. Everybody "
        "has got exactly one message.",
        "",
        "| | people | seconds | of it the audience | a second | goal | memory, first quarter | … last quarter |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, figures in results.items():
        case, (early, late) = CASES[name], figures.early_and_late
        lines.append(
            f"| {case.name} | {figures.sent:,} | {figures.seconds:.1f} | {figures.preparing:.1f} "
            f"| {figures.rate:,.0f} | {case.goal:,} | {early / 1e6:,.0f} MB | {late / 1e6:,.0f} MB |"
        )
    lines += ["", "Where one worker's time goes, in microseconds a message:", ""]
    lines += [f"| | {' | '.join(parts)} |", "|---|" + "---:|" * len(parts)]
    for name, figures in results.items():
        cells = (f"{figures.split[part]:.1f}" for part in parts)
        lines.append(f"| {CASES[name].name} | {' | '.join(cells)} |")
    lines += ["", f"Pages about it afterwards, in seconds, the median of {ASKED}:", ""]
    lines += [f"| | {' | '.join(PAGES)} |", "|---|" + "---:|" * len(PAGES)]
    for name, figures in results.items():
        lines.append(f"| {CASES[name].name} | {' | '.join(f'{figures.pages[page]:.2f}' for page in PAGES)} |")
    return "\n".join([*lines, ""])


def run(name: str, people: int | None) -> Figures:
    """One case in a database of its own."""
    case = CASES[name]
    people = people or case.people
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        server = database.start(folder)
        stack.callback(server.remove)
        stack.callback(server.release)

        from django.core.management import call_command

        from retargeting.channels.models import ChannelConfig

        call_command("migrate", verbosity=0)
        load(people)
        with case.serve() as settings:
            ChannelConfig.objects.update_or_create(channel=case.channel, defaults=settings)
            figures = measure(case, people)
            figures.pages = pages(case)
            figures.split = split(case, people)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--people", type=int, help="instead of as many as each case has")
    options = parser.parse_args()
    print(", ".join(f"{name} {fact}" for name, fact in machine.facts().items()))
    results = {}
    for name in options.cases:
        # A process for each: Django's settings name one database.
        with ProcessPoolExecutor(1, get_context("spawn")) as one:
            results[name] = one.submit(run, name, options.people).result()
        show(CASES[name], results[name])
    if list(results) == list(CASES) and options.people is None:
        (RESULTS / "sending.md").write_text(page(results))


if __name__ == "__main__":
    main()
