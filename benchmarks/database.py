"""The product as the benchmark runs it: its own embedded PostgreSQL and settings, and a clock that stands still."""

from __future__ import annotations

import atexit
import os
from datetime import datetime
from pathlib import Path

from retargeting.postgres import DURABLE, EmbeddedPostgres

ROOT = Path(__file__).resolve().parent.parent


def data_folder(size: str) -> Path:
    """RETARGETING_DATA if it is set, else a folder of this size's own in the repository, which git does not see."""
    return Path(os.environ.get("RETARGETING_DATA") or ROOT / ".data" / f"bench-{size}").resolve()


def start(folder: Path) -> EmbeddedPostgres:
    """Run the server of the folder and set Django up on it; it stops with the last process that uses it."""
    server = EmbeddedPostgres(folder / "postgres")
    os.environ["DATABASE_URL"] = server.start()
    os.environ["RETARGETING_DATA"] = str(folder)
    atexit.register(server.release)
    _set_up()
    return server


def set_up_without() -> None:
    """Set Django up for its models' words alone; there is no database behind it."""
    os.environ.setdefault("DATABASE_URL", "postgresql:///")
    os.environ.setdefault("SECRET_KEY", "benchmark")
    _set_up()


def _set_up() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retargeting.settings")
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    import django

    django.setup()


def stand_still(moment: datetime) -> None:
    """Let it be `moment` for all code of ours in this process.

    Windows are counted from the present and hours of the index are kept for weeks only, so a measurement means the
    same next year as today only if the present does.
    """
    from django.utils import timezone

    timezone.now = lambda: moment


def server_settings() -> dict[str, str]:
    """What the product's own server is started with, as far as it matters here."""
    from django.db import connection

    names = [*DURABLE, "work_mem", "maintenance_work_mem", "effective_cache_size", "max_parallel_workers_per_gather"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name", [names])
        return dict(cursor.fetchall())
