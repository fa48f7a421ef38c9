"""Stores checked profiles by the thousand, in a handful of statements.

1. Lock the people who are known, in the order of their external ids.
2. Insert the others. Not "insert or update": that takes an id from the sequence for every known person as well, and
   ids have 32 bits and are never used again.
3. Whoever was inserted by somebody else meanwhile is known now: back to 1 with those.
4. Merge into the known ones what differs, and then see to the addresses of all.

Every step takes its locks in the order of external ids, so that concurrent batches wait for one another rather than
in a circle. Step 3 is the exception, and the caller tries again after a deadlock.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.db import connection

from retargeting.profiles.validation import AddressItem, ProfileItem

_LOCK = (
    "SELECT external_id, id FROM profiles_profile WHERE external_id = ANY(%s) ORDER BY external_id FOR NO KEY UPDATE"
)

_INSERT = """
INSERT INTO profiles_profile (external_id, attributes, language, time_zone, created_at, updated_at)
SELECT external_id, attributes, language, time_zone, statement_timestamp(), statement_timestamp()
FROM unnest(%s::text[], %s::jsonb[], %s::text[], %s::text[]) AS given (external_id, attributes, language, time_zone)
ORDER BY external_id
ON CONFLICT (external_id) DO NOTHING
RETURNING external_id, id
"""

_MERGE = """
UPDATE profiles_profile AS known
SET attributes = merged.attributes, language = merged.language, time_zone = merged.time_zone,
    updated_at = statement_timestamp()
FROM unnest(%s::integer[], %s::jsonb[], %s::jsonb[], %s::text[], %s::text[])
         AS given (id, attributes, removed, language, time_zone)
     JOIN profiles_profile AS old USING (id)
     CROSS JOIN LATERAL (
         SELECT (old.attributes || given.attributes)
                    - ARRAY(SELECT jsonb_array_elements_text(given.removed)) AS attributes,
                coalesce(given.language, old.language) AS language,
                coalesce(given.time_zone, old.time_zone) AS time_zone
     ) AS merged
WHERE known.id = given.id
  AND (merged.attributes, merged.language, merged.time_zone)
      IS DISTINCT FROM (old.attributes, old.language, old.time_zone)
"""

# Whoever says nothing about consent does not reopen an address that its owner has closed.
_ADDRESSES = """
INSERT INTO profiles_address (profile_id, channel, address, subscribed, created_at, updated_at)
SELECT profile_id, channel, address, coalesce(subscribed, true), statement_timestamp(), statement_timestamp()
FROM unnest(%s::integer[], %s::text[], %s::text[], %s::boolean[]) AS given (profile_id, channel, address, subscribed)
ORDER BY profile_id, channel, address
ON CONFLICT (profile_id, channel, address)
"""
_SAID = """
DO UPDATE SET subscribed = excluded.subscribed, updated_at = statement_timestamp()
WHERE profiles_address.subscribed <> excluded.subscribed
"""
_UNSAID = "DO NOTHING"


def store(items: Sequence[ProfileItem]) -> int:
    """Write the items, whose external ids differ; returns how many people are new. Needs a transaction."""
    open_items = {item.external_id: item for item in sorted(items, key=lambda item: item.external_id)}
    ids: dict[str, int] = {}
    known: list[ProfileItem] = []
    created = 0
    while open_items:
        found = _locked(list(open_items))
        known += [open_items.pop(external_id) for external_id in found]
        inserted = _inserted(list(open_items.values()))
        for external_id in inserted:
            del open_items[external_id]
        created += len(inserted)
        ids |= found | inserted
    _merge(known, ids)
    _store_addresses([(ids[item.external_id], address) for item in items for address in item.addresses])
    return created


def _locked(external_ids: list[str]) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [external_ids])
        return dict(cursor.fetchall())


def _inserted(items: list[ProfileItem]) -> dict[str, int]:
    if not items:
        return {}
    columns = [
        [item.external_id for item in items],
        [_json(_present(item)) for item in items],
        [item.language or "" for item in items],
        [item.time_zone or "" for item in items],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, columns)
        return dict(cursor.fetchall())


def _merge(items: list[ProfileItem], ids: dict[str, int]) -> None:
    telling = [item for item in items if item.attributes or item.language is not None or item.time_zone is not None]
    if not telling:
        return
    columns: list[Any] = [
        [ids[item.external_id] for item in telling],
        [_json(_present(item)) for item in telling],
        [_json([name for name, value in item.attributes.items() if value is None]) for item in telling],
        [item.language for item in telling],
        [item.time_zone for item in telling],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_MERGE, columns)


def _store_addresses(addresses: list[tuple[int, AddressItem]]) -> None:
    for said, conflict in ((True, _SAID), (False, _UNSAID)):
        rows = [(owner, *address) for owner, address in addresses if (address.subscribed is not None) == said]
        if rows:
            with connection.cursor() as cursor:
                columns: list[Any] = [list(column) for column in zip(*rows, strict=True)]
                cursor.execute(_ADDRESSES + conflict, columns)


def _present(item: ProfileItem) -> dict[str, Any]:
    return {name: value for name, value in item.attributes.items() if value is not None}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
