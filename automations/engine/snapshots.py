"""How far events have been read, exactly: nothing is read twice or missed, whoever commits early, late or in between.

Each event row carries the transaction that wrote it. A snapshot of PostgreSQL says which transactions are visible in
it; so what is new is what is visible in the snapshot of this reading and was not in that of the last one.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from automations.models import EventReading

# The parameters are those of `Stretch.params`. In the numbers of an older cluster everything of a newer one is new.
NEW = """
    transaction >= %(from)s
    AND pg_visible_in_snapshot((transaction - %(offset)s)::text::xid8, %(upper)s::pg_snapshot)
    AND (
        transaction >= %(moved)s
        OR NOT pg_visible_in_snapshot((transaction - %(old_offset)s)::text::xid8, %(seen)s::pg_snapshot)
    )
"""
KINDS = ("custom", "message")
NEVER_MOVED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Stretch:
    """From the last reading (`seen`) to this one (`upper`), each with what transactions were counted from then."""

    kind: str
    seen: str
    old_offset: int
    upper: str
    offset: int

    @property
    def params(self) -> dict[str, object]:
        return {
            "from": int(self.seen.partition(":")[0]) + self.old_offset,
            "offset": self.offset,
            "upper": self.upper,
            "moved": NEVER_MOVED if self.offset == self.old_offset else self.offset,
            "old_offset": self.old_offset,
            "seen": self.seen,
        }

    def below(self, transaction: int) -> Stretch:
        """Only up to that transaction, in the numbers of event rows; the others are read the next time."""
        return Stretch(
            self.kind, self.seen, self.old_offset, _capped(self.upper, transaction - self.offset), self.offset
        )

    def close(self) -> None:
        """All of it was read."""
        EventReading.objects.filter(kind=self.kind).update(seen=self.upper, xid_offset=self.offset)


def begin_reading() -> None:
    """What is accepted from now on is going to be read, though the engine looks later for the first time."""
    for kind in KINDS:
        next_stretch(kind)


def next_stretch(kind: str) -> Stretch | None:
    """What is to be read now, with `locks.read_alone`; None the first time, when reading begins."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_current_snapshot()::text, coalesce((SELECT xid_offset FROM interactions_indexstate), 0)"
        )
        row = cursor.fetchone()
    assert row is not None
    upper, offset = row
    reading, began = EventReading.objects.get_or_create(kind=kind, defaults={"seen": upper, "xid_offset": offset})
    return None if began else Stretch(kind, reading.seen, reading.xid_offset, upper, offset)


def _capped(snapshot: str, below: int) -> str:
    """`snapshot` without what began from the transaction `below` on."""
    xmin, xmax, running = snapshot.split(":")
    kept = [number for number in running.split(",") if number and int(number) < below]
    return f"{min(int(xmin), below)}:{min(int(xmax), below)}:{','.join(kept)}"
