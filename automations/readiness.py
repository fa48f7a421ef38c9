"""What keeps a definition from being published, and what its author may not have meant; each beside its step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from automations.graph.flow import flow_of
from automations.graph.nodes import (
    ApiTrigger,
    Definition,
    Delay,
    EventTrigger,
    Message,
    MessageTrigger,
    MultiSplit,
    ScheduleTrigger,
    SegmentTrigger,
    Split,
    Step,
    UpdateProfile,
    WaitUntil,
    Webhook,
)
from retargeting.audiences import references
from retargeting.audiences.references import walk
from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.nodes import EntryCondition, Group, Match, MessageCondition, SegmentCondition, StepTarget
from retargeting.messaging import content

TRIGGER, GOAL = "trigger", "goal"
"""Places of problems that belong to no step. No step's key looks like them: `step` is empty there."""


@dataclass(frozen=True, slots=True)
class Problem:
    """`step` is the key of the step, empty for `part` (trigger or goal); `field` is the place within.

    A warning does not keep it from being published.
    """

    message: str
    step: str = ""
    part: str = ""
    field: str = ""
    warning: bool = False


def problems(automation: int, definition: Definition) -> list[Problem]:
    found = [*_of_trigger(definition)]
    if not definition.steps:
        found.append(Problem("There is no step yet: add the first one."))
    for step in definition.walk():
        found += _of_step(step)
    if definition.trigger is not None and not isinstance(definition.trigger, EventTrigger | ApiTrigger):
        found += _without_entry(definition)
    return [*found, *_without_delay(automation, definition)]


def _of_trigger(definition: Definition) -> Iterator[Problem]:
    entry = definition.entry
    match definition.trigger:
        case None:
            yield Problem("Choose what begins a journey.", part=TRIGGER)
        case MessageTrigger(event):
            yield from _of_tree(
                Group(Match.ALL, (event,)), part=TRIGGER, field="target", inside="/conditions/0/target"
            )
        case SegmentTrigger(segment):
            tree = Group(Match.ALL, (SegmentCondition(segment),))
            yield from _of_tree(tree, part=TRIGGER, field="segment", inside="/conditions/0/id")
        case ScheduleTrigger() if entry.audience is None:
            yield Problem("Everybody enters: choose an audience.", part=TRIGGER, field="audience", warning=True)
        case EventTrigger() if entry.key and definition.goal is None and not definition.exits:
            yield Problem(
                f"Each {entry.key} has a journey of its own, and only coming to the end ends it.",
                part=TRIGGER, field="key", warning=True,
            )  # fmt: skip
    yield from _of_tree(entry.audience, part=TRIGGER, field="audience")


def _of_tree(tree: Group | None, *, step: str = "", part: str = "", field: str, inside: str = "") -> Iterator[Problem]:
    """What a tree refers to and does not exist."""
    if tree is None:
        return
    try:
        references.check(tree, path=field)
    except ConditionErrors as errors:
        for error in errors.errors:
            path = field + error.path.removeprefix(field).removeprefix(inside) if inside else error.path
            yield Problem(_sentence(error.message), step, part, path)


def _of_step(step: Step) -> Iterator[Problem]:
    match step.action:
        case Message(channel, written):
            for mistake in content.check(channel, written):
                yield Problem(_sentence(mistake.message), step.key, field=f"message/{mistake.field}".rstrip("/"))
        case Split(condition):
            yield from _of_condition(step, condition, "condition")
        case MultiSplit(conditions):
            for index, condition in enumerate(conditions):
                yield from _of_condition(step, condition, f"branches/{index}/condition")
        case WaitUntil(_, None, None):
            yield Problem("Choose what is waited for.", step.key, field="event")
        case WaitUntil(_, _, condition):
            yield from _of_tree(condition, step=step.key, field="condition")
        case UpdateProfile(attributes) if not attributes:
            yield Problem("Name an attribute to set.", step.key, field="attributes")
        case Webhook(url) if not url:
            yield Problem("Say which address is called.", step.key, field="url")


def _of_condition(step: Step, condition: Group | None, field: str) -> Iterator[Problem]:
    if condition is None or not condition.conditions:
        yield Problem("Add a condition: without one everybody goes the same way.", step.key, field=field)
    yield from _of_tree(condition, step=step.key, field=field)


def _without_delay(automation: int, definition: Definition) -> Iterator[Problem]:
    """Splits that ask about a message which may have been sent in the very same moment.

    Steps come in an order in which each is after those that lead to it.
    """
    flow = flow_of(definition)
    fresh: dict[str, set[str]] = {key: set() for key in flow.places}
    for key, place in flow.places.items():
        action = place.step.action
        trees = [] if isinstance(action, WaitUntil) else _trees(place.step)  # which waits for the answer itself
        asked = {name for tree in trees for name in _own_steps(automation, tree)}
        for name in sorted(asked & fresh[key]):
            yield Problem(
                f"Nothing waits between the message {name} and this question: nobody can have opened it yet."
                " Put a delay before it.",
                key, field="condition", warning=True,
            )  # fmt: skip
        after = set() if isinstance(action, Delay | WaitUntil) else set(fresh[key])
        if isinstance(action, Message):
            after.add(key)
        for following in place.following.values():
            if following is not None:
                fresh[following] |= after


def _without_entry(definition: Definition) -> Iterator[Problem]:
    for step in definition.walk():
        if any(isinstance(node, EntryCondition) for tree in _trees(step) for _, node in walk(tree)):
            yield Problem(
                "It asks about the entry event, and what begins a journey here has no properties.",
                step.key, field="condition",
            )  # fmt: skip


def _trees(step: Step) -> list[Group]:
    match step.action:
        case Split(condition) | WaitUntil(_, _, condition):
            conditions: tuple[Group | None, ...] = (condition,)
        case MultiSplit(conditions):
            pass
        case _:
            conditions = ()
    return [condition for condition in conditions if condition is not None]


def _own_steps(automation: int, tree: Group) -> set[str]:
    found: set[str] = set()
    for _, node in walk(tree):
        match node:
            case MessageCondition(target=StepTarget(id, keys)) if id == automation:
                found |= set(keys)
    return found


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
