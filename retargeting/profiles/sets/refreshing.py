"""Bringing stored sets up to date, so that few changes are left to be looked at, and letting old notes go."""

from __future__ import annotations

from django.db import connection, transaction
from pyroaring import BitMap

from retargeting.bitmaps import binary_cursor, bitmap_of_ids, fetch_bitmap, ids_of_array, pack, unpack
from retargeting.conditions.nodes import Channel
from retargeting.profiles.models import AttributeValue, ProfileList, SetState
from retargeting.profiles.sets.reading import EVERYBODY, Kept, Question, Sets, on_list, reachable_on

LOCK = 7011
"""The advisory lock of whoever stores sets: one at a time."""

NOTES_KEPT_MINUTES = 15
"""So long processes may keep sets in memory without asking after them."""

MOST_VALUES = 1000
"""Attributes with more values than that have no sets of their own: a set a value pays while they are few."""

MOST_ATTRIBUTES = 60
"""So many attributes have sets, the most common ones: each is looked at whenever people were changed."""

SAMPLE = 20_000
ATTRIBUTE, MANY = "attribute:", "many:"
"""Names of what is stored: the values of an attribute, and that it has too many."""


def refresh(*, look_for_attributes: bool = False) -> bool:
    """Store all sets as they are now, in one view of the database; False when another process is at it."""
    with transaction.atomic(), connection.cursor() as cursor:
        if len(connection.savepoint_ids) == 0:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        row = cursor.fetchone()
        if not (row and row[0]):
            return False
        sets = Sets()
        if sets.generation is None:
            cursor.execute("INSERT INTO profiles_setstate (id) VALUES (1)")
            sets.generation = SetState.objects.get().generation
        _forget_other_clusters(sets)
        topics = _topics(sets)
        wanted = [
            EVERYBODY,
            *map(reachable_on, Channel),
            *map(on_list, ProfileList.objects.values_list("pk", flat=True)),
        ]
        stored = sets.stored([question.name for question in wanted])
        for question in wanted:
            _store(sets, question, stored.get(question.name), topics)
        if look_for_attributes:
            _look_for_attributes(sets)
        if "profile" in topics:
            _correct_attributes(sets)
        names = [question.name for question in wanted]
        cursor.execute(
            "DELETE FROM profiles_peopleset "
            "WHERE name <> ALL(%s) AND NOT starts_with(name, %s) AND NOT starts_with(name, %s)",
            [names, ATTRIBUTE, MANY],
        )
        cursor.execute("UPDATE profiles_peopleset SET snapshot = %s", [sets.snapshot.text])
        _let_notes_go()
    return True


def renew() -> None:
    """Have all processes forget what they keep in memory: the contents may have been replaced by a dump."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE profiles_setstate SET generation = gen_random_uuid()")


def _forget_other_clusters(sets: Sets) -> None:
    """After a dump was restored here transactions are counted anew, and old snapshots say nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM profiles_peopleset WHERE cluster <> %s)", [sets.snapshot.cluster])
        row = cursor.fetchone()
        if row and row[0]:
            cursor.execute("DELETE FROM profiles_peopleset; DELETE FROM profiles_attributevalue")
            cursor.execute("DELETE FROM profiles_change; UPDATE profiles_setstate SET horizon = 0, next_horizon = 0")
            renew()  # without the notes nobody could correct what is in memory


def _topics(sets: Sets) -> set[str]:
    """What has changed since any set was stored."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT topic FROM profiles_change WHERE transaction >= coalesce("
            "(SELECT min(pg_snapshot_xmin(snapshot)::text::bigint) FROM profiles_peopleset), 0)"
        )
        return {topic for (topic,) in cursor.fetchall()}


def _store(sets: Sets, question: Question, kept: Kept | None, topics: set[str]) -> None:
    if kept is not None and question.topic not in topics:
        return
    members = fetch_bitmap(question.sql, question.params) if kept is None else sets.corrected(kept, question)
    if kept is None or members != kept.members:
        _write(sets, question.name, pack(members))


def _write(sets: Sets, name: str, members: bytes | None) -> None:
    with binary_cursor() as cursor:
        cursor.execute(
            "INSERT INTO profiles_peopleset (name, cluster, snapshot, members) VALUES (%s, %s, %s, %b) "
            "ON CONFLICT (name) DO UPDATE SET members = excluded.members",
            [name, sets.snapshot.cluster, sets.snapshot.text, members],
        )


def _look_for_attributes(sets: Sets) -> None:
    """Give sets to attributes that have few values in a sample, unless they turn out to have many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT greatest(reltuples, 1) FROM pg_class WHERE oid = 'profiles_profile'::regclass")
        (estimate,) = cursor.fetchone() or (1,)
        cursor.execute(
            """
            SELECT key FROM profiles_profile TABLESAMPLE SYSTEM (%s), jsonb_each(attributes)
            WHERE NOT EXISTS (SELECT FROM profiles_peopleset WHERE name IN (%s || key, %s || key))
            GROUP BY key HAVING count(DISTINCT value) <= %s ORDER BY count(*) DESC
            LIMIT greatest(0, %s - (SELECT count(*) FROM profiles_peopleset WHERE starts_with(name, %s)))
            """,
            [min(100.0, 100.0 * SAMPLE / estimate), ATTRIBUTE, MANY, MOST_VALUES // 2, MOST_ATTRIBUTES, ATTRIBUTE],
        )
        found = [key for (key,) in cursor.fetchall()]
    for attribute in found:
        values = _values(attribute, None)
        if len(values) > MOST_VALUES:
            _write(sets, MANY + attribute, None)
            continue
        for _, value, members in values:
            _write_value(None, attribute, value, members)
        _write(sets, ATTRIBUTE + attribute, None)


def _correct_attributes(sets: Sets) -> None:
    """Move those who were changed to the values that they have now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, snapshot::text FROM profiles_peopleset WHERE starts_with(name, %s)", [ATTRIBUTE])
        names = [name for name, _ in cursor.fetchall()]
    stored = sets.stored(names)
    for name, kept in stored.items():
        attribute = name.removeprefix(ATTRIBUTE)
        changed = sets.changed("profile", kept.snapshot)
        if not changed:
            continue
        now = _values(attribute, changed)
        if sum(id is None for id, _, _ in now) > MOST_VALUES:
            _give_up(name, attribute)
            continue
        news = {id: members for id, _, members in now if id is not None}
        for row in AttributeValue.objects.filter(attribute=attribute):
            before = unpack(row.members)
            after = (before - changed) | news.get(row.pk, BitMap())
            if after != before:
                _write_value(row.pk, attribute, None, after)
        for id, value, members in now:
            if id is None:
                _write_value(None, attribute, value, members)
        if AttributeValue.objects.filter(attribute=attribute).count() > 2 * MOST_VALUES:
            _give_up(name, attribute)


def _values(attribute: str, among: BitMap | None) -> list[tuple[int | None, str | None, BitMap]]:
    """Each value (JSON; None is no value) that people have now: its row if it has one, and who has it."""
    where, params = ("", []) if among is None else ("WHERE id = ANY(%s)", [among.to_array().tolist()])
    with binary_cursor() as cursor:
        rows = cursor.execute(
            f"""
            SELECT known.id, now.value::text, now.ids
            FROM (SELECT attributes -> %s AS value, array_send(array_agg(id)) AS ids
                  FROM profiles_profile {where} GROUP BY 1) AS now
            LEFT JOIN profiles_attributevalue AS known
                ON known.attribute = %s AND known.value IS NOT DISTINCT FROM now.value
            """,
            [attribute, *params, attribute],
            binary=True,
        ).fetchall()
    return [(id, value, bitmap_of_ids(ids_of_array(ids))) for id, value, ids in rows]


def _write_value(id: int | None, attribute: str, value: str | None, members: BitMap) -> None:
    with binary_cursor() as cursor:
        if id is None:
            cursor.execute(
                "INSERT INTO profiles_attributevalue (attribute, value, members) VALUES (%s, %s::jsonb, %b)",
                [attribute, value, pack(members)],
            )
        else:
            cursor.execute("UPDATE profiles_attributevalue SET members = %b WHERE id = %s", [pack(members), id])


def _give_up(name: str, attribute: str) -> None:
    """It has too many values for sets of its own."""
    AttributeValue.objects.filter(attribute=attribute).delete()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE profiles_peopleset SET name = %s WHERE name = %s", [MANY + attribute, name])


def _let_notes_go() -> None:
    """In two steps, so that each note is there for a while after the last set that was stored before it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE profiles_setstate SET horizon = next_horizon, next_at = now() + make_interval(mins => %s),
                next_horizon = (SELECT min(pg_snapshot_xmin(snapshot)::text::bigint) FROM profiles_peopleset)
            WHERE next_at <= now() RETURNING horizon
            """,
            [NOTES_KEPT_MINUTES],
        )
        if row := cursor.fetchone():
            cursor.execute("DELETE FROM profiles_change WHERE transaction < %s", [row[0]])
