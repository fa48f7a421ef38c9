"""Sets of people that are kept and brought up to date: everybody, the reachable, those on a list, those who are so.

A set is kept with the snapshot of the database in which it was worked out. Each statement that changes people notes
whom, in its transaction. So a set is out of date exactly in those whom transactions noted that its snapshot did not
see: only they are asked about again, and the answer is exact, whoever writes meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from pyroaring import BitMap

from retargeting.bitmaps import binary_cursor, bytes_of, fetch_bitmap, unpack
from retargeting.conditions.nodes import Channel
from retargeting.memory import Memory

MEMORY = Memory()
CHANNELS = frozenset(map(str, Channel))


@dataclass(frozen=True, slots=True)
class Question:
    """Who is in a set: `sql` gives their ids in one column, `topic` is what the answer changes with.

    Without a `name` the answer is not kept: it changes with time as well.
    """

    name: str
    topic: str
    sql: str
    params: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A view of the database. `text` is PostgreSQL's form of it: xmin:xmax:those in progress between."""

    cluster: int
    text: str

    @property
    def xmin(self) -> int:
        return int(self.text.partition(":")[0])


@dataclass(frozen=True, slots=True)
class Kept:
    """A set as it was in a snapshot."""

    members: BitMap
    snapshot: Snapshot


EVERYBODY = Question("everybody", "profile", "SELECT id FROM profiles_profile")


def reachable_on(channel: Channel) -> Question:
    """Who has a usable address: subscribed and not suppressed."""
    return Question(
        f"reachable:{channel}",
        str(channel),
        "SELECT profile_id FROM profiles_address AS a WHERE channel = %s AND subscribed AND NOT EXISTS "
        "(SELECT FROM profiles_suppression AS s WHERE s.channel = a.channel AND s.address = a.address)",
        (str(channel),),
    )


def on_list(id: int) -> Question:
    return Question(f"list:{id}", f"list:{id}", "SELECT profile_id FROM profiles_listmember WHERE list_id = %s", (id,))


class Sets:
    """All questions of one snapshot of the database."""

    def __init__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT (SELECT system_identifier FROM pg_control_system()), pg_current_snapshot()::text,
                       pg_current_xact_id_if_assigned() IS NOT NULL,
                       current_setting('transaction_isolation') = 'repeatable read',
                       (SELECT generation FROM profiles_setstate), (SELECT horizon FROM profiles_setstate)
                """
            )
            row = cursor.fetchone()
            assert row
            cluster, text, self.writing, self.steady, self.generation, self.horizon = row
        if self.writing:
            # A transaction's own view does not list it among those in progress: leave out all that began after it.
            text = "{0}:{0}:".format(text.partition(":")[0])
        self.snapshot = Snapshot(cluster, text)

    generation: UUID | None
    """None: nothing may be kept, since nobody sees to the notes of changes."""

    horizon: int | None
    """Notes of transactions below are gone, and with them the use of sets from before."""

    writing: bool
    """Whether the transaction around may have changed people itself: what it sees may be undone, and is not kept."""

    steady: bool
    """Whether the view stays the same: else notes may go between two looks, and memory is not used."""

    def who(self, question: Question) -> BitMap:
        """The answer as of this snapshot: a set of the caller's own."""
        kept = self._kept(question.name)
        members = fetch_bitmap(question.sql, question.params) if kept is None else self.corrected(kept, question)
        self._keep(question.name, members)
        return members.copy()

    def each(self, questions: Sequence[Question]) -> list[BitMap]:
        """As `who` for each: the answers that nothing has changed take two statements for all of them."""
        names = [question.name for question in questions]
        kept = {name: found for name in names if (found := self._remembered(name)) is not None}
        if missing := [name for name in names if name not in kept]:
            kept |= self.stored(missing)
        changed = self._changed_topics([
            (question.topic, kept[question.name].snapshot) for question in questions if question.name in kept
        ])  # fmt: skip
        answers = []
        for question in questions:
            if question.name not in kept or question.topic in changed:
                answers.append(self.who(question))
                continue
            members = kept[question.name].members
            self._keep(question.name, members)
            answers.append(members.copy())
        return answers

    def _changed_topics(self, since: Sequence[tuple[str, Snapshot]]) -> set[str]:
        """Those of the topics of which transactions noted changes that the snapshot beside it did not see."""
        rows = _fetch(
            "SELECT DISTINCT topic FROM unnest(%s::text[], %s::bigint[], %s::text[]) AS since (topic, xmin, text) "
            "JOIN profiles_change USING (topic) WHERE transaction >= xmin "
            "AND NOT pg_visible_in_snapshot(transaction::text::xid8, text::pg_snapshot)",
            [
                [topic for topic, _ in since],
                [snapshot.xmin for _, snapshot in since],
                [snapshot.text for _, snapshot in since],
            ],
        )
        return {row[0] for row in rows}

    def who_has(self, question: Question, attribute: str, condition: str) -> BitMap:
        """As `who`, for a `condition` on the `attributes` of a profile: where its values are few, they are asked."""
        name = f"attribute:{attribute}"
        stored = self.stored([name]).get(name)
        if stored is None or (question.name and MEMORY.get(self._name(question.name)) is not None):
            return self.who(question)
        rows = _fetch(
            "SELECT members FROM (SELECT members, CASE WHEN value IS NULL THEN '{}' "
            "ELSE jsonb_build_object(attribute, value) END AS attributes "
            f"FROM profiles_attributevalue WHERE attribute = %s) AS profile WHERE {condition}",
            [attribute, *question.params],
        )
        members = BitMap.union(*(unpack(row[0]) for row in rows)) if rows else BitMap()
        members = self.corrected(Kept(members, stored.snapshot), question)
        self._keep(question.name, members)
        return members.copy()

    def corrected(self, kept: Kept, question: Question) -> BitMap:
        changed = self.changed(question.topic, kept.snapshot)
        if not changed:
            return kept.members
        again = fetch_bitmap(
            f"SELECT id FROM ({question.sql}) AS people (id) WHERE id = ANY(%s)",
            [*question.params, changed.to_array().tolist()],
        )
        return (kept.members - changed) | again

    def changed(self, topic: str, since: Snapshot) -> BitMap:
        """Whom transactions noted that `since` did not see and this snapshot does."""
        unseen = (
            "FROM profiles_change WHERE topic = %s AND transaction >= %s "
            "AND NOT pg_visible_in_snapshot(transaction::text::xid8, %s::pg_snapshot)"
        )
        params = [topic, since.xmin, since.text]
        query = f"SELECT unnest(ids) {unseen}"
        if topic in CHANNELS:
            query += (
                " UNION SELECT profile_id FROM profiles_address WHERE channel = %s "
                f"AND address IN (SELECT unnest(addresses) {unseen})"
            )
            params += [topic, *params]
        return fetch_bitmap(query, params)

    def stored(self, names: Sequence[str]) -> dict[str, Kept]:
        """Those of the sets that are stored and can still be brought up to date."""
        if self.generation is None:
            return {}
        rows = _fetch(
            "SELECT name, snapshot::text, members FROM profiles_peopleset WHERE name = ANY(%s) AND cluster = %s",
            [list(names), self.snapshot.cluster],
        )
        return {
            name: Kept(BitMap() if members is None else unpack(members), Snapshot(self.snapshot.cluster, text))
            for name, text, members in rows
        }

    def _kept(self, name: str) -> Kept | None:
        if not name:
            return None
        return self._remembered(name) or self.stored([name]).get(name)

    def _remembered(self, name: str) -> Kept | None:
        kept: Kept | None = MEMORY.get(self._name(name)) if self.generation is not None and self.steady else None
        if kept is not None and self.horizon is not None and kept.snapshot.xmin >= self.horizon:
            return kept
        return None

    def _keep(self, name: str, members: BitMap) -> None:
        if name and self.generation is not None and self.steady and not self.writing:
            MEMORY.keep(self._name(name), Kept(members, self.snapshot), bytes_of(members))

    def _name(self, name: str) -> tuple[Any, ...]:
        return self.generation, self.snapshot.cluster, name


def _fetch(query: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """In binary, since the members are."""
    with binary_cursor() as cursor:
        return cursor.execute(query, params, binary=True).fetchall()
