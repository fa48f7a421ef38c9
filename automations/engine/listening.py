"""Reads the events that have been accepted since the last time and says which rules of live versions they meet.

Rules are triggers, exits, goals and waits. The properties of events are tested by SQL, in the same words in which
conditions on past events are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from automations.engine.snapshots import NEW, Stretch
from retargeting.audiences.comparisons import property_test
from retargeting.conditions.nodes import (
    AutomationTarget,
    CampaignTarget,
    ChannelTarget,
    EventCondition,
    Interaction,
    LabelTarget,
    MessageCondition,
    Opens,
    StepTarget,
    Target,
)
from retargeting.interactions.models import EVENT_CODES, EVENTS_BY_CODE
from retargeting.orchestrations.models import MessageStep

MOST = 20_000
"""So many events are read at a time, and as many more as one transaction wrote."""

MARKED = {Interaction.OPENED, Interaction.CLICKED}

CUSTOM = """
    SELECT transaction, id, profile_id, occurred_at, name, properties::text, ARRAY[{hits}]::bool[]
    FROM interactions_customevent
    WHERE name = ANY(%(names)s) AND {new} ORDER BY transaction, occurred_at, id LIMIT %(most)s
"""
MESSAGES = """
    SELECT transaction, id, profile_id, occurred_at, event, '{{}}', ARRAY[{hits}]::bool[]
    FROM interactions_messageevent
    WHERE ({any}) AND {new} ORDER BY transaction, occurred_at, id LIMIT %(most)s
"""


class Happened(NamedTuple):
    """One event; `hits` are the places of the rules it meets."""

    transaction: int
    id: UUID
    profile_id: int
    occurred_at: datetime
    name: str
    properties: dict[str, Any]
    hits: frozenset[int]

    def key(self, name: str) -> str | None:
        """The value of its property `name`, as a text; None where it has none."""
        value = self.properties.get(name) if name else None
        if value is None or value == "":
            return None
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Part:
    """Events that were read, and up to where that is all there are."""

    events: Sequence[Happened]
    stretch: Stretch
    whole: bool


def read_custom(stretch: Stretch, rules: Sequence[EventCondition], now: datetime) -> Part:
    """What of the stretch meets any of `rules`, or its first part."""
    if not rules:
        return Part((), stretch, True)
    params: dict[str, Any] = {**stretch.params, "names": sorted({rule.event for rule in rules}), "most": MOST}
    hits = [_event_sql(rule, number, params, now) for number, rule in enumerate(rules)]
    return _read(CUSTOM.format(hits=", ".join(hits), new=NEW), params, stretch)


def read_messages(stretch: Stretch, rules: Sequence[MessageCondition]) -> Part:
    if not rules:
        return Part((), stretch, True)
    params: dict[str, Any] = {**stretch.params, "most": MOST}
    hits = [_message_sql(rule, number, params) for number, rule in enumerate(rules)]
    return _read(MESSAGES.format(hits=", ".join(hits), any=" OR ".join(hits), new=NEW), params, stretch)


def _event_sql(rule: EventCondition, number: int, params: dict[str, Any], now: datetime) -> str:
    params[f"name{number}"] = rule.event
    tests = [f"name = %(name{number})s"]
    for place, filter_ in enumerate(rule.where):
        test = property_test(filter_.property, filter_.comparison, now)
        named = f"rule{number}_{place}"
        params[named] = test.name
        # The test has its parameters in their order; here they all have names.
        sql = test.sql
        for index, value in enumerate(test.params):
            params[f"{named}_{index}"] = value
            sql = sql.replace("%s", f"%({named}_{index})s", 1)
        tests.append(f"EXISTS (SELECT FROM (SELECT properties -> %({named})s) AS property (value) WHERE {sql})")
    return f"({' AND '.join(tests)})"


def _message_sql(rule: MessageCondition, number: int, params: dict[str, Any]) -> str:
    params[f"event{number}"] = EVENT_CODES[rule.event]
    tests = [f"event = %(event{number})s"]
    if (steps := _steps(rule.target)) is not None:
        params[f"steps{number}"] = list(steps.values_list("pk", flat=True))
        tests.append(f"step_id = ANY(%(steps{number})s)")
    if rule.event in MARKED and rule.opens is not Opens.ALL:
        tests.append("machine" if rule.opens is Opens.MACHINE else "NOT machine")
    return f"({' AND '.join(tests)})"


def _steps(target: Target) -> QuerySet[MessageStep] | None:
    """The messages that it is about; None for all. What carries a label now counts."""
    steps = MessageStep.objects.all()
    match target:
        case CampaignTarget(ids) | AutomationTarget(ids):
            return steps.filter(orchestration__in=ids)
        case StepTarget(automation, keys):
            return steps.filter(orchestration=automation, key__in=keys)
        case ChannelTarget(channels):
            return steps.filter(channel__in=channels)
        case LabelTarget(codes):
            return steps.filter(orchestration__labels__code__in=codes).distinct()
    return None


def _read(query: str, params: dict[str, Any], stretch: Stretch) -> Part:
    rows = _rows(query, params)
    if len(rows) < params["most"]:
        return Part([_happened(row) for row in rows], stretch, True)
    # The last transaction may have written more: it is left for the next part, unless it is all there is.
    first, last = rows[0][0], rows[-1][0]
    if first == last:
        part = stretch.below(first + 1)
        rows = _rows(query, {**params, **part.params, "most": None})
    else:
        part = stretch.below(last)
        rows = [row for row in rows if row[0] < last]
    return Part([_happened(row) for row in rows], part, False)


def _rows(query: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return cursor.fetchall()


def _happened(row: tuple[Any, ...]) -> Happened:
    transaction, id, profile_id, occurred_at, name, properties, hits = row
    name = str(EVENTS_BY_CODE[name]) if isinstance(name, int) else name
    met = frozenset(number for number, hit in enumerate(hits) if hit)
    return Happened(transaction, id, profile_id, occurred_at, name, json.loads(properties), met)
