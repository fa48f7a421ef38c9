"""The locks by which those who move people, let them in, and read events stay out of one another's way.

Somebody begins to wait for an event at a moment, and events from then on count. So nobody reads events while that is
being written: whoever makes people wait holds the reading off, and takes the moment only then.
"""

from __future__ import annotations

from django.db import connection

_READING = 0x7265_7461_0005
_ENTERING = 0x7265_0005  # the class of the locks, one for each automation


def read_alone() -> None:
    """Be the only one who reads events, until the transaction ends, while nobody begins to wait for them."""
    _lock("pg_advisory_xact_lock(%s)", _READING)


def hold_off_reading() -> None:
    _lock("pg_advisory_xact_lock_shared(%s)", _READING)


def enter_alone(automation_id: int) -> None:
    """Be the only one who lets people into this automation: who may enter depends on who is in."""
    _lock("pg_advisory_xact_lock(%s, %s)", _ENTERING, automation_id)


def _lock(call: str, *numbers: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {call}", numbers)
