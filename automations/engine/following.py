"""The engine as a process of its own, rather than tasks of the queue: while a campaign sends to a million people the
queue is long, and journeys are not to wait behind it. Any number may run.
"""

from __future__ import annotations

import logging
import time

from django.db import DatabaseError, InterfaceError, connection

from automations.engine import reacting, triggers, waits
from automations.engine.running import Moved, move_due

logger = logging.getLogger(__name__)

PAUSE = 0.5


def turn() -> Moved:
    """Read what has happened, let in who is to enter, and move who is due: in this order, so that whoever has left
    gets nothing any more."""
    reacting.read_events()
    triggers.look()
    waits.look()
    return move_due()


def follow() -> None:
    """Take turns until the process is stopped; outlives restarts of the database."""
    while True:
        moved = 0
        try:
            moved = turn().journeys
        except (DatabaseError, InterfaceError):
            logger.exception("The engine of automations lost the database and tries again.")
            connection.close()
        except Exception:  # a mistake in what one automation says must not end it for all of them
            logger.exception("The engine of automations failed at something and tries again.")
            time.sleep(PAUSE * 10)
        if not moved:
            time.sleep(PAUSE)
