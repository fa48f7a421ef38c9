"""Numbers for reports: how many events there were, and when."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from retargeting.conditions.nodes import Interaction
from retargeting.interactions.models import EVENT_CODES, EVENTS_BY_CODE
from retargeting.interactions.reading import snapshot


@dataclass(frozen=True, slots=True)
class Total:
    """`people` had `events` between them; of both, those by machines are left out unless asked for."""

    people: int
    events: int


def totals(
    orchestrations: Sequence[int], *, events: Collection[Interaction] = frozenset(EVENT_CODES), machines: bool = False
) -> dict[int, dict[Interaction, Total]]:
    """Per orchestration and event: people and events. What never happened is missing."""
    return _totals("orchestration_id", orchestrations, events, machines)


def step_totals(
    steps: Sequence[int], *, events: Collection[Interaction] = frozenset(EVENT_CODES), machines: bool = False
) -> dict[int, dict[Interaction, Total]]:
    """The same for the steps of automations."""
    return _totals("step_id", steps, events, machines)


def _totals(
    column: str, ids: Sequence[int], events: Collection[Interaction], machines: bool
) -> dict[int, dict[Interaction, Total]]:
    found: dict[int, dict[Interaction, Total]] = {id: {} for id in ids}
    with snapshot() as moment:
        numbers = moment.totals(column, ids, events=events, machine=None if machines else False)
    for (id, event), total in numbers.items():
        found[id][event] = Total(*total)
    return found


def by_hour(
    orchestration: int, events: Sequence[Interaction], *, time_zone: str, machines: bool = False
) -> list[tuple[datetime, Interaction, int]]:
    """(start of the hour in the zone, event, number of events), in order of time."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT date_trunc('hour', occurred_at, %s), event, count(*) FROM interactions_messageevent
            WHERE orchestration_id = %s AND event = ANY(%s) AND (%s OR NOT machine)
            GROUP BY 1, 2 ORDER BY 1, 2
            """,
            [time_zone, orchestration, [EVENT_CODES[event] for event in events], machines],
        )
        return [(moment, EVENTS_BY_CODE[event], count) for moment, event, count in cursor.fetchall()]
