"""Letting people in: who may enter, how often, and how many; the rules of the version that is current.

Whoever is let in waits at the first step and is due at once. Entries into one automation are written one after the
other, since they depend on who is in already; an event that is handled twice enters once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from django.utils import timezone
from pyroaring import BitMap

from automations.engine.locks import enter_alone, hold_off_reading
from automations.engine.writing import runs
from automations.graph.nodes import Definition, Entry, Reentry
from automations.models import Journey
from automations.versions import published
from retargeting.audiences import references
from retargeting.audiences.comparisons import span
from retargeting.audiences.engine import evaluate
from retargeting.bitmaps import ids_of_bitmap
from retargeting.conditions.errors import ConditionErrors
from retargeting.messaging.draws import Purpose, lots
from retargeting.profiles.erasure import hold_off_erasure

AT_ONCE = 50_000
"""So many enter in one transaction."""

RULES = {
    Reentry.NEVER: "prior.last IS NULL",
    Reentry.ALWAYS: "true",
    Reentry.AFTER: "(prior.last IS NULL OR prior.last <= %(paused)s)",
}
# A person without a key is on one way at a time, and with keys on one for each of them.
ENTER = """
    WITH candidate AS (
        SELECT DISTINCT ON (profile_id, key) *
        FROM unnest(%(profiles)s::int[], %(events)s::uuid[], %(since)s::timestamptz[], %(keys)s::text[],
            %(entries)s::jsonb[], %(held_out)s::bool[]) AS item (profile_id, event_id, since, key, entry, held_out)
        ORDER BY profile_id, key, since, event_id
    ), admitted AS (
        SELECT candidate.*, coalesce(prior.lap, 0) AS lap
        FROM candidate JOIN profiles_profile AS profile ON profile.id = candidate.profile_id
        CROSS JOIN LATERAL (
            SELECT max(journey.lap) AS lap,
                bool_or(journey.status = 'waiting') FILTER (WHERE journey.key = candidate.key) AS under_way,
                bool_or(journey.event_id = candidate.event_id) AS handled,
                max(journey.entered_at) FILTER (WHERE journey.key = candidate.key) AS last
            FROM automations_journey AS journey
            WHERE journey.profile_id = candidate.profile_id AND journey.automation_id = %(automation)s
        ) AS prior
        WHERE prior.under_way IS NOT TRUE AND prior.handled IS NOT TRUE AND {rule}
        ORDER BY candidate.since, candidate.profile_id, candidate.key LIMIT %(most)s
    )
    INSERT INTO automations_journey (
        automation_id, version_id, profile_id, lap, key, status, step, way, arrived_at, due_at, entered_at, since,
        ended_at, ending, event_id, entry
    )
    SELECT %(automation)s, %(version)s, profile_id,
        lap + row_number() OVER (PARTITION BY profile_id ORDER BY since, key), key,
        CASE WHEN held_out THEN 'held_out' ELSE 'waiting' END, CASE WHEN held_out THEN '' ELSE %(first)s END, '',
        %(now)s, CASE WHEN NOT held_out THEN %(now)s END, %(now)s, since,
        CASE WHEN held_out THEN %(now)s END, CASE WHEN held_out THEN 'holdout' ELSE '' END, event_id, entry
    FROM admitted ORDER BY profile_id
"""


class Candidate(NamedTuple):
    """Somebody who would enter. `entry` is what a step may ask of what began it: {"event", "properties"}."""

    profile_id: int
    since: datetime
    event_id: UUID | None = None
    key: str = ""
    entry: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Door:
    """The current version of an automation, into which people enter."""

    automation: int
    version: int

    @property
    def definition(self) -> Definition:
        return published(self.version)[0]

    @property
    def entry(self) -> Entry:
        return self.definition.entry


def admissible(door: Door, people: BitMap) -> BitMap:
    """Those of `people` who are in the entry's audience now. Nobody where it names what is gone."""
    audience = door.entry.audience
    if audience is None or not people:
        return people
    try:
        references.check(audience)
    except ConditionErrors:
        return BitMap()
    return people & evaluate(audience).members


@transaction.atomic
def enter(door: Door, candidates: Sequence[Candidate], *, reads_events: bool = False) -> int:
    """Let those in who may; returns how many. `reads_events` says that the caller is who reads events, and alone.

    The audience has been asked about before. Of several candidates with one key the earliest enters.
    """
    if not candidates or not runs(door.automation):
        return 0
    if not reads_events:
        hold_off_reading()
    hold_off_erasure()
    enter_alone(door.automation)
    now, entry = timezone.now(), door.entry
    most = _places(door, entry, now)
    open_ones = [each for each in candidates if _in_time(entry, each.since if each.event_id else now)]
    if most <= 0 or not open_ones:
        return 0
    params = {
        "automation": door.automation,
        "version": door.version,
        "first": published(door.version)[1].first,
        "now": now,
        "paused": now - span(entry.pause) if entry.pause else now,
        "most": most,
        "profiles": [each.profile_id for each in open_ones],
        "events": [each.event_id for each in open_ones],
        "since": [each.since for each in open_ones],
        "keys": [each.key[:200] for each in open_ones],
        "entries": [None if each.entry is None else json.dumps(each.entry) for each in open_ones],
        "held_out": _held_out(door, [each.profile_id for each in open_ones]),
    }
    with connection.cursor() as cursor:
        cursor.execute(ENTER.format(rule=RULES[entry.reentry]), params)
        return cursor.rowcount


def enter_people(door: Door, people: BitMap) -> int:
    """Let everybody of a set in who may, a part at a time; whoever is in already is passed over the next time."""
    ids, entered = ids_of_bitmap(people).tolist(), 0
    for first in range(0, len(ids), AT_ONCE):
        with transaction.atomic():
            # The moment is taken only when nobody reads events: what happens from then on is seen by the next reading.
            hold_off_reading()
            now = timezone.now()
            entered += enter(door, [Candidate(id, now) for id in ids[first : first + AT_ONCE]])
    return entered


def _in_time(entry: Entry, moment: datetime) -> bool:
    return (entry.starts_at is None or moment >= entry.starts_at) and (entry.ends_at is None or moment < entry.ends_at)


def _places(door: Door, entry: Entry, now: datetime) -> int:
    """How many more may enter now."""
    if entry.cap is None:
        return 2**31 - 1
    entered = Journey.objects.filter(automation=door.automation)
    if entry.cap.within is not None:
        entered = entered.filter(entered_at__gt=now - span(entry.cap.within))
    return entry.cap.most - entered.count()


def _held_out(door: Door, profiles: list[int]) -> list[bool]:
    share = door.definition.holdout / 100
    if not share:
        return [False] * len(profiles)
    drawn = lots(np.array(profiles, dtype=np.uint32), Purpose.HOLDOUT, door.automation) < share
    found: list[bool] = drawn.tolist()
    return found
