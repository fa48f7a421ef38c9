"""What becomes of a batch: pure rules that read a flow and answers about people, and write nothing.

A batch goes on from step to step as far as it can without waiting. Who is written to, where each one waits and who has
come to an end is collected, and `writing` makes it so in one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
import numpy.typing as npt

from automations.engine.batch import Batch, Mask, Rows, joined, only
from automations.graph.flow import ONWARD, Flow, Place
from automations.graph.nodes import (
    MET,
    NO,
    OTHERWISE,
    TIMED_OUT,
    YES,
    ClockTime,
    Delay,
    Exit,
    Message,
    MultiSplit,
    RandomSplit,
    Split,
    Step,
    UpdateProfile,
    WaitUntil,
    Webhook,
)
from automations.models import Ending
from retargeting.audiences.comparisons import span
from retargeting.conditions.nodes import Group

HELD_FOR = timedelta(seconds=10)
"""How long people wait at a step that cannot be done at the moment, until it is tried again."""


class Trouble(Exception):
    """The step cannot be done now: a condition names what is gone, a channel is switched off."""


class World(Protocol):
    """What the rules ask about the people of the batch. Each answer may raise Trouble."""

    def holds(self, condition: Group, /) -> Mask: ...

    def lots(self, step: str, /) -> npt.NDArray[np.float64]: ...

    def next_time(self, until: ClockTime, rows: Rows, /) -> list[tuple[datetime, Rows]]: ...

    def check_channel(self, channel: str, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Stay:
    """Rows that are at `step`, where they wait until `due` at the latest, or, without `waits`, arrive at that time.

    With `event` what ends the wait earlier is an event.
    """

    step: str
    due: datetime
    rows: Rows
    waits: bool = True
    event: bool = False


@dataclass(slots=True)
class Decision:
    """`passed` has (step, way, rows); `acts` (step, rows) for messages, updates and calls, in the order of steps."""

    passed: list[tuple[str, str, Rows]] = field(default_factory=list)
    acts: list[tuple[Step, Rows]] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    ends: list[tuple[Ending, Rows]] = field(default_factory=list)
    held: list[tuple[str, Rows]] = field(default_factory=list)
    troubles: dict[str, str] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    @property
    def transitions(self) -> int:
        return sum(len(rows) for _, _, rows in self.passed)


def decide(batch: Batch, flow: Flow, world: World) -> Decision:
    """Take everybody of the batch on from where they are."""
    return _Course(batch, flow, world).run()


class _Course:
    def __init__(self, batch: Batch, flow: Flow, world: World) -> None:
        self.batch, self.flow, self.world = batch, flow, world
        self.decision = Decision()
        self.arriving: dict[str, list[Rows]] = {}

    def run(self) -> Decision:
        """Steps come in an order in which each is behind those that lead to it."""
        self.arriving[self.batch.step] = [self.batch.all]
        for key, place in self.flow.places.items():
            rows = joined(self.arriving.pop(key, []))
            if len(rows):
                try:
                    self._at(place, rows)
                except Trouble as trouble:
                    self.decision.troubles[key] = str(trouble)
                    self.decision.held.append((key, rows))
                else:
                    self.decision.done.add(key)
        return self.decision

    def _at(self, place: Place, rows: Rows) -> None:
        step = place.step
        if step.key == self.batch.step and isinstance(step.action, Delay | WaitUntil):
            waited, rows = only(rows, self.batch.waited)
            self._end_wait(place, waited)
        match step.action:
            case Message(channel):
                self.world.check_channel(channel)
                self._act(place, rows)
            case Webhook() | UpdateProfile():
                self._act(place, rows)
            case Delay():
                self._delay(place, step.action, rows)
            case WaitUntil(timeout, _, condition):
                if condition is not None and len(rows):
                    met, rows = only(rows, self.world.holds(condition))
                    self._pass(place, MET, met)
                self._stay(step.key, self.batch.now + span(timeout), rows, event=condition is None)
            case Split(condition):
                yes, no = only(rows, self._holds(condition))
                self._pass(place, YES, yes)
                self._pass(place, NO, no)
            case MultiSplit(conditions):
                self._first_that_holds(place, conditions, rows)
            case RandomSplit(weights):
                bounds = np.cumsum(weights) / sum(weights)
                drawn = np.searchsorted(bounds[:-1], self.world.lots(step.key)[rows], side="right")
                for number, branch in enumerate(step.branches):
                    self._pass(place, branch.key, rows[drawn == number])
            case Exit():
                self.decision.passed.append((step.key, ONWARD, rows))
                self.decision.ends.append((Ending.EXIT, rows))

    def _act(self, place: Place, rows: Rows) -> None:
        self.decision.acts.append((place.step, rows))
        following = place.following[ONWARD]
        if isinstance(place.step.action, UpdateProfile) and following is not None:
            # Conditions further on may ask about what is changed here, and that is not written yet.
            self.decision.passed.append((place.step.key, ONWARD, rows))
            self._stay(following, self.batch.now, rows, waits=False)
        else:
            self._pass(place, ONWARD, rows)

    def _delay(self, place: Place, delay: Delay, rows: Rows) -> None:
        if delay.duration is not None:
            self._stay(place.step.key, self.batch.now + span(delay.duration), rows)
        elif delay.until is not None and len(rows):
            for moment, those in self.world.next_time(delay.until, rows):
                if moment <= self.batch.now:
                    self._pass(place, ONWARD, those)
                else:
                    self._stay(place.step.key, moment, those)

    def _end_wait(self, place: Place, rows: Rows) -> None:
        """The time is over, or what was waited for has come; a condition is asked once more."""
        wait, met = place.step.action, self.batch.met
        if not len(rows) or not isinstance(wait, WaitUntil):
            self._pass(place, ONWARD, rows)
            return
        if wait.condition is not None and not met[rows].all():
            met = met | self.world.holds(wait.condition)
        came, late = only(rows, met)
        self._pass(place, MET, came)
        self._pass(place, TIMED_OUT, late)

    def _first_that_holds(self, place: Place, conditions: tuple[Group | None, ...], rows: Rows) -> None:
        # All are asked first: where one cannot be, nobody goes on.
        masks = [self._holds(condition) for condition in conditions]
        for branch, mask in zip(place.step.branches, masks, strict=False):
            chosen, rows = only(rows, mask)
            self._pass(place, branch.key, chosen)
        self._pass(place, OTHERWISE, rows)

    def _holds(self, condition: Group | None) -> Mask:
        assert condition is not None, "a version with gaps is not published"
        return self.world.holds(condition)

    def _pass(self, place: Place, way: str, rows: Rows) -> None:
        if not len(rows):
            return
        self.decision.passed.append((place.step.key, way, rows))
        following = place.following[way]
        if following is None:
            self.decision.ends.append((Ending.FINISHED, rows))
        else:
            self.arriving.setdefault(following, []).append(rows)

    def _stay(self, step: str, due: datetime, rows: Rows, *, waits: bool = True, event: bool = False) -> None:
        if len(rows):
            self.decision.stays.append(Stay(step, due, rows, waits, event))
