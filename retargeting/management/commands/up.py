"""The whole product on one machine: database, web, workers, clock, index and automations, one log, one clean stop."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from retargeting.postgres import revive_embedded

STOP_SECONDS = 20
PR_SET_PDEATHSIG = 1  # prctl(2)
DATABASE_CHECK_SECONDS = 3
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0


@dataclass
class Part:
    """One process of the product, started again when it ends, after a pause that grows while it keeps failing."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE
    due: float = 0.0
    environment: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        # A session of its own: Ctrl-C reaches us alone, and its whole group can be ended together.
        self.process = subprocess.Popen(  # noqa: S603
            self.command,
            start_new_session=True,
            env={**os.environ, **self.environment},
            preexec_fn=_stop_with_parent if sys.platform == "linux" else None,
        )
        self.started = time.monotonic()

    def look_after(self) -> str | None:
        """Start the process again if it has ended; returns what to tell, if anything."""
        if self.process is None:
            if time.monotonic() >= self.due:
                self.start()
            return None
        code = self.process.poll()
        if code is None:
            return None
        self._signal(signal.SIGKILL)  # whatever it left behind
        self.process = None
        self.pause = (
            FIRST_PAUSE if time.monotonic() - self.started > LONGEST_PAUSE else min(self.pause * 2, LONGEST_PAUSE)
        )
        self.due = time.monotonic() + self.pause
        return f"{self.name} ended ({code}); it starts again in {self.pause:.0f} s."

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def end(self, deadline: float) -> None:
        if self.process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0.1, deadline - time.monotonic()))
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


class Command(BaseCommand):
    help = (
        "Run everything: migrations, web, workers, clock, index and automations, "
        "with the embedded PostgreSQL unless DATABASE_URL is set."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demo", action="store_true", help="fill an empty database with sample data")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--host", default="127.0.0.1")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        _refuse_a_taken_port(host, port)
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGINT, _stop)
        os.environ.setdefault("PUBLIC_URL", f"http://localhost:{port}")
        parts = self._parts(host, port)
        try:
            call_command("migrate", verbosity=0)
            if options["demo"]:
                call_command("load_demo")
            for part in parts:
                part.start()
            _wait_for_web(host, port, parts)
            self._greet(port, demo=options["demo"])
            self._look_after(parts)
        except KeyboardInterrupt:
            self.stdout.write("\nStopping …")
        finally:
            for part in parts:
                part.stop()
            deadline = time.monotonic() + STOP_SECONDS
            for part in parts:
                part.end(deadline)
        self.stdout.write("Stopped.")

    def _look_after(self, parts: list[Part]) -> None:
        database_due = 0.0
        while True:
            if time.monotonic() >= database_due:
                if news := revive_embedded():
                    self.stderr.write(news)
                database_due = time.monotonic() + DATABASE_CHECK_SECONDS
            for part in parts:
                if news := part.look_after():
                    self.stderr.write(news)
            time.sleep(0.5)

    def _parts(self, host: str, port: int) -> list[Part]:
        manage = [sys.executable, sys.argv[0]]
        web = [
            sys.executable, "-m", "gunicorn", "retargeting.wsgi:application",
            "--bind", f"{host}:{port}", "--workers", "2", "--threads", "4", "--timeout", "120",
            "--log-level", "warning", "--graceful-timeout", "10",
            "--limit-request-line", "8190",  # the most there is: a click link carries the address that it leads to
        ]  # fmt: skip
        return [
            Part("web", web),
            Part("workers", [*manage, "workers"]),
            Part("clock", [*manage, "clock"]),
            Part("index", [*manage, "fold_events", "--follow"]),
            Part("automations", [*manage, "move_journeys", "--follow"]),
        ]

    def _greet(self, port: int, *, demo: bool) -> None:
        self.stdout.write(f"\nRetargeting runs at http://localhost:{port}/")
        if demo:
            from retargeting.demo.people import PASSWORD, USERNAME

            self.stdout.write(f"Log in as {USERNAME} with the password {PASSWORD}")
        else:
            self.stdout.write("Make the first account with: python manage.py createsuperuser")
        self.stdout.write("Ctrl-C stops it.\n")
        self.stdout.flush()


def _stop_with_parent() -> None:
    """Have the kernel stop this process when `up` is killed: nobody looks after it then, and it keeps the port."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _stop(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C does not interrupt the clean stop
    raise KeyboardInterrupt


def _refuse_a_taken_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(f"Port {port} is taken ({error.strerror}). Choose another one with --port.") from error


def _wait_for_web(host: str, port: int, parts: list[Part]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((host, port), timeout=1):
                return
        except OSError:
            if parts[0].process is not None and parts[0].process.poll() is not None:
                raise CommandError("The web server did not start; its log is above.") from None
            time.sleep(0.2)
    raise CommandError("The web server did not answer within 60 s.")
