"""Names and values that the data holds, to offer while somebody types: attributes, events, their properties.

A sample is read, not everything, and kept for a few minutes: these are offers, not answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.core.cache import cache
from django.db import connection

from retargeting.audiences.builder.literals import BOOLEAN, DATE, NUMBER, TEXT
from retargeting.conditions.nodes import Scalar
from retargeting.conditions.values import parse_date

KEPT_SECONDS = 300
CACHE_KEY = "audience-builder-suggestions"
MOST_VALUES = 30
LONGEST = 80

ATTRIBUTES = """
SELECT key, value::text, count(*)
FROM (SELECT attributes FROM profiles_profile ORDER BY id DESC LIMIT 2000) AS sample, jsonb_each(attributes)
GROUP BY key, value ORDER BY count(*) DESC, value::text
"""
# The names come from the index, one probe each, however many events there are.
EVENTS = """
WITH RECURSIVE names (name, place) AS (
    (SELECT name, 1 FROM interactions_customevent ORDER BY name LIMIT 1)
    UNION ALL
    SELECT (SELECT event.name FROM interactions_customevent AS event
            WHERE event.name > names.name ORDER BY event.name LIMIT 1), place + 1
    FROM names WHERE names.name IS NOT NULL AND place < 200
)
SELECT names.name, recent.properties::text FROM names CROSS JOIN LATERAL (
    SELECT properties FROM interactions_customevent AS event
    WHERE event.name = names.name ORDER BY occurred_at DESC LIMIT 50
) AS recent WHERE names.name IS NOT NULL
"""


@dataclass
class Known:
    """An attribute or property: the type that most of its values have, and the most frequent of them."""

    type: str = ""
    values: list[Scalar] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict, repr=False)

    def learn(self, value: Any, times: int) -> None:
        if isinstance(value, list):
            for element in value[:MOST_VALUES]:
                self.learn(element, times)
            return
        found = type_of(value)
        if not found:
            return
        self.counts[found] = self.counts.get(found, 0) + times
        self.type = max(self.counts, key=lambda name: self.counts[name])
        short = not isinstance(value, str) or (0 < len(value) <= LONGEST)
        if short and len(self.values) < MOST_VALUES and not _within(value, self.values):
            self.values.append(value)


@dataclass
class Suggestions:
    attributes: dict[str, Known] = field(default_factory=dict)
    events: dict[str, dict[str, Known]] = field(default_factory=dict)

    def attribute_type(self, name: str) -> str:
        return self.attributes[name].type if name in self.attributes else ""

    def property_type(self, event: str, name: str) -> str:
        known = self.events.get(event, {}).get(name)
        return known.type if known else ""

    def any_property_type(self, name: str) -> str:
        """Of the first event that has it."""
        return next((known[name].type for known in self.events.values() if name in known), "")


def type_of(value: Any) -> str:
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int | float):
        return NUMBER
    if isinstance(value, str) and value:
        return DATE if parse_date(value) else TEXT
    return ""


def _within(value: Any, values: Iterable[Any]) -> bool:
    return any(type(other) is type(value) and other == value for other in values)


def suggestions() -> Suggestions:
    found: Suggestions | None = cache.get(CACHE_KEY)
    if found is None:
        found = _load()
        cache.set(CACHE_KEY, found, KEPT_SECONDS)
    return found


def _load() -> Suggestions:
    found = Suggestions()
    with connection.cursor() as cursor:
        cursor.execute(ATTRIBUTES)
        for key, value, times in cursor.fetchall():
            found.attributes.setdefault(key, Known()).learn(json.loads(value), times)
        cursor.execute(EVENTS)
        for name, properties in cursor.fetchall():
            known = found.events.setdefault(name, {})
            for key, value in json.loads(properties).items():
                known.setdefault(key, Known()).learn(value, 1)
    found.attributes = dict(sorted(found.attributes.items()))
    return found
