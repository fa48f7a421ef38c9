"""Who is on a fixed list: people are looked up and written in sets, a statement each.

What was decided by hand lasts. Who was taken off by hand stays off, whatever a file or a program says, until somebody
puts them back; who was put on by hand stays when a file replaces the members.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.utils import timezone

from retargeting.profiles.models import MemberSource, ProfileList

_LOOK_UP = """
SELECT external_id, id FROM profiles_profile WHERE external_id = ANY(%s) ORDER BY external_id FOR KEY SHARE
"""
_OWNERS = """
WITH owner AS (
    SELECT DISTINCT address, profile_id FROM profiles_address WHERE channel = %s AND address = ANY(%s)
), held AS (
    SELECT id FROM profiles_profile WHERE id IN (SELECT profile_id FROM owner) ORDER BY id FOR KEY SHARE
)
SELECT address, array_agg(profile_id ORDER BY profile_id) FROM owner JOIN held ON held.id = profile_id GROUP BY address
"""
_ADD = """
INSERT INTO profiles_listmember (list_id, profile_id, source, added_at)
SELECT %s, profile_id, %s, now() FROM unnest(%s::integer[]) AS profile_id ORDER BY profile_id
ON CONFLICT (list_id, profile_id) DO NOTHING
"""
_REMOVE = "DELETE FROM profiles_listmember WHERE list_id = %s AND profile_id = ANY(%s)"
_REMOVE_BY_HAND = """
WITH gone AS (
    DELETE FROM profiles_listmember WHERE list_id = %s AND profile_id = ANY(%s)
    RETURNING list_id, profile_id, source, added_at
)
INSERT INTO profiles_listremoval (list_id, profile_id, source, added_at, removed_at)
SELECT list_id, profile_id, source, added_at, now() FROM gone
ON CONFLICT (list_id, profile_id) DO NOTHING
"""
_RESTORE = """
WITH back AS (
    DELETE FROM profiles_listremoval WHERE list_id = %s AND profile_id = ANY(%s)
    RETURNING list_id, profile_id, source, added_at
)
INSERT INTO profiles_listmember (list_id, profile_id, source, added_at)
SELECT list_id, profile_id, source, added_at FROM back
ON CONFLICT (list_id, profile_id) DO NOTHING
"""
_FORGET_REMOVALS = "DELETE FROM profiles_listremoval WHERE list_id = %s AND profile_id = ANY(%s)"
_TAKEN_OFF = "SELECT profile_id FROM profiles_listremoval WHERE list_id = %s AND profile_id = ANY(%s)"
_KEPT_BY_HAND = """
UPDATE profiles_listmember SET source = %s WHERE list_id = %s AND profile_id = ANY(%s) AND source <> %s
"""


def held_ids(external_ids: Iterable[str]) -> dict[str, int]:
    """The ids of those who exist; nobody is erased before this transaction is over."""
    with connection.cursor() as cursor:
        cursor.execute(_LOOK_UP, [list(external_ids)])
        return dict(cursor.fetchall())


def held_owners(channel: str, addresses: Iterable[str]) -> dict[str, list[int]]:
    """The ids of those who have each address; they too are there until this transaction is over."""
    with connection.cursor() as cursor:
        cursor.execute(_OWNERS, [str(channel), list(addresses)])
        return dict(cursor.fetchall())


def lock(list_id: int) -> ProfileList:
    """Changes of the members of one list come one after the other, and are noted as a change of the list."""
    profile_list = ProfileList.objects.select_for_update(no_key=True).get(pk=list_id)
    ProfileList.objects.filter(pk=list_id).update(updated_at=timezone.now())
    return profile_list


def add(list_id: int, profile_ids: Sequence[int], source: MemberSource) -> int:
    """Put people on the list who are not; a removal by hand is over with it. Returns how many were not on it."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET_REMOVALS, [list_id, list(profile_ids)])
        cursor.execute(_ADD, [list_id, str(source), list(profile_ids)])
        added = cursor.rowcount
        if source == MemberSource.MANUAL:
            cursor.execute(_KEPT_BY_HAND, [str(source), list_id, list(profile_ids), str(source)])
    return added


def taken_off_by_hand(list_id: int, profile_ids: Sequence[int]) -> set[int]:
    """Which of these people somebody has taken off the list."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKEN_OFF, [list_id, list(profile_ids)])
        return {profile_id for (profile_id,) in cursor.fetchall()}


def remove(list_id: int, profile_ids: Sequence[int]) -> int:
    return _written(_REMOVE, [list_id, list(profile_ids)])


def remove_by_hand(list_id: int, profile_ids: Sequence[int]) -> int:
    """Take people off and remember it."""
    return _written(_REMOVE_BY_HAND, [list_id, list(profile_ids)])


def restore(list_id: int, profile_ids: Sequence[int]) -> int:
    """Undo a removal by hand: the membership is what it was."""
    return _written(_RESTORE, [list_id, list(profile_ids)])


def _written(statement: str, params: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.rowcount
