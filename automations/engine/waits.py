"""Waits for a condition: everybody who waits is asked about now and then, at once, and goes on when it holds."""

from __future__ import annotations

import time

from django.db import transaction
from django.utils import timezone

from automations.engine.asking import Asker
from automations.engine.batch import waiting
from automations.engine.deciding import Trouble
from automations.engine.running import alone_at, live_versions
from automations.engine.writing import meet
from automations.graph.nodes import WaitUntil
from automations.versions import published

PAUSE, SHARE = 10.0, 20
"""Seconds between two looks at one step, or so many times as long as the last look took."""

_next: dict[tuple[int, str], float] = {}


def look() -> int:
    """Returns how many got what they waited for."""
    met = 0
    for automation, version in live_versions():
        for step in published(version)[0].walk():
            wait = step.action
            if isinstance(wait, WaitUntil) and wait.condition is not None:
                if time.monotonic() < _next.get((version, step.key), 0.0):
                    continue
                started = time.monotonic()
                with alone_at(version, step.key) as alone:
                    if alone:
                        met += _ask(automation, version, step.key, wait)
                took = time.monotonic() - started
                _next[version, step.key] = time.monotonic() + max(PAUSE, took * SHARE)
    return met


def _ask(automation: int, version: int, step: str, wait: WaitUntil) -> int:
    assert wait.condition is not None
    batch = waiting(automation, version, step, timezone.now())
    if not len(batch):
        return 0
    try:
        holds = Asker(batch).holds(wait.condition)
    except Trouble:  # it is told when their time is over and nobody can go on
        return 0
    with transaction.atomic():
        return meet(batch, holds) if holds.any() else 0
