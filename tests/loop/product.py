"""The product as `manage.py up` runs it, with its own embedded database, for tests that use it from outside."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from retargeting.postgres import EmbeddedPostgres

ROOT = Path(__file__).resolve().parent.parent.parent


class Product:
    """Started in `data`; `stop` is what Ctrl-C does. The log is in `data/up.log`."""

    def __init__(self, data: Path, *arguments: str, port: int | None = None) -> None:
        self.data = data
        self.port = port or free_port()
        self.url = f"http://localhost:{self.port}"
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DATABASE_URL", "SECRET_KEY", "DJANGO_SETTINGS_MODULE", "PUBLIC_URL"}
        }
        self.environment["RETARGETING_DATA"] = str(data)
        self.environment["RETARGETING_MACHINE_SECONDS"] = "0"  # a test reads and clicks faster than people do
        self.log = (data / "up.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "up", "--port", str(self.port), *arguments],
            env=self.environment,
            cwd=ROOT,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        self.key = ""

    def wait(self, seconds: float = 90) -> None:
        """Until the first page answers."""
        deadline = time.monotonic() + seconds
        while True:
            assert self.process.poll() is None, self.said()
            try:
                with urllib.request.urlopen(f"{self.url}/login/", timeout=5) as answer:
                    assert answer.status == 200
                    return
            except OSError:
                assert time.monotonic() < deadline, self.said()
                time.sleep(0.2)

    def said(self) -> str:
        return (self.data / "up.log").read_text()

    def manage(self, *arguments: str, **environment: str) -> str:
        """What a management command prints on standard output."""
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env={**self.environment, **environment},
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def api(self, path: str, body: object) -> Any:
        request = urllib.request.Request(
            f"{self.url}/api/v1{path}",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def stop(self, seconds: float = 30) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(seconds)
        finally:
            self.log.close()


def forget(data: Path) -> None:
    """Delete the database, which is not below `data` where PostgreSQL's user cannot enter that."""
    EmbeddedPostgres(data / "postgres").remove()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
