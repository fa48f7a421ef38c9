"""What has to happen elsewhere when a person is erased, and the lock that keeps new traces out meanwhile.

Higher apps hold traces of people that this one does not know of. Each registers, in `AppConfig.ready()`, a callable
that removes its own: it is given the profile id and runs inside the transaction of the erasure.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection

_LOCK = 0x7265_7461_0002
"""Number of the advisory lock between erasing (alone) and writing down what people did (together)."""

_scrubbers: list[Callable[[int], None]] = []


def register(scrub: Callable[[int], None]) -> None:
    if scrub not in _scrubbers:
        _scrubbers.append(scrub)


def scrub_everywhere(profile_id: int) -> None:
    """Wait for writers that have looked this person up already, keep later ones out until commit, and scrub."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    for scrub in _scrubbers:
        scrub(profile_id)


def hold_off_erasure() -> None:
    """Call it in a transaction that looks people up and then writes personal data about them, before looking."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_LOCK])
