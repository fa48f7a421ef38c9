"""Moves everybody whose time has come: version by version, step by step, batch by batch.

A tick first asks which steps have anybody due, which an index answers without looking at those who wait for later.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple
from zlib import crc32

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from automations.engine.asking import Asker
from automations.engine.batch import Batch, due
from automations.engine.deciding import decide
from automations.engine.writing import put_off, write
from automations.models import Automation, Version, VersionStatus
from automations.versions import published

logger = logging.getLogger(__name__)

DUE = """
    SELECT version, step FROM unnest(%s::int[], %s::text[]) WITH ORDINALITY AS known (version, step, place)
    WHERE EXISTS (
        SELECT FROM automations_journey
        WHERE version_id = version AND automations_journey.step = known.step AND status = 'waiting' AND due_at <= %s
    )
    ORDER BY place
"""
_LOCK = 0x7265_0006  # the class of the locks on (version, step)


class Moved(NamedTuple):
    journeys: int
    transitions: int


def move_due(now: datetime | None = None) -> Moved:
    """Take a batch of each step on that has anybody due; returns how many were moved, and how many steps they passed.

    What has happened is read before each batch, so nobody is moved who has left. Any number of workers may call it at
    once: each takes steps that no other one is at.
    """
    journeys = transitions = 0
    for automation, version, step in steps_with_due(now or timezone.now()):
        with alone_at(version, step) as alone:
            batch = due(automation, version, step, now or timezone.now()) if alone else None
            if batch is not None and len(batch):
                moved = _move(batch)
                journeys, transitions = journeys + moved.journeys, transitions + moved.transitions
    return Moved(journeys, transitions)


def _move(batch: Batch) -> Moved:
    try:
        decision = decide(batch, published(batch.version)[1], Asker(batch))
        return Moved(write(batch, decision), decision.transitions)
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # what we did not foresee at one step must not hold up all others
        logger.exception("The step %s of version %s failed.", batch.step, batch.version)
        put_off(batch, "Something went wrong here; the log says what. It is tried again.")
        return Moved(0, 0)


@contextmanager
def alone_at(version: int, step: str) -> Iterator[bool]:
    """Whether no other worker is at this step, until the block ends.

    Only so that they do not do the same work twice: what has been moved already is left alone anyway.
    """
    key = [_LOCK, crc32(f"{version}/{step}".encode()) - 2**31]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", key)
        row = cursor.fetchone()
    alone = bool(row and row[0])
    try:
        yield alone
    finally:
        if alone:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)


def steps_with_due(now: datetime) -> list[tuple[int, int, str]]:
    """(automation, version, step) of running automations, in the order in which people come by."""
    places = [
        (automation, version, step) for automation, version in live_versions() for step in published(version)[1].places
    ]
    versions, steps = [place[1] for place in places], [place[2] for place in places]
    owners = {version: automation for automation, version, _ in places}
    with connection.cursor() as cursor:
        cursor.execute(DUE, [versions, steps, now])
        return [(owners[version], version, step) for version, step in cursor.fetchall()]


def live_versions() -> list[tuple[int, int]]:
    """(automation, version) on which people of running automations may be."""
    running = Automation.objects.running().values("pk")
    published_ones = Version.objects.exclude(status=VersionStatus.DRAFT).filter(automation__in=running)
    return list(published_ones.order_by("automation", "number").values_list("automation_id", "pk"))
