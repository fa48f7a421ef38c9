"""How often each person had something, as bit-sliced bitmaps.

Slice i is the set of the people whose count has bit i set, so that counts of a million people are added, and compared
to a number, by a handful of set operations. (P. O'Neil and D. Quass, "Improved query performance with variant
indexes", 1997; addition and comparison are the ripple-carry circuits of any processor.)
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from pyroaring import BitMap

from retargeting.bitmaps import Ids, bitmap_of_ids, bitmap_of_mask, bytes_of, ids_of_bitmap

Slices = list[BitMap]
"""No slices are counts of zero; the last slice is never empty."""

SPARSE = 512
"""Up to so many events are kept as plain ids, repeats and all: smaller, and read many at a time."""

FAR_APART = 16
"""People of whom there is one in so many, or fewer, lie far apart."""

_PLAIN, _SLICED = 0, 1
_NO_IDS: Ids = np.empty(0, dtype=np.uint32)


def count_ids(ids: Ids) -> Slices:
    """The counts of a list of ids with repeats."""
    return _count({0: [ids]})


def _count(parts: Mapping[int, Sequence[Ids]]) -> Slices:
    """The counts of lists of ids with repeats: each under bit b counts 2^b times.

    Where they lie close enough they are counted in a table with a place for each id, which is many times faster than
    sorting them.
    """
    by_bit = {bit: np.concatenate(lists) for bit, lists in parts.items() if any(map(len, lists))}
    if not by_bit:
        return []
    places = 1 + max(int(ids.max()) for ids in by_bit.values())
    if places < 16 * sum(map(len, by_bit.values())):
        table: Any = 0
        for bit, ids in by_bit.items():
            table += np.bincount(ids, minlength=places) * (1 << bit)
        highest = int(table.max())
        counts = table.astype(np.min_scalar_type(highest))  # bits of small numbers are looked at faster
        return [bitmap_of_mask((counts >> bit) & 1 == 1) for bit in range(highest.bit_length())]
    repeated = np.concatenate([np.repeat(ids, 1 << bit) for bit, ids in by_bit.items()])
    people, times = np.unique(repeated, return_counts=True)
    return [bitmap_of_ids(people[(times >> bit) & 1 == 1]) for bit in range(int(times.max()).bit_length())]


def list_ids(slices: Slices) -> Ids:
    """The ids of counts, each as often as it counts."""
    parts = [np.repeat(ids_of_bitmap(members), 1 << bit) for bit, members in enumerate(slices)]
    return np.concatenate(parts) if parts else _NO_IDS


def total(slices: Slices) -> int:
    """The number of events."""
    return sum(len(members) << bit for bit, members in enumerate(slices))


def add_to(total: Slices, more: Slices) -> None:
    """Add `more` to `total` in place; what was in `more` stays as it is."""
    for bit, members in enumerate(more):
        carry, position = members, bit
        while carry:
            while len(total) <= position:
                total.append(BitMap())
            slice_ = total[position]
            both = slice_ & carry
            slice_ ^= carry
            carry, position = both, position + 1


def size(slices: Sequence[BitMap]) -> int:
    """About how many bytes they take in memory."""
    return sum(map(bytes_of, slices))


def copy(slices: Slices) -> Slices:
    return [members.copy() for members in slices]


def between(slices: Slices, low: int, high: int | None) -> BitMap:
    """The people whose count is at least `low` (≥ 1) and at most `high`."""
    reached = _at_least(slices, low)
    return reached if high is None else reached - _at_least(slices, high + 1)


def _at_least(slices: Slices, number: int) -> BitMap:
    """From the highest bit down: who is above already, and who is level so far."""
    if number.bit_length() > len(slices):
        return BitMap()
    above, level = BitMap(), BitMap.union(*slices)
    for bit in range(len(slices) - 1, -1, -1):
        if number >> bit & 1:
            level &= slices[bit]
        else:
            above |= level & slices[bit]
            level -= slices[bit]
    return above | level


def pack(slices: Slices) -> bytes:
    """For keeping: plain ids when there are few, else each slice with its length before it."""
    if total(slices) <= SPARSE:
        return bytes([_PLAIN]) + list_ids(slices).astype("<u4").tobytes()
    parts = [bytes([_SLICED, len(slices)])]
    for members in slices:
        members.run_optimize()
        data = members.serialize()
        parts += [struct.pack("<I", len(data)), data]
    return b"".join(parts)


def unpack(data: bytes) -> Slices:
    return count_ids(_plain_ids(data)) if data[0] == _PLAIN else list(_sliced(data))


def sum_of(packed: Iterable[bytes], *more: Ids) -> Slices:
    """The sum of many packed counts, and of ids with repeats.

    Sets in which people lie far apart are counted as lists of ids, since to add each of them to a growing sum costs as
    much as the sum is large; where they lie close, adding bits is by far the fastest.
    """
    lists: dict[int, list[Ids]] = defaultdict(list)
    lists[0] += more
    close: list[Slices] = []
    for data in packed:
        if data[0] == _PLAIN:
            lists[0].append(_plain_ids(data))
            continue
        slices = list(_sliced(data))
        largest = max(slices, key=len)
        if len(largest) * FAR_APART > largest.max() - largest.min():
            close.append(slices)
            continue
        for bit, members in enumerate(slices):
            lists[bit].append(ids_of_bitmap(members))
    total = _count(lists)
    for slices in close:
        add_to(total, slices)
    return total


def union_of(packed: Sequence[bytes]) -> BitMap:
    """Everybody who is counted in any of them."""
    sets = [members for data in packed if data[0] == _SLICED for members in _sliced(data)]
    few = [_plain_ids(data) for data in packed if data[0] == _PLAIN]
    if few:
        sets.append(bitmap_of_ids(np.concatenate(few)))
    return BitMap.union(*sets) if sets else BitMap()


def _plain_ids(data: bytes) -> Ids:
    return np.frombuffer(data, dtype="<u4", offset=1)


def _sliced(data: bytes) -> Iterator[BitMap]:
    position = 2
    for _ in range(data[1]):
        (length,) = struct.unpack_from("<I", data, position)
        position += 4
        yield BitMap.deserialize(data[position : position + length])
        position += length
