"""The custom events of somebody who is erased go from the columns as well, and so do values that only they had."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from django.db import connection

from retargeting.bitmaps import binary_cursor
from retargeting.interactions.columns import pieces
from retargeting.interactions.columns.pieces import ABSENT, Key
from retargeting.interactions.index.state import FOLD_LOCK

MINE = "SELECT name, occurred_at, properties FROM interactions_customevent WHERE profile_id = %s"


def scrub(profile_id: int) -> None:
    """Take the person's events out of the columns, and out of the dictionary the values that nobody else has.

    To be called before the person's rows go. A fold in progress is waited for, and one that has looked already fails
    on writing down how far it came, and is tried again.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [FOLD_LOCK])
        cursor.execute("UPDATE interactions_indexstate SET fold = fold")
    gone: dict[tuple[int, str], set[int]] = defaultdict(set)
    for key, piece in pieces.load(_places(profile_id)).items():
        mine = piece.profiles == profile_id
        for name, codes in piece.codes.items():
            gone[key.name_id, name] |= set(codes[mine].tolist()) - {ABSENT}
        pieces.delete([key])
        if not mine.all():
            pieces.save({key: piece.only(~mine)})
    for (name_id, name), theirs in gone.items():
        _forget(name_id, name, theirs)


def _places(profile_id: int) -> list[Key]:
    """The pieces of the days on which the person had events."""
    with binary_cursor() as db:
        db.execute(
            "SELECT DISTINCT piece.name_id, piece.day, piece.number "
            f"FROM ({MINE}) AS mine JOIN interactions_eventname AS known USING (name) "
            "JOIN interactions_eventpiece AS piece ON piece.name_id = known.id "
            "AND piece.day = (floor(extract(epoch FROM mine.occurred_at) / 86400) * 24)::int4",
            [profile_id],
        )
        return [Key(*row) for row in db]


def _forget(name_id: int, property: str, codes: set[int]) -> None:
    """Those of the values that are in no column any more."""
    with binary_cursor() as db:
        db.execute(
            "SELECT events, codes FROM interactions_eventcolumn JOIN interactions_eventpiece "
            "USING (name_id, day, number) WHERE name_id = %s AND property = %s",
            [name_id, property],
            binary=True,
        )
        for events, packed in db:
            if codes:
                codes = codes - set(np.intersect1d(pieces.unpack_codes(packed, events), list(codes)).tolist())
        db.execute(
            "DELETE FROM interactions_eventvalue WHERE name_id = %s AND property = %s AND code = ANY(%s)",
            [name_id, property, list(codes)],
        )
