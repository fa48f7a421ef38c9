"""What follows what: the nested lists of a definition as a table of steps, each with where its ways out lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from automations.graph.nodes import Definition, Exit, Step

ONWARD = ""
"""The one way out of a step that has no branches."""


@dataclass(frozen=True, slots=True)
class Place:
    """A step and the key of the next one by each way out; None is the end of the journey."""

    step: Step
    following: Mapping[str, str | None]
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Flow:
    first: str | None
    places: Mapping[str, Place]

    def next(self, key: str, way: str = ONWARD) -> str | None:
        return self.places[key].following[way]


def flow_of(definition: Definition) -> Flow:
    places: dict[str, Place] = {}
    first = _lay(definition.steps, None, places, 0)
    return Flow(first, {step.key: places[step.key] for step in definition.walk()})


def _lay(steps: tuple[Step, ...], after: str | None, places: dict[str, Place], depth: int) -> str | None:
    """Lay the steps out from the last to the first; returns where they begin, `after` where there are none."""
    following = after
    for step in reversed(steps):
        if isinstance(step.action, Exit):
            ways: dict[str, str | None] = {}
        elif step.branches:
            ways = {branch.key: _lay(branch.steps, following, places, depth + 1) for branch in step.branches}
        else:
            ways = {ONWARD: following}
        places[step.key] = Place(step, ways, depth)
        following = step.key
    return following
