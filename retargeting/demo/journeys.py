"""The history of the automations: who entered when, and what each step sent them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from retargeting.demo.catalogue import AUTOMATIONS, AutomationPlan
from retargeting.demo.history import History, Message
from retargeting.demo.people import DAY, HOUR, NEVER, Ints
from retargeting.demo.shopping import Shopping

QUIET_BEFORE_WINBACK = 45 * DAY
NEXT_CART_AFTER = 14 * DAY
LEAST_CART = 25


@dataclass
class Journeys:
    """Everyone on the way through one automation: the step they wait for, until when, and what they opened of it."""

    plan: AutomationPlan
    messages: list[Message]
    who: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    step: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    entered: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    due: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    leaves_at: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    opened: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.opened = np.empty((0, len(self.plan.steps)), dtype=np.int64)

    def enter(self, who: Ints, at: Ints, leaves_at: Ints | None = None) -> None:
        size = len(who)
        self.who = np.concatenate([self.who, who])
        self.step = np.concatenate([self.step, np.zeros(size, dtype=np.int64)])
        self.entered = np.concatenate([self.entered, at])
        self.due = np.concatenate([self.due, at + self.plan.steps[0].after])
        self.leaves_at = np.concatenate([self.leaves_at, np.full(size, NEVER) if leaves_at is None else leaves_at])
        self.opened = np.concatenate([self.opened, np.full((size, len(self.plan.steps)), NEVER)])

    def advance(self, history: History, until: int) -> None:
        """Send what falls due before `until`. Steps are far enough apart for each journey to make one at a time."""
        keys = [step.key for step in self.plan.steps]
        for number, step in enumerate(self.plan.steps):
            rows = np.flatnonzero((self.step == number) & (self.due < until))
            if not len(rows):
                continue
            due = self.due[rows]
            gets = due < self.leaves_at[rows]
            if step.unless:
                gets &= self.opened[rows, keys.index(step.unless)] > due
            sent = history.send(self.messages[number], self.who[rows[gets]], due[gets])
            self.opened[rows[gets], number] = sent.first_open
            self.step[rows] = np.where(due < self.leaves_at[rows], number + 1, len(keys))
            if number + 1 < len(keys):
                self.due[rows] = due + self.plan.steps[number + 1].after


class Automations:
    """The three of them, taken along day by day between the campaigns."""

    def __init__(self, history: History, shopping: Shopping, messages: dict[str, list[Message]]) -> None:
        self.history = history
        self.journeys = {plan.key: Journeys(plan, messages[plan.key]) for plan in AUTOMATIONS}
        self.reached = history.start
        self.won_back = np.zeros(history.people.size, dtype=bool)
        new = np.flatnonzero(history.people.newcomer)
        self.journeys["welcome"].enter(new, history.people.joined[new])
        self.journeys["cart"].enter(*abandoned_carts(shopping))

    def advance(self, until: int) -> None:
        while self.reached < until:
            self.reached = min(until, self.reached + DAY)
            self._find_the_quiet()
            for journeys in self.journeys.values():
                journeys.advance(self.history, self.reached)

    def _find_the_quiet(self) -> None:
        last = self.history.last_open
        quiet = (last >= 0) & (last < self.reached - QUIET_BEFORE_WINBACK) & ~self.won_back
        who = np.flatnonzero(quiet)
        self.won_back[who] = True
        self.journeys["winback"].enter(who, np.full(len(who), self.reached - HOUR))


def abandoned_carts(shopping: Shopping) -> tuple[Ints, Ints, Ints]:
    """Who enters the cart automation and when, and when they leave it again because they buy."""
    purchases: dict[int, list[int]] = {}
    for person, at in zip(shopping.purchase_who.tolist(), shopping.purchase_at.tolist(), strict=True):
        purchases.setdefault(person, []).append(at)
    last: dict[int, int] = {}
    entries = []
    for index in np.argsort(shopping.cart_at, kind="stable").tolist():
        person, at = int(shopping.cart_who[index]), int(shopping.cart_at[index])
        if shopping.cart_value[index] < LEAST_CART or at - last.get(person, -NEXT_CART_AFTER) < NEXT_CART_AFTER:
            continue
        last[person] = at
        leaves_at = min((bought for bought in purchases.get(person, ()) if bought > at), default=NEVER)
        entries.append((person, at, leaves_at))
    columns = np.array(entries, dtype=np.int64).reshape(-1, 3)
    return columns[:, 0], columns[:, 1], columns[:, 2]
