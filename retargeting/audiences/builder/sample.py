"""Ten people out of an audience: at random, and the same ones as long as they are in it."""

from __future__ import annotations

import random

from pyroaring import BitMap

SIZE = 10
_POINTS = [random.Random(20).random() for _ in range(4 * SIZE)]  # noqa: S311 - only has to look arbitrary


def sampled(members: BitMap, size: int = SIZE) -> list[int]:
    """Each of a fixed set of points picks the next member above it: a changed audience changes few of them."""
    if len(members) <= size:
        return list(members)
    low, high = members.min(), members.max()
    found: dict[int, None] = {}
    for point in _POINTS:
        at = members.rank(low + int(point * (high - low))) % len(members)
        found.setdefault(members[at])
        if len(found) == size:
            return list(found)
    for member in members:
        found.setdefault(member)
        if len(found) == size:
            break
    return list(found)
