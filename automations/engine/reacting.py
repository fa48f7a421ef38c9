"""What new events do: let people in, end journeys, reach goals, end waits; all in the transaction that reads them.

In this order: what ends waits and journeys that were under way before; then entries; then, for those who have just
entered, what happened after their entry and was read together with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from pyroaring import BitMap

from automations.engine import listening
from automations.engine.entering import Candidate, Door, admissible, enter
from automations.engine.listening import Happened, Part
from automations.engine.locks import read_alone
from automations.engine.snapshots import next_stretch
from automations.graph.nodes import EventTrigger, MessageTrigger, WaitUntil
from automations.models import Automation, AutomationStatus, Version, VersionStatus
from automations.versions import published
from retargeting.audiences.comparisons import span
from retargeting.conditions.nodes import EventCondition, MessageCondition

# An event with another value of the key than the journey is about another order.
_CONCERNED = """
    FROM unnest(%(ids)s::uuid[], %(people)s::int[], %(moments)s::timestamptz[], %(keys)s::text[])
        AS happened (id, profile_id, at, key)
    WHERE journey.profile_id = happened.profile_id AND journey.automation_id = %(automation)s
        AND journey.version_id = %(version)s AND journey.event_id IS DISTINCT FROM happened.id
        AND (journey.key = '' OR happened.key IS NULL OR happened.key = journey.key)
"""
LEAVE = f"""
    UPDATE automations_journey AS journey
    SET status = 'left', ending = %(ending)s, ended_at = %(now)s, due_at = NULL
    {_CONCERNED} AND journey.status = 'waiting' AND happened.at >= journey.since
"""  # noqa: S608  (constants and placeholders)
REACH = f"""
    UPDATE automations_journey AS journey SET goal_at = happened.at
    {_CONCERNED} AND journey.goal_at IS NULL AND happened.at >= journey.since
        AND happened.at < journey.entered_at + %(within)s
"""  # noqa: S608
REACHED = f"{LEAVE} AND journey.goal_at IS NOT NULL"
MEET = f"""
    UPDATE automations_journey AS journey SET way = 'met', due_at = %(now)s
    {_CONCERNED} AND journey.status = 'waiting' AND journey.step = %(step)s AND journey.way = 'waits'
        AND happened.at >= journey.arrived_at AND happened.at < journey.due_at
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Rule:
    """What an event that fits `event` does to journeys of one version. `statement` has the parameters `values`."""

    automation: int
    version: int
    event: EventCondition
    statement: str
    values: dict[str, Any]
    key: str

    def apply(self, happened: Sequence[Happened], now: datetime) -> int:
        params = {
            "ids": [each.id for each in happened],
            "people": [each.profile_id for each in happened],
            "moments": [each.occurred_at for each in happened],
            "keys": [each.key(self.key) for each in happened],
            "automation": self.automation,
            "version": self.version,
            "now": now,
            **self.values,
        }
        with connection.cursor() as cursor:
            cursor.execute(self.statement, params)
            return cursor.rowcount


@dataclass(frozen=True, slots=True)
class Trigger:
    """Lets people into the current version of a running automation."""

    door: Door
    event: EventCondition | MessageCondition
    began: datetime

    def candidates(self, happened: Sequence[Happened]) -> list[Candidate]:
        key = self.door.entry.key
        return [
            Candidate(
                each.profile_id,
                each.occurred_at,
                each.id,
                each.key(key) or "",
                {"event": each.name, "properties": each.properties},
            )
            for each in happened
            if each.occurred_at >= self.began and (not key or each.key(key) is not None)
        ]

    def let_in(self, happened: Sequence[Happened]) -> int:
        candidates = self.candidates(happened)
        allowed = admissible(self.door, BitMap(each.profile_id for each in candidates))
        return enter(self.door, [each for each in candidates if each.profile_id in allowed], reads_events=True)


def read_events() -> int:
    """Read what has been accepted since the last time; returns how many events there were that meet a rule."""
    found = 0
    for read in (_read_custom, _read_messages):
        while (part := read()) is not None:
            found += len(part.events)
            if part.whole:
                break
    return found


@transaction.atomic
def _read_custom() -> Part | None:
    read_alone()
    now, stretch = timezone.now(), next_stretch("custom")
    if stretch is None:
        return None
    rules, triggers = _rules(), [each for each in _triggers() if isinstance(each.event, EventCondition)]
    events = [
        *(rule.event for rule in rules),
        *(each.event for each in triggers if isinstance(each.event, EventCondition)),
    ]
    part = listening.read_custom(stretch, events, now)
    _react(part, rules, triggers, now)
    part.stretch.close()
    return part


@transaction.atomic
def _read_messages() -> Part | None:
    read_alone()
    stretch = next_stretch("message")
    if stretch is None:
        return None
    triggers = [each for each in _triggers() if isinstance(each.event, MessageCondition)]
    events = [each.event for each in triggers if isinstance(each.event, MessageCondition)]
    part = listening.read_messages(stretch, events)
    _react(part, [], triggers, timezone.now())
    part.stretch.close()
    return part


def _react(part: Part, rules: Sequence[Rule], triggers: Sequence[Trigger], now: datetime) -> None:
    met: dict[int, list[Happened]] = defaultdict(list)
    for each in part.events:
        for number in each.hits:
            met[number].append(each)
    hit = [(rule, met[number]) for number, rule in enumerate(rules) if met[number]]
    for rule, happened in hit:
        rule.apply(happened, now)
    entered = set()
    for number, trigger in enumerate(triggers, start=len(rules)):
        if met[number] and trigger.let_in(met[number]):
            entered.add(trigger.door.version)
    for rule, happened in hit:
        if rule.version in entered:
            rule.apply(happened, now)


def _rules() -> list[Rule]:
    """Waits first, then goals, then exits: what is both counts as the goal. Paused automations take part."""
    open_ones = [AutomationStatus.RUNNING, AutomationStatus.PAUSED]
    versions = Version.objects.exclude(status=VersionStatus.DRAFT).filter(automation__status__in=open_ones)
    waits, goals, exits = [], [], []
    for automation, version in versions.values_list("automation_id", "pk"):
        definition = published(version)[0]
        base, key = (automation, version), definition.entry.key
        waits += [
            Rule(*base, step.action.event, MEET, {"step": step.key}, key)
            for step in definition.walk()
            if isinstance(step.action, WaitUntil) and step.action.event is not None
        ]
        if (goal := definition.goal) is not None:
            goals.append(Rule(*base, goal.event, REACH, {"within": span(goal.within)}, key))
            if goal.exits:
                goals.append(Rule(*base, goal.event, REACHED, {"ending": "goal"}, key))
        exits += [Rule(*base, event, LEAVE, {"ending": "exit_event"}, key) for event in definition.exits]
    return [*waits, *goals, *exits]


def _triggers() -> list[Trigger]:
    current = Version.objects.filter(status=VersionStatus.CURRENT, automation__in=Automation.objects.running())
    found = []
    for version in current.select_related("automation"):
        trigger = published(version.pk)[0].trigger
        if isinstance(trigger, EventTrigger | MessageTrigger):
            began = version.automation.started_at or version.published_at or timezone.now()
            found.append(Trigger(Door(version.automation_id, version.pk), trigger.event, began))
    return found
