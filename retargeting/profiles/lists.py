"""Who is on a fixed list: looked up by external id and written in two statements."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

_LOOK_UP = """
SELECT external_id, id FROM profiles_profile WHERE external_id = ANY(%s) ORDER BY external_id FOR KEY SHARE
"""
_ADD = """
INSERT INTO profiles_listmember (list_id, profile_id, added_at)
SELECT %s, profile_id, now() FROM unnest(%s::integer[]) AS profile_id ORDER BY profile_id
ON CONFLICT (list_id, profile_id) DO NOTHING
"""
_REMOVE = "DELETE FROM profiles_listmember WHERE list_id = %s AND profile_id = ANY(%s)"


def held_ids(external_ids: Iterable[str]) -> dict[str, int]:
    """The ids of those who exist; nobody is erased before this transaction is over."""
    with connection.cursor() as cursor:
        cursor.execute(_LOOK_UP, [list(external_ids)])
        return dict(cursor.fetchall())


def add(list_id: int, profile_ids: list[int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [list_id, profile_ids])
        return cursor.rowcount


def remove(list_id: int, profile_ids: list[int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_REMOVE, [list_id, profile_ids])
        return cursor.rowcount
