"""Numbers for reports: how many events there were, and when."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from retargeting.conditions.nodes import Interaction
from retargeting.interactions.models import EVENT_CODES, EVENTS_BY_CODE


@dataclass(frozen=True, slots=True)
class Total:
    """`people` had `events` between them; of both, those by machines are left out unless asked for."""

    people: int
    events: int


def totals(
    orchestrations: Sequence[int], *, events: Collection[Interaction] = frozenset(EVENT_CODES), machines: bool = False
) -> dict[int, dict[Interaction, Total]]:
    """Per orchestration and event: people and events. What never happened is missing."""
    return _totals("orchestration_id", orchestrations, "orchestration_id = ANY(%s)", events, machines)


def step_totals(
    steps: Sequence[int], *, events: Collection[Interaction] = frozenset(EVENT_CODES), machines: bool = False
) -> dict[int, dict[Interaction, Total]]:
    """The same for the steps of automations."""
    # The index is by orchestration: it finds those of the steps, and the rows carry the step.
    of_steps = "orchestration_id IN (SELECT orchestration_id FROM orchestrations_messagestep WHERE id = ANY(%s))"
    found = _totals("step_id", steps, of_steps, events, machines)
    return {id: found.get(id, {}) for id in steps}


@transaction.atomic
def _totals(
    what: str, ids: Sequence[int], condition: str, events: Collection[Interaction], machines: bool
) -> dict[int, dict[Interaction, Total]]:
    codes = [EVENT_CODES[event] for event in events]
    with connection.cursor() as cursor:
        # In memory the sort behind `count(DISTINCT)` is several times as fast as grouping by person, which spills.
        cursor.execute("SET LOCAL work_mem = '64MB'")
        cursor.execute(
            f"""
            SELECT {what}, event, count(DISTINCT profile_id), count(*) FROM interactions_messageevent
            WHERE {condition} AND event = ANY(%s) AND (%s OR NOT machine)
            GROUP BY {what}, event
            """,  # noqa: S608 - the columns and the condition are the two of this module
            [list(ids), codes, machines],
        )
        found: dict[int, dict[Interaction, Total]] = {id: {} for id in ids}
        for id, event, people, number in cursor.fetchall():
            found.setdefault(id, {})[EVENTS_BY_CODE[event]] = Total(people, number)
    return found


def over_time(
    orchestration: int, events: Sequence[Interaction], *, unit: str, time_zone: str, machines: bool = False
) -> list[tuple[datetime, Interaction, int]]:
    """(start of the hour or day in the zone, event, number of events), in order of time. `unit` is hour or day."""
    if unit not in {"hour", "day"}:
        raise ValueError(f"{unit!r} is no unit of a report")
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT date_trunc(%s, occurred_at, %s), event, count(*) FROM interactions_messageevent
            WHERE orchestration_id = %s AND event = ANY(%s) AND (%s OR NOT machine)
            GROUP BY 1, 2 ORDER BY 1, 2
            """,
            [unit, time_zone, orchestration, [EVENT_CODES[event] for event in events], machines],
        )
        return [(moment, EVENTS_BY_CODE[event], count) for moment, event, count in cursor.fetchall()]
