"""On which journeys the messages of a step are sent, and what templates can say of them: `{{ event.order_id }}`.

What a journey is, is not known here. Who knows registers how the properties of the events that began them are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from django.db import connection

from retargeting.bitmaps import unpack
from retargeting.messaging.models import Chunk, Dispatch

Properties = Mapping[int, Mapping[str, Any]]
"""Journey id → the properties of the event that began it."""

MENTIONED = re.compile(r"\bevent\b")

_readers: list[Callable[[Collection[int]], Properties]] = []


def register(read: Callable[[Collection[int]], Properties]) -> None:
    _readers.append(read)


def journeys_in(chunk: Chunk) -> dict[int, int]:
    """Profile id → journey id, where the chunk is of a step of an automation."""
    if chunk.journeys is None:
        return {}
    journeys = np.frombuffer(bytes(chunk.journeys), dtype="<i8").tolist()
    return dict(zip(unpack(chunk.profiles), journeys, strict=True))


def journeys_of(dispatch: Dispatch, profile_ids: list[int]) -> dict[int, int]:
    """The same of those who have a delivery; of campaigns nobody is on a journey."""
    if dispatch.open_until is None or not profile_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT profile_id, journey_id FROM messaging_delivery WHERE dispatch_id = %s AND profile_id = ANY(%s)",
            [dispatch.pk, profile_ids],
        )
        return dict(cursor.fetchall())


def mention_event(contents: Collection[Mapping[str, Any]]) -> bool:
    return any(MENTIONED.search(json.dumps(content)) for content in contents)


def properties_for(journeys: Mapping[int, int]) -> dict[int, Mapping[str, Any]]:
    """Profile id → the properties of the event that began their journey. `journeys`: profile id → journey id."""
    found: dict[int, Mapping[str, Any]] = {}
    for read in _readers:
        found.update(read(journeys.values()))
    return {profile: found[journey] for profile, journey in journeys.items() if journey in found}
