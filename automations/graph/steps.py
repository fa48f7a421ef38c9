"""The JSON form of steps, one reader and one writer for each type."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from automations.graph.nodes import (
    MET,
    NO,
    OTHERWISE,
    TIMED_OUT,
    YES,
    Action,
    Branch,
    ClockTime,
    Delay,
    Exit,
    Message,
    MultiSplit,
    RandomSplit,
    Split,
    Step,
    StepType,
    UpdateProfile,
    WaitUntil,
    Webhook,
)
from automations.graph.reading import Fields, GraphReader
from retargeting.conditions.encoding import encode
from retargeting.conditions.nodes import Channel, Duration, EventCondition
from retargeting.conditions.reading import show
from retargeting.messaging import content
from retargeting.messaging.models import Priority

KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,49}")
MOST_STEPS, DEEPEST, MOST_BRANCHES = 300, 8, 10

Part = tuple[Action, tuple[Branch, ...]]


class StepReader(GraphReader):
    """Reads lists of steps; the keys so far are the state of one reading."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: set[str] = set()

    def steps(self, data: object, path: str, depth: int = 1) -> tuple[Step, ...]:
        if not isinstance(data, list):
            self.refuse(path, f"Expected a list of steps, got {show(data)}.")
            return ()
        if depth > DEEPEST:
            self.refuse(path, f"Splits can be nested {DEEPEST - 1} deep; this one is deeper.")
            return ()
        found = [self.step(item, f"{path}/{index}", depth) for index, item in enumerate(data)]
        return tuple(step for step in found if step is not None)

    def step(self, data: object, path: str, depth: int) -> Step | None:
        fields = self.mapping(data, path, "a step")
        if fields is None:
            return None
        key = self.key(fields.get("key"), f"{path}/key")
        if "type" not in fields:
            self.refuse(f"{path}/type", '"type" is missing.')
            return None
        kind = self.choice(fields["type"], f"{path}/type", StepType)
        name = self.optional_name(fields, path)
        if kind is None:
            return None
        part = READERS[kind](self, fields, path, depth)
        return None if part is None or key is None else Step(key, part[0], name, part[1])

    def key(self, data: object, path: str, *, of: set[str] | None = None) -> str | None:
        taken = self.taken if of is None else of
        if not isinstance(data, str) or not KEY.fullmatch(data):
            self.refuse(path, f"A key has up to 50 small letters, digits, - and _, got {show(data)}.")
            return None
        if data in taken:
            self.refuse(path, f"The key {show(data)} is taken by another one.")
            return None
        if of is None and len(taken) >= MOST_STEPS:
            self.refuse(path, f"An automation can have {MOST_STEPS} steps; this is one more.")
            return None
        taken.add(data)
        return data

    def allow(self, fields: Fields, path: str, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()) -> bool:
        return self.keys(fields, path, ("key", "type", *required), ("name", *optional))

    def branch(self, fields: Fields, path: str, key: str, depth: int) -> Branch:
        return Branch(key, self.steps(fields.get(key, []), f"{path}/{key}", depth + 1))

    def branches(
        self, fields: Fields, path: str, depth: int, extra: tuple[str, ...]
    ) -> list[tuple[Branch, Fields, str]] | None:
        """A list of branches with keys of their own; each with its fields and place."""
        data = fields.get("branches")
        if not isinstance(data, list) or not 1 <= len(data) <= MOST_BRANCHES:
            self.refuse(f"{path}/branches", f"Expected a list of 1 to {MOST_BRANCHES} branches, got {show(data)}.")
            return None
        found, taken = [], {OTHERWISE}
        for index, item in enumerate(data):
            place = f"{path}/branches/{index}"
            inner = self.mapping(item, place, "a branch")
            if inner is None or not self.keys(inner, place, ("key", *extra), ("name", "steps")):
                continue
            key = self.key(inner["key"], f"{place}/key", of=taken)
            steps = self.steps(inner.get("steps", []), f"{place}/steps", depth + 1)
            if key is not None:
                found.append((Branch(key, steps, self.optional_name(inner, place)), inner, place))
        return found


def _message(reader: StepReader, fields: Fields, path: str, depth: int) -> Part | None:
    if not reader.allow(fields, path, ("channel",), ("message", "priority")):
        return None
    channel = reader.choice(fields["channel"], f"{path}/channel", Channel)
    if channel is None:
        return None
    message = fields.get("message", {})
    mistakes = content.check(channel, message, complete=False)
    for mistake in mistakes:
        reader.refuse(f"{path}/message/{mistake.field}".rstrip("/"), mistake.message)
    priority = fields.get("priority", Priority.NORMAL.value)
    if priority not in Priority.values:
        reader.refuse(f"{path}/priority", f"Expected one of {', '.join(Priority.values)}, got {show(priority)}.")
    if mistakes or not isinstance(message, dict):
        return None
    return Message(channel, content.cleaned(channel, message), str(priority)), ()


def _delay(reader: StepReader, fields: Fields, path: str, depth: int) -> Part | None:
    if not reader.allow(fields, path, (), ("for", "until")):
        return None
    if ("for" in fields) == ("until" in fields):
        reader.refuse(path, 'A delay has either "for" (a length of time) or "until" (a time of day).')
        return None
    if "for" in fields:
        duration = reader.duration(fields["for"], f"{path}/for")
        return None if duration is None else (Delay(duration=duration), ())
    until = reader.clock_time(fields["until"], f"{path}/until")
    return None if until is None else (Delay(until=until), ())


def _wait_until(reader: StepReader, fields: Fields, path: str, depth: int) -> Part | None:
    if not reader.allow(fields, path, ("timeout",), ("event", "where", "condition", MET, TIMED_OUT)):
        return None
    if "event" in fields and "condition" in fields:
        reader.refuse(path, 'Wait for an "event" or until a "condition" holds, not for both.')
        return None
    timeout = reader.duration(fields["timeout"], f"{path}/timeout")
    event = reader.event(fields, path) if "event" in fields else None
    condition = reader.tree(fields.get("condition"), f"{path}/condition")
    branches = reader.branch(fields, path, MET, depth), reader.branch(fields, path, TIMED_OUT, depth)
    return None if timeout is None else (WaitUntil(timeout, event, condition), branches)


def _split(reader: StepReader, fields: Fields, path: str, depth: int) -> Part | None:
    if not reader.allow(fields, path, (), ("condition", YES, NO)):
        return None
    branches = reader.branch(fields, path, YES, depth), reader.branch(fields, path, NO, depth)
    return Split(reader.tree(fields.get("condition"), f"{path}/condition")), branches


def _multi_split(reader: StepReader, fields: Fields, path: str, depth: int) -> Part | None:
    if not reader.allow(fields, path, ("branches",), (OTHERWISE,)):
        return None
    found = reader.branches(fields, path, depth, ("condition",))
    if found is None:
        return None
    conditions = tuple(reader.tree(inner["condition"], f"{place}/condition") for _, inner, place in found)
    branches = (*(branch for branch, _, _ in found), reader.branch(fields, path, OTHERWISE, depth))
    return MultiSplit(conditions), branches


def _random_split(reader: StepReader, fields: Fields, path: str, depth: int) -> Part | None:
    if not reader.allow(fields, path, ("branches",)):
        return None
    found = reader.branches(fields, path, depth, ("weight",))
    if found is None:
        return None
    weights = [reader.whole(inner["weight"], f"{place}/weight", 0, 1000) for _, inner, place in found]
    known = tuple(weight for weight in weights if weight is not None)
    if len(known) == len(weights) and not any(known):
        reader.refuse(f"{path}/branches", "At least one branch needs a weight above 0.")
    return RandomSplit(known), tuple(branch for branch, _, _ in found)


def _update_profile(reader: StepReader, fields: Fields, path: str, depth: int) -> Part | None:
    if not reader.allow(fields, path, (), ("attributes",)):
        return None
    values = reader.values(fields.get("attributes", {}), f"{path}/attributes", "attributes", nulls=True)
    return None if values is None else (UpdateProfile(values), ())


def _webhook(reader: StepReader, fields: Fields, path: str, depth: int) -> Part | None:
    if not reader.allow(fields, path, (), ("url", "values")):
        return None
    url = fields.get("url", "")
    if url != "" and not (isinstance(url, str) and len(url) <= 2000 and content.is_web_address(url)):
        reader.refuse(f"{path}/url", f"Expected an address that begins with https:// or http://, got {show(url)}.")
        return None
    values = reader.values(fields.get("values", {}), f"{path}/values", "values")
    if values is None:
        return None
    return Webhook(str(url), {key: value for key, value in values.items() if value is not None}), ()


def _exit(reader: StepReader, fields: Fields, path: str, depth: int) -> Part | None:
    return (Exit(), ()) if reader.allow(fields, path) else None


READERS: dict[StepType, Callable[[StepReader, Fields, str, int], Part | None]] = {
    StepType.MESSAGE: _message,
    StepType.DELAY: _delay,
    StepType.WAIT_UNTIL: _wait_until,
    StepType.SPLIT: _split,
    StepType.MULTI_SPLIT: _multi_split,
    StepType.RANDOM_SPLIT: _random_split,
    StepType.UPDATE_PROFILE: _update_profile,
    StepType.WEBHOOK: _webhook,
    StepType.EXIT: _exit,
}


def write_steps(steps: tuple[Step, ...]) -> list[dict[str, Any]]:
    return [write_step(step) for step in steps]


def write_step(step: Step) -> dict[str, Any]:
    written: dict[str, Any] = {"key": step.key, "type": str(step.type)}
    if step.name:
        written["name"] = step.name
    return {**written, **_written(step)}


def _written(step: Step) -> dict[str, Any]:
    named = {branch.key: write_steps(branch.steps) for branch in step.branches}
    match step.action:
        case Message(channel, content_, priority):
            written = {"channel": str(channel), "message": dict(content_)}
            return written if priority == Priority.NORMAL else {**written, "priority": priority}
        case Delay(duration, until):
            return {"for": write_duration(duration)} if duration else {"until": _clock_time(until)}
        case WaitUntil(timeout, event, condition):
            return {"timeout": write_duration(timeout), **write_event(event), **_tree(condition), **named}
        case Split(condition):
            return {"condition": None if condition is None else encode(condition), **named}
        case MultiSplit(conditions):
            branches = [
                {**_branch(branch), "condition": None if condition is None else encode(condition)}
                for branch, condition in zip(step.branches, conditions, strict=False)
            ]
            return {"branches": branches, OTHERWISE: named[OTHERWISE]}
        case RandomSplit(weights):
            rows = zip(step.branches, weights, strict=True)
            return {"branches": [{**_branch(branch), "weight": weight} for branch, weight in rows]}
        case UpdateProfile(attributes):
            return {"attributes": dict(attributes)}
        case Webhook(url, values):
            return {"url": url, "values": dict(values)}
        case Exit():
            return {}


def _branch(branch: Branch) -> dict[str, Any]:
    return {"key": branch.key, **({"name": branch.name} if branch.name else {}), "steps": write_steps(branch.steps)}


def _tree(condition: Any) -> dict[str, Any]:
    return {} if condition is None else {"condition": encode(condition)}


def write_duration(duration: Duration | None) -> dict[str, Any] | None:
    return None if duration is None else {"amount": duration.amount, "unit": str(duration.unit)}


def write_event(event: EventCondition | None) -> dict[str, Any]:
    """The name of the event and its filters, as `GraphReader.event` reads them."""
    if event is None:
        return {}
    encoded = encode(event)
    return {key: encoded[key] for key in ("event", "where") if key in encoded}


def _clock_time(until: ClockTime | None) -> dict[str, Any]:
    assert until is not None
    written: dict[str, Any] = {"time": until.at.isoformat("minutes"), "time_zone": until.time_zone}
    return {**written, "weekdays": [str(day) for day in until.weekdays]} if until.weekdays else written


def places_of(steps: tuple[Step, ...], path: str = "/steps") -> dict[str, str]:
    """The JSON pointer of each step by its key, as `write_steps` lays them out."""
    found: dict[str, str] = {}
    for index, step in enumerate(steps):
        place = f"{path}/{index}"
        found[step.key] = place
        listed = isinstance(step.action, MultiSplit | RandomSplit)
        for number, branch in enumerate(step.branches):
            inner = f"branches/{number}/steps" if listed and branch.key != OTHERWISE else branch.key
            found |= places_of(branch.steps, f"{place}/{inner}")
    return found
