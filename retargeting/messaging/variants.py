"""Variants of a message: who of a dispatch gets which, and who waits for the winner.

A dispatch without `variants` has one message, its `content`. With them each is {"key", "name", "weight", "content"};
the first is the original, and the weights are whole percents that make 100. Those who try the variants out are a
share of all (`test_share`), drawn by lot; the others get the `winner` when there is one. Both lots come from the
person and the campaign alone, so that whoever asks again gets the same answer: a second worker, a retry, the next run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pyroaring import BitMap

from retargeting.bitmaps import ids_of_bitmap
from retargeting.messaging.draws import Purpose, drawn, lots
from retargeting.messaging.models import Dispatch

MOST = 8
"""Variants of one message, the original included: with more, each gets too few people to tell them apart."""
UNDECIDED = ""
"""The key of somebody who gets the winner while there is none."""


def check_weights(weights: Sequence[int]) -> str:
    """What is wrong with the weights of all variants, in words; empty for nothing."""
    if any(weight < 1 for weight in weights):
        return "every variant needs at least 1 %"
    if sum(weights) != 100:
        return f"the weights make {sum(weights)} %, not 100 %"
    return ""


def even_weights(number: int) -> list[int]:
    """100 % cut into `number` whole parts as equal as can be, the larger ones first."""
    each, left = divmod(100, number)
    return [each + (place < left) for place in range(number)]


def testers(dispatch: Dispatch, members: BitMap) -> BitMap:
    """Those of `members` who get one of the variants by lot; all where no winner is waited for."""
    if not dispatch.variants or dispatch.test_share >= 100:
        return members
    return drawn(members, Purpose.TEST, dispatch.orchestration_id, dispatch.test_share / 100)


def assigned(dispatch: Dispatch, members: BitMap) -> dict[int, str]:
    """The key of each person's variant; UNDECIDED where it will be the winner's. Empty without variants."""
    if not dispatch.variants or not members:
        return {}
    keys = np.array([variant["key"] for variant in dispatch.variants])
    bounds = np.cumsum([variant["weight"] for variant in dispatch.variants]) / 100
    ids = ids_of_bitmap(members)
    # The last bound is 1 and no lot reaches it.
    places = np.searchsorted(bounds[:-1], lots(ids, Purpose.VARIANT, dispatch.orchestration_id), side="right")
    found = dict(zip(ids.tolist(), keys[places].tolist(), strict=True))
    return found | dict.fromkeys(members - testers(dispatch, members), dispatch.winner or UNDECIDED)


def contents(dispatch: Dispatch) -> Mapping[str, Mapping[str, Any]]:
    """What each variant says, by key."""
    return {variant["key"]: variant["content"] for variant in dispatch.variants}
