"""The clock: one tick a second turns what is due into tasks.

Apps register what is to be done and how often. Any number of clocks may run; the one that holds an advisory lock
leads, and the database lets go of the lock when that one dies.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import DatabaseError, InterfaceError, connection

logger = logging.getLogger(__name__)

LEADER_LOCK = 7000


@dataclass
class Duty:
    name: str
    action: Callable[[], object]
    seconds: float
    due: float = 0.0


_duties: dict[str, Duty] = {}


def every(seconds: float, action: Callable[[], object]) -> None:
    """Have the leading clock call `action` every so many seconds. It must be short: it hands work to the queue."""
    name = f"{action.__module__}.{action.__qualname__}"
    _duties[name] = Duty(name, action, seconds)


def tick() -> None:
    """Call what is due. A duty that fails is logged and tried again at its next time; the others go on."""
    for duty in _duties.values():
        if time.monotonic() < duty.due:
            continue
        duty.due = time.monotonic() + duty.seconds
        try:
            duty.action()
        except (DatabaseError, InterfaceError):
            raise
        except Exception:  # one app's mistake must not stop everybody's clock
            logger.exception("The clock's duty %s failed.", duty.name)


def run() -> None:
    """Tick while leading, wait while another clock leads; outlives restarts of the database."""
    while True:
        try:
            if _leads():
                tick()
        except (DatabaseError, InterfaceError):
            logger.exception("The clock lost the database and tries again.")
            connection.close()
        time.sleep(1 - time.time() % 1)


def _leads() -> bool:
    """Whether this clock holds the leader's lock; asked each second, so that a lost connection is noticed."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (
                SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND objid = %(lock)s
            ) OR pg_try_advisory_lock(%(lock)s)
            """,
            {"lock": LEADER_LOCK},
        )
        row = cursor.fetchone()
    return bool(row and row[0])
