"""Drawing lots: who is held out, who gets which variant. The same person and seed give the same lot every time.

Nothing is stored: a lot is a number in [0, 1) made of the person's id and a seed by the finaliser of splitmix64
(Steele, Lea and Flood, 2014), which has no pattern that a share of people could follow.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap


class Purpose(IntEnum):
    """Lots for one purpose say nothing about those for another."""

    HOLDOUT = 1
    VARIANT = 2
    TEST = 3
    CONTROL_GROUP = 4
    RANDOM_SPLIT = 5
    SIMULATION = 6


def lots(ids: npt.NDArray[np.uint32], purpose: Purpose, seed: int) -> npt.NDArray[np.float64]:
    with np.errstate(over="ignore"):
        start = np.uint64(seed * 8 + purpose) * np.uint64(0x9E3779B97F4A7C15)
        z = _mixed(_mixed(ids.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)) ^ start)
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mixed(z: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: npt.NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return mixed


def drawn(members: BitMap, purpose: Purpose, seed: int, share: float) -> BitMap:
    """Those of `members` whose lot lies below `share` (0 to 1)."""
    if not members or share <= 0:
        return BitMap()
    ids = np.frombuffer(members.to_array(), dtype=np.uint32)
    return BitMap(ids[lots(ids, purpose, seed) < share])
