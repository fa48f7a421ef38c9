"""A server of a drill's own, which may be killed."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from retargeting.postgres import EmbeddedPostgres, EmbeddedPostgresError

ENVIRONMENT = {"SECRET_KEY": "drill", "DJANGO_SETTINGS_MODULE": "retargeting.settings", "LOG_LEVEL": "CRITICAL"}


@contextlib.contextmanager
def own_database(**environment: str) -> Iterator[EmbeddedPostgres]:
    """Starts PostgreSQL in a temporary folder and sets Django up with it. Once in a process."""
    os.environ.update(ENVIRONMENT, **environment)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres")
        os.environ |= {"DATABASE_URL": server.start(), "RETARGETING_DATA": folder}
        try:
            import django
            from django.core.management import call_command

            django.setup()
            call_command("migrate", verbosity=0)
            yield server
        finally:
            server.release()
            server.remove()


def kill_database(server: EmbeddedPostgres) -> None:
    """kill -9 of PostgreSQL with all its processes; it runs again at the end."""
    note = server.home / "data" / "postmaster.pid"
    postmaster = psutil.Process(int(note.read_text().split()[0]))
    for process in (postmaster, *postmaster.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            process.kill()
    deadline = time.monotonic() + 60
    while True:
        # What was killed needs a moment to be gone: until then it still counts as running.
        with contextlib.suppress(EmbeddedPostgresError):
            if server.revive():
                return
        assert time.monotonic() < deadline, "PostgreSQL does not start again"
        time.sleep(0.2)
