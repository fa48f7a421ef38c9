"""Triggers that nobody tells us of: a segment that people enter or leave, and a schedule."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from pyroaring import BitMap

from automations.engine.entering import Door, admissible, enter_people
from automations.engine.writing import runs
from automations.graph.nodes import Crossing, Existing, ScheduleTrigger, SegmentTrigger
from automations.models import Automation, TriggerState, VersionStatus
from automations.versions import published
from retargeting.audiences.engine import evaluate
from retargeting.audiences.models import Segment
from retargeting.bitmaps import pack, unpack
from retargeting.conditions.nodes import EVERYONE, Group, Match, SegmentCondition
from retargeting.messaging.recurring import next_run, wall_of

SEGMENT_PAUSE = timedelta(seconds=10)
SHARE = 20
"""A segment that takes long to evaluate is looked at less often: at most this share of the time goes to it."""

_costs: dict[int, float] = {}


def look() -> int:
    """Look at every segment and schedule whose time has come; returns how many people entered."""
    now = timezone.now()
    running = Automation.objects.running().values("pk")
    states = TriggerState.objects.filter(version__status=VersionStatus.CURRENT, version__automation__in=running)
    entered = 0
    for state in states.select_related("version"):
        door = Door(state.version.automation_id, state.version_id)
        match published(state.version_id)[0].trigger:
            case SegmentTrigger() as trigger:
                entered += _look_at_segment(door, trigger, state, now)
            case ScheduleTrigger() as trigger if state.next_at is not None and state.next_at <= now:
                entered += _run_schedule(door, trigger, state, now)
    return entered


def _look_at_segment(door: Door, trigger: SegmentTrigger, state: TriggerState, now: datetime) -> int:
    pause = max(SEGMENT_PAUSE, timedelta(seconds=_costs.get(state.version_id, 0.0) * SHARE))
    if state.looked_at is not None and now - state.looked_at < pause:
        return 0
    if not Segment.objects.filter(pk=trigger.segment).exists():
        return 0
    started = time.monotonic()
    evaluation = evaluate(Group(Match.ALL, (SegmentCondition(trigger.segment),)))
    _costs[state.version_id] = time.monotonic() - started
    members = evaluation.members
    if state.members is not None:
        before = unpack(state.members)
        crossed = members - before if trigger.on is Crossing.ENTERS else (before - members) & evaluation.live
    else:
        crossed = members if trigger.existing is Existing.ENTER else BitMap()
    return _settle(door, state, crossed, members=pack(members), looked_at=now)


def _run_schedule(door: Door, trigger: ScheduleTrigger, state: TriggerState, now: datetime) -> int:
    """Whoever misses runs, since nobody was there, makes up for the last one only."""
    made, last, zone = state.runs + 1, state.next_at or now, ZoneInfo(trigger.time_zone)
    clock = wall_of(trigger.at, zone).time()
    following = next_run(trigger.repeat, last, zone, runs=made, now=now, clock=clock)
    people = evaluate(door.entry.audience or EVERYONE).members
    return _settle(door, state, people, next_at=following, runs=made, looked_at=now)


@transaction.atomic
def _settle(door: Door, state: TriggerState, people: BitMap, **changes: object) -> int:
    """Let the people in and note how far the trigger has looked, unless somebody else has meanwhile."""
    if not runs(door.automation):
        return 0
    same = Q(looked_at=state.looked_at) if state.looked_at is not None else Q(looked_at=None)
    if not TriggerState.objects.filter(same, pk=state.pk).update(**changes):
        return 0
    return enter_people(door, admissible(door, people))
