"""Events that programs report of our messages: on which way through an automation they happened."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from automations.models import Automation
from retargeting.interactions.ingest import MessageEventRow

# The way that somebody was on then, or had been on last.
FIND = """
    SELECT (
        SELECT id FROM automations_journey AS journey
        WHERE journey.profile_id = item.profile_id AND journey.automation_id = item.automation_id
            AND journey.entered_at <= item.at AND journey.status <> 'held_out'
        ORDER BY lap DESC LIMIT 1
    )
    FROM unnest(%s::int[], %s::int[], %s::timestamptz[]) WITH ORDINALITY AS item (profile_id, automation_id, at, place)
    ORDER BY place
"""


def journeys_of(rows: Sequence[MessageEventRow]) -> list[int | None]:
    found: list[int | None] = [None] * len(rows)
    named = {row.orchestration_id for row in rows}
    automations = set(Automation.objects.filter(pk__in=named).values_list("pk", flat=True))
    places = [place for place, row in enumerate(rows) if row.orchestration_id in automations]
    if not places:
        return found
    those = [rows[place] for place in places]
    columns = (
        [row.profile_id for row in those],
        [row.orchestration_id for row in those],
        [row.occurred_at for row in those],
    )
    with connection.cursor() as cursor:
        cursor.execute(FIND, columns)
        for place, (id,) in zip(places, cursor.fetchall(), strict=True):
            found[place] = id
    return found
