"""Sets of profile ids: how they come out of PostgreSQL and how they are kept.

A set is a roaring bitmap of 32-bit ids. SQL hands ids over as one binary array, which numpy reads without making a
Python object for each: 250,000 ids in well under a tenth of a second.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
from django.db import connection
from django.db.models import QuerySet
from pyroaring import BitMap

# The binary form of a one-dimensional int4[]: dimensions, null flag, element type, length and lower bound, four bytes
# each, and then every element as its own length (4) and its value, big-endian.
ARRAY_HEADER = 20
ELEMENT = np.dtype([("length", ">i4"), ("value", ">i4")])


@contextlib.contextmanager
def binary_cursor() -> Iterator[psycopg.Cursor[Any]]:
    """A cursor of psycopg's own: Django's fills in parameters as text and cannot ask for binary answers."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        yield cursor


def fetch_bitmap(query: str, params: Sequence[Any] = ()) -> BitMap:
    """Run `query`, which gives one column of int4 ids (repeats are fine), and return the ids as a bitmap."""
    with binary_cursor() as cursor:
        cursor.execute(f"SELECT array_send(array_agg(id)) FROM ({query}) AS ids (id)", params, binary=True)  # noqa: S608  (ours)
        row = cursor.fetchone()
    if row is None or row[0] is None:
        return BitMap()
    return BitMap(ids_of_array(row[0]))


def ids_of_array(array: bytes) -> npt.NDArray[np.uint32]:
    """The ids of `array_send(int4[])` without nulls."""
    elements = np.frombuffer(array, dtype=ELEMENT, offset=ARRAY_HEADER)
    return np.ascontiguousarray(elements["value"], dtype=np.uint32)


def bitmap_of(ids: QuerySet[Any, Any]) -> BitMap:
    """The ids of a `values_list` of one int4 column."""
    return fetch_bitmap(*ids.order_by().query.sql_with_params())


def at_least(sets: Sequence[BitMap], k: int) -> BitMap:
    """The ids that are in at least `k` of `sets`.

    `reached[j]` holds those found in more than j of the sets seen so far; another set lifts what it shares by one.
    """
    reached = [BitMap() for _ in range(k)]
    for members in sets:
        for j in range(k - 1, 0, -1):
            reached[j] |= reached[j - 1] & members
        reached[0] |= members
    return reached[k - 1]


def pack(members: BitMap) -> bytes:
    """The portable serialised form, run-length encoded where that is smaller."""
    packed = members.copy()
    packed.run_optimize()
    return bytes(packed.serialize())


def unpack(data: bytes | memoryview) -> BitMap:
    return BitMap.deserialize(bytes(data))


def bytes_of(members: BitMap) -> int:
    """About how much memory it takes."""
    statistics = members.get_statistics()
    return 200 + (
        statistics["n_bytes_array_containers"]
        + statistics["n_bytes_run_containers"]
        + statistics["n_bytes_bitset_containers"]
    )
