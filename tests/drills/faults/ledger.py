"""What goes wrong at a provider, when, and the provider's own book of what it took from whom."""

from __future__ import annotations

import random
from collections import Counter
from enum import StrEnum


class Fault(StrEnum):
    HANG = "never answered"
    RESET = "connection reset"
    TOO_MANY = "too many, with a time to wait"
    UNAVAILABLE = "unavailable"
    ERROR = "internal error"
    DUPLICATE = "called a duplicate"


SHARE = {
    Fault.HANG: 0.0002,  # each costs its batch the time-out
    Fault.RESET: 0.001,
    Fault.TOO_MANY: 0.0005,
    Fault.UNAVAILABLE: 0.002,
    Fault.ERROR: 0.003,
    Fault.DUPLICATE: 0.0006,
}
MAY_BE_TAKEN = {Fault.HANG, Fault.RESET, Fault.DUPLICATE}
"""Of these the provider takes every second one all the same: its answer is lost, or a lie."""


class Ledger:
    """`taken` is by address. Faults come at requests that are drawn beforehand, each kind at least twice."""

    def __init__(self, requests: int, seed: int) -> None:
        self.taken: Counter[str] = Counter()
        self.faults: Counter[Fault] = Counter()
        self.lost: set[str] = set()  # whose answer never came
        self.lied: set[str] = set()
        self._requests = 0
        kinds = [fault for fault, share in SHARE.items() for _ in range(max(2, round(share * requests)))]
        places = random.Random(seed).sample(range(requests * 9 // 10), len(kinds))  # a plan, no secret
        self._plan = dict(zip(places, kinds, strict=True))

    def ask(self, address: str) -> Fault | None:
        """A message to `address` has come in: what goes wrong with it, if anything."""
        fault = self._plan.get(self._requests)
        self._requests += 1
        if fault is None:
            self.taken[address] += 1
            return None
        self.faults[fault] += 1
        if fault in {Fault.HANG, Fault.RESET}:
            self.lost.add(address)
        if fault is Fault.DUPLICATE:
            self.lied.add(address)
        if fault in MAY_BE_TAKEN and self.faults[fault] % 2:
            self.taken[address] += 1
        return fault
