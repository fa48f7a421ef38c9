"""Sets of profile ids: how they come out of PostgreSQL and how they are kept.

A set is a roaring bitmap of 32-bit ids. SQL hands ids over as one binary array, which numpy reads without making a
Python object for each.
"""

from __future__ import annotations

import contextlib
from array import array
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

# The portable form of a roaring bitmap without runs: this number, then how many containers of 65,536 ids there are.
ROARING_COOKIE = 12346
CONTAINER, MOST_IN_ARRAY = 65_536, 4096

Ids = npt.NDArray[np.uint32]
Mask = npt.NDArray[np.bool_]


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
    return bitmap_of_ids(ids_of_array(row[0])) if row else BitMap()


def ids_of_array(data: bytes | None) -> Ids:
    """The ids of `array_send(int4[])` without nulls; None is no ids."""
    return column_of_array(data, ">u4")


def column_of_array(data: bytes | None, dtype: str) -> npt.NDArray[Any]:
    """The elements of `array_send` of any type of fixed length, without nulls; None is no elements."""
    if data is None:
        return np.empty(0, dtype=np.dtype(dtype).newbyteorder("="))
    elements = np.frombuffer(data, dtype=[("length", ">i4"), ("value", dtype)], offset=ARRAY_HEADER)
    return np.ascontiguousarray(elements["value"]).astype(np.dtype(dtype).newbyteorder("="))


def bitmap_of_ids(ids: Ids) -> BitMap:
    """The ids, in any order and with repeats. pyroaring alone takes them one by one, ten times as slow."""
    if len(ids) == 0:
        return BitMap()
    highest = int(ids.max())
    if highest < 64 * len(ids):
        mask = np.zeros(highest + 1, dtype=bool)
        mask[ids] = True
        return bitmap_of_mask(mask)
    return BitMap(array("I", np.sort(ids).astype("=u4").tobytes()))


def bitmap_of_mask(mask: Mask) -> BitMap:
    """The places at which the mask is true: it is put into the portable form of a bitmap, container by container.

    The form is that of the Roaring format specification: cookie, number of containers, of each its number and how many
    are in it less one, where each begins, and then the containers themselves: bits, or up to 4,096 places.
    """
    padded = np.zeros((-(-len(mask) // CONTAINER), CONTAINER), dtype=bool)
    padded.reshape(-1)[: len(mask)] = mask
    counts = np.count_nonzero(padded, axis=1)
    present = np.flatnonzero(counts)
    bodies = [
        np.packbits(padded[key], bitorder="little").tobytes()
        if counts[key] > MOST_IN_ARRAY
        else np.flatnonzero(padded[key]).astype("<u2").tobytes()
        for key in present.tolist()
    ]
    heads = np.stack([present, counts[present] - 1], axis=1).astype("<u2").tobytes()
    first = 8 + 8 * len(present)
    begins = first + np.concatenate([[0], np.cumsum([len(body) for body in bodies])])[:-1]
    cookie = np.array([ROARING_COOKIE, len(present)], dtype="<u4").tobytes()
    return BitMap.deserialize(b"".join([cookie, heads, begins.astype("<u4").tobytes(), *bodies]))


def ids_of_bitmap(members: BitMap) -> Ids:
    """In order."""
    return np.frombuffer(members.to_array(), dtype=np.uint32)


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
