"""Keeping the index, and the stored sets of people, up to date for as long as the process runs.

A process of its own rather than a task of the queue: while a campaign sends to a million people the queue is long, and
that is when most is to be folded.
"""

from __future__ import annotations

import logging
import time

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from retargeting.interactions.index.closing import close
from retargeting.interactions.index.folding import fold
from retargeting.interactions.index.retention import drop_old_rows
from retargeting.profiles.sets.refreshing import refresh

logger = logging.getLogger(__name__)

BUSY = 100_000
"""After a fold of so many events the next one follows at once."""

CLOSING_PAUSE = 60.0


REFRESH_PAUSE, ATTRIBUTES_PAUSE = 20.0, 600.0
"""Seconds between storing the sets of people, and between looking for attributes that deserve sets."""


class Due:
    """What is done every so many seconds, and at first."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.at = seconds, 0.0

    def now(self) -> bool:
        if time.monotonic() < self.at:
            return False
        self.at = time.monotonic() + self.seconds
        return True


def follow() -> None:
    """Fold what comes in, and see to what is due, until the process is stopped; outlives restarts of the database."""
    closing, refreshing, attributes = Due(CLOSING_PAUSE), Due(REFRESH_PAUSE), Due(ATTRIBUTES_PAUSE)
    while True:
        folded = 0
        try:
            folded = fold()
            if refreshing.now():
                refresh(look_for_attributes=attributes.now())
            if closing.now():
                close(timezone.now())
                if settings.EVENT_ROWS_MONTHS:
                    drop_old_rows(timezone.now(), settings.EVENT_ROWS_MONTHS)
        except (DatabaseError, InterfaceError):
            logger.exception("The index fell behind; what it was at is done again.")
            connection.close()
        if folded < BUSY:
            time.sleep(settings.FOLD_PAUSE)
