"""The product's processes, started for real against the database of the test."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent.parent


def database_url() -> str:
    """The test's own database, as another process reaches it."""
    settings = connection.settings_dict
    host = settings["OPTIONS"].get("host") or settings["HOST"]
    credentials = f"{settings['USER']}:{settings['PASSWORD']}".rstrip(":")
    port = f"&port={settings['PORT']}" if settings["PORT"] else ""
    return f"postgresql://{credentials}@/{settings['NAME']}?host={host}{port}"


class Process:
    """One management command in a process group of its own, started again at once when it ends."""

    def __init__(self, *command: str, **environment: str) -> None:
        self.command = [sys.executable, str(ROOT / "manage.py"), *command]
        self.environment = {**os.environ, "DATABASE_URL": database_url(), **environment}
        self.starts = 0
        self.keep()

    def keep(self) -> None:
        """Start it if it does not run."""
        if self.starts and self.popen.poll() is None:
            return
        self.popen = subprocess.Popen(self.command, env=self.environment, start_new_session=True, cwd=ROOT)
        self.starts += 1

    def kill(self) -> None:
        """kill -9 of everything in its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()

    def workers(self) -> list[tuple[float, int]]:
        """(seconds worked, pid) of each: they are the leaves of the cluster's tree, and come and go."""
        found = []
        for process in self.family():
            with contextlib.suppress(psutil.Error):
                worked = process.cpu_times().user
                if not process.children() and worked > 0:
                    found.append((worked, process.pid))
        return found

    def kill_a_worker(self) -> bool:
        """kill -9 of the one that has worked most; whether there is one."""
        _, busiest = max(self.workers(), default=(0, None))
        if busiest is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(busiest, signal.SIGKILL)
        return True

    def family(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.popen.pid).children(recursive=True)
        return []


@contextlib.contextmanager
def running(*processes: Process) -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            process.kill()


def wait_until(condition: Callable[[], bool], *, seconds: float, meanwhile: Callable[[], None] = lambda: None) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not come true within {seconds} s"
        meanwhile()
        time.sleep(0.05)
