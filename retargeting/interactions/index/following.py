"""Keeping the index up to date for as long as the process runs.

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

logger = logging.getLogger(__name__)

BUSY = 100_000
"""After a fold of so many events the next one follows at once."""

CLOSING_PAUSE = 60.0


def follow() -> None:
    """Fold what comes in, and close what is over, until the process is stopped; outlives restarts of the database."""
    closing_due = 0.0
    while True:
        folded = 0
        try:
            folded = fold()
            if time.monotonic() >= closing_due:
                closing_due = time.monotonic() + CLOSING_PAUSE
                close(timezone.now())
                if settings.EVENT_ROWS_MONTHS:
                    drop_old_rows(timezone.now(), settings.EVENT_ROWS_MONTHS)
        except (DatabaseError, InterfaceError):
            logger.exception("Folding failed; what it was at is done again.")
            connection.close()
        if folded < BUSY:
            time.sleep(settings.FOLD_PAUSE)
