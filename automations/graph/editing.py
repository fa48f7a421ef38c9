"""Changes of a definition in its JSON form: add, move, copy and remove steps and branches.

A spot names a place by what stands there and not by a number, so that it stays what it was while somebody else works
on the same automation: `parent` and `branch` say in which list (both empty: the trunk), `after` which step it follows
(empty: none). All functions change the definition that they are given; they raise Gone for what is not there any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import count
from typing import Any

from automations.graph.nodes import MET, NO, OTHERWISE, TIMED_OUT, YES, StepType
from automations.graph.steps import MOST_BRANCHES
from retargeting.conditions.nodes import Channel

JSON = dict[str, Any]
NAMED_BRANCHES = {
    StepType.WAIT_UNTIL: (MET, TIMED_OUT),
    StepType.SPLIT: (YES, NO),
    StepType.MULTI_SPLIT: (OTHERWISE,),
}


class Gone(LookupError):
    """The step or the branch is not there: somebody has removed it meanwhile."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Written as parent.branch.after, since no key has a full stop in it."""

    parent: str = ""
    branch: str = ""
    after: str = ""

    @classmethod
    def read(cls, text: str) -> Spot:
        parts = text.split(".")
        return cls(*parts) if len(parts) == 3 else cls()

    def __str__(self) -> str:
        return f"{self.parent}.{self.branch}.{self.after}"


def branches_of(step: JSON) -> Iterator[tuple[str, str, list[JSON]]]:
    """(key, name, steps) of each branch, in the order of the step."""
    for branch in step.get("branches", []):
        yield branch["key"], branch.get("name", ""), branch.setdefault("steps", [])
    for key in NAMED_BRANCHES.get(step["type"], ()):
        yield key, "", step.setdefault(key, [])


def walk(steps: list[JSON]) -> Iterator[JSON]:
    for step in steps:
        yield step
        for _, _, inner in branches_of(step):
            yield from walk(inner)


def find(definition: JSON, key: str) -> JSON:
    steps, index = _place(definition, key)
    return steps[index]


def source(definition: JSON, text: str) -> list[JSON]:
    """What is to be copied: the step of a key, or all of a branch, “key.branch”. Raises Gone where that is empty."""
    key, _, branch = text.partition(".")
    step = find(definition, key)
    if not branch:
        return [step]
    for name, _, steps in branches_of(step):
        if name == branch and steps:
            return steps
    raise Gone("There is nothing in this branch.")


def spot_of(definition: JSON, key: str) -> Spot:
    """Where the step is."""
    for spot, steps in _lists(definition):
        for index, step in enumerate(steps):
            if step["key"] == key:
                return Spot(spot.parent, spot.branch, steps[index - 1]["key"] if index else "")
    raise Gone(key)


def insert(definition: JSON, spot: Spot, *steps: JSON) -> None:
    found = _list(definition, spot)
    index = 0
    if spot.after:
        keys = [step["key"] for step in found]
        if spot.after not in keys:
            raise Gone(spot.after)
        index = keys.index(spot.after) + 1
    found[index:index] = steps


def remove(definition: JSON, key: str) -> JSON:
    """Take the step out, with all in its branches, and give it."""
    steps, index = _place(definition, key)
    return steps.pop(index)


def dissolve(definition: JSON, key: str, branch: str) -> None:
    """Put the steps of one branch in the place of the split; the other branches go."""
    steps, index = _place(definition, key)
    kept = next((inner for name, _, inner in branches_of(steps[index]) if name == branch), None)
    if kept is None:
        raise Gone(branch)
    steps[index : index + 1] = kept


def move(definition: JSON, key: str, spot: Spot) -> None:
    """Have the step follow another one, or begin a branch; not one of its own."""
    step = find(definition, key)
    inside = {each["key"] for each in walk([step])}
    if {spot.parent, spot.after} & inside:
        raise Gone("a step cannot be moved into itself")
    _list(definition, spot)
    remove(definition, key)
    insert(definition, spot, step)


def shift(definition: JSON, key: str, by: int) -> None:
    """One place up (-1) or down (+1) in its own list, where there is one."""
    steps, index = _place(definition, key)
    if 0 <= index + by < len(steps):
        steps.insert(index + by, steps.pop(index))


def copies(steps: list[JSON], automation: int, taken: Collection[str]) -> list[JSON]:
    """The steps with keys of their own. Conditions on a step that is copied along are about its copy."""
    used = set(taken)
    new: dict[str, str] = {}
    for step in walk(steps):
        new[step["key"]] = fresh_key(_stem(step), used)
        used.add(new[step["key"]])

    def again(data: Any) -> Any:
        if isinstance(data, list):
            return [again(item) for item in data]
        if not isinstance(data, dict):
            return data
        copied = {key: again(value) for key, value in data.items()}
        if copied.get("type") == "step" and copied.get("automation") == automation:
            copied["keys"] = [new.get(key, key) for key in copied["keys"]]
        return copied

    copied: list[JSON] = again(steps)
    for step in walk(copied):
        step["key"] = new[step["key"]]
    return copied


def fresh_key(stem: str, taken: Collection[str]) -> str:
    return next(key for number in count(1) if (key := f"{stem}-{number}") not in taken)


def _stem(step: JSON) -> str:
    return str(step["channel"] if step["type"] == StepType.MESSAGE else step["type"]).replace("_", "-")


# New steps, as they are before anything is said about them.

NEW: dict[str, JSON] = {
    **{str(channel): {"type": "message", "channel": str(channel)} for channel in Channel},
    "delay": {"type": "delay", "for": {"amount": 1, "unit": "day"}},
    "wait_until": {"type": "wait_until", "timeout": {"amount": 1, "unit": "day"}, MET: [], TIMED_OUT: []},
    "split": {"type": "split", "condition": None, YES: [], NO: []},
    "multi_split": {
        "type": "multi_split",
        "branches": [{"key": "a", "condition": None, "steps": []}],
        OTHERWISE: [],
    },
    "random_split": {
        "type": "random_split",
        "branches": [{"key": key, "weight": 50, "steps": []} for key in "ab"],
    },
    "update_profile": {"type": "update_profile", "attributes": {}},
    "webhook": {"type": "webhook", "url": "", "values": {}},
    "exit": {"type": "exit"},
}


def new_step(kind: str, taken: Collection[str]) -> JSON:
    """Raises KeyError for a kind that is none: NEW has them."""
    step = deepcopy(NEW[kind])
    return {"key": fresh_key(_stem(step), taken), **step}


def add_branch(step: JSON) -> str:
    """One more way out of a split that has a list of them; returns its key."""
    branches = step["branches"]
    if len(branches) >= MOST_BRANCHES:
        raise Gone(f"A split has {MOST_BRANCHES} branches at most.")
    taken = {branch["key"] for branch in branches}
    key = next(letter for letter in "abcdefghijklmnopqrstuvwxyz" if letter not in taken)
    rest: JSON = {"weight": 50} if step["type"] == StepType.RANDOM_SPLIT else {"condition": None}
    branches.append({"key": key, **rest, "steps": []})
    return key


def remove_branch(step: JSON, key: str) -> None:
    """With all that is in it. The last one stays."""
    kept = [branch for branch in step["branches"] if branch["key"] != key]
    if kept:
        step["branches"] = kept


def _lists(definition: JSON) -> Iterator[tuple[Spot, list[JSON]]]:
    """Each list of steps, and where it begins."""
    yield Spot(), definition.setdefault("steps", [])
    for step in walk(definition["steps"]):
        for branch, _, steps in branches_of(step):
            yield Spot(step["key"], branch), steps


def _list(definition: JSON, spot: Spot) -> list[JSON]:
    for begin, steps in _lists(definition):
        if (begin.parent, begin.branch) == (spot.parent, spot.branch):
            return steps
    raise Gone(spot.parent)


def _place(definition: JSON, key: str) -> tuple[list[JSON], int]:
    for _, steps in _lists(definition):
        for index, step in enumerate(steps):
            if step["key"] == key:
                return steps, index
    raise Gone(key)
