"""Journeys that are moved together: those at one step of one version whose time has come, as columns of numbers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from retargeting.bitmaps import Ids, binary_cursor, bitmap_of_ids, column_of_array, ids_of_array, ids_of_bitmap

Rows = npt.NDArray[np.intp]
"""Places in the columns of a batch."""

Mask = npt.NDArray[np.bool_]

MOST = 20_000
"""Journeys in one batch: what is held in memory, and for how long rows are locked, does not grow with what is due."""

# The transaction that wrote a row last tells whether it has been written since.
DUE = """
    SELECT array_send(array_agg(id)), array_send(array_agg(profile_id)), array_send(array_agg(lap)),
        array_send(array_agg((way = 'met')::int)), array_send(array_agg((way <> '')::int)),
        array_send(array_agg(written)), min(since), min(entered_at)
    FROM (
        SELECT id, profile_id, lap, way, since, entered_at, xmin::text::bigint AS written
        FROM automations_journey
        WHERE version_id = %s AND step = %s AND status = 'waiting' AND {which}
        {order} LIMIT %s
    ) AS due
"""
AT_TIME, AT_ALL = "due_at <= %s", "way = 'waits'"


@dataclass(frozen=True, slots=True)
class Batch:
    """`waited` marks those who do not come to the step but waited there, `met` those who got what they waited for.

    `written` is the transaction that wrote each row last.
    """

    automation: int
    version: int
    step: str
    now: datetime
    ids: npt.NDArray[np.int64]
    profiles: Ids
    laps: npt.NDArray[np.int32]
    met: Mask
    waited: Mask
    written: npt.NDArray[np.int64]
    since: datetime | None = None
    people: BitMap = field(default_factory=BitMap)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def all(self) -> Rows:
        return np.arange(len(self.ids))

    def of_people(self, people: BitMap) -> Mask:
        """Which rows are those of `people`."""
        mask: Mask = np.isin(self.profiles, ids_of_bitmap(people & self.people))
        return mask


def due(automation: int, version: int, step: str, now: datetime, *, most: int = MOST) -> Batch:
    return _read(automation, version, step, now, DUE.format(which=AT_TIME, order="ORDER BY due_at"), [now, most])


def waiting(automation: int, version: int, step: str, now: datetime) -> Batch:
    """Everybody who waits there and has not got what they wait for."""
    return _read(automation, version, step, now, DUE.format(which=AT_ALL, order=""), [None])


def _read(automation: int, version: int, step: str, now: datetime, query: str, rest: list[object]) -> Batch:
    with binary_cursor() as cursor:
        cursor.execute(query, [version, step, *rest], binary=True)
        row = cursor.fetchone()
    assert row is not None
    ids, profiles, laps, met, waited, written, since, entered = row
    people = ids_of_array(profiles)
    return Batch(
        automation=automation,
        version=version,
        step=step,
        now=now,
        ids=column_of_array(ids, ">i8"),
        profiles=people,
        laps=column_of_array(laps, ">i4"),
        met=column_of_array(met, ">i4").astype(bool),
        waited=column_of_array(waited, ">i4").astype(bool),
        written=column_of_array(written, ">i8"),
        since=None if since is None else min(since, entered),
        people=bitmap_of_ids(people),
    )


def only(rows: Rows, mask: Mask) -> tuple[Rows, Rows]:
    """`rows` in two: those that the mask of the whole batch holds, and the others."""
    chosen = mask[rows]
    return rows[chosen], rows[~chosen]


def none() -> Rows:
    return np.empty(0, dtype=np.intp)


def joined(parts: Collection[Rows]) -> Rows:
    return np.concatenate(list(parts)) if parts else none()
