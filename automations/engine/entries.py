"""What began a journey: conditions on the properties of its entry event, and their values for messages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from django.utils import timezone
from pyroaring import BitMap

from automations.engine.batch import Batch, Mask
from automations.models import Journey
from retargeting.audiences.comparisons import property_test
from retargeting.bitmaps import binary_cursor, column_of_array, fetch_bitmap
from retargeting.conditions.nodes import EntryCondition, EventCondition
from retargeting.interactions.models import CustomEvent

JOURNEYS = """
    SELECT array_send(array_agg(journey.id)) FROM automations_journey AS journey
    CROSS JOIN LATERAL (SELECT journey.entry -> 'properties' -> %s) AS property (value)
    WHERE journey.id = ANY(%s) AND {test}
"""
LATEST = """
    SELECT person.id FROM unnest(%s::int[]) AS person (id)
    LEFT JOIN LATERAL (
        SELECT properties FROM interactions_customevent AS event
        WHERE event.profile_id = person.id AND event.name = %s AND event.occurred_at <= %s {where}
        ORDER BY occurred_at DESC, event.id LIMIT 1
    ) AS latest ON true
    CROSS JOIN LATERAL (SELECT latest.properties -> %s) AS property (value)
    WHERE {test}
"""
FITS = " AND EXISTS (SELECT FROM (SELECT properties -> %s) AS property (value) WHERE {test})"


def mask(batch: Batch, condition: EntryCondition) -> Mask:
    """Which journeys of the batch the condition holds for. One that no event began has no properties."""
    test = property_test(condition.property, condition.comparison, batch.now, unset=condition.unset)
    with binary_cursor() as cursor:
        cursor.execute(JOURNEYS.format(test=test.sql), [test.name, batch.ids.tolist(), *test.params], binary=True)
        row = cursor.fetchone()
    assert row is not None
    found: npt.NDArray[np.int64] = column_of_array(row[0], ">i8")
    return np.isin(batch.ids, found)


def people_who_fit(people: BitMap, condition: EntryCondition, trigger: EventCondition | None, now: datetime) -> BitMap:
    """For whom the condition would hold if their latest event that fits the trigger began their journey.

    Those without any, or all where no event is the trigger, have no properties.
    """
    test = property_test(condition.property, condition.comparison, now, unset=condition.unset)
    filters = [property_test(item.property, item.comparison, now) for item in trigger.where] if trigger else []
    query = LATEST.format(where="".join(FITS.format(test=one.sql) for one in filters), test=test.sql)
    asked = [value for one in filters for value in (one.name, *one.params)]
    return fetch_bitmap(
        query, [list(people), trigger.event if trigger else None, now, *asked, test.name, *test.params]
    )


def latest_properties(profile_id: int, trigger: EventCondition) -> Mapping[str, Any]:
    """Of the latest event of somebody that has the trigger's name."""
    events = CustomEvent.objects.filter(profile_id=profile_id, name=trigger.event, occurred_at__lte=timezone.now())
    return events.order_by("-occurred_at", "id").values_list("properties", flat=True).first() or {}


def properties_of(journeys: Collection[int]) -> Mapping[int, Mapping[str, Any]]:
    """Journey id → the properties of what began it; of a journey that nothing with properties began, none."""
    rows = Journey.objects.filter(pk__in=journeys, entry__isnull=False).values_list("pk", "entry__properties")
    return {id: properties or {} for id, properties in rows}
