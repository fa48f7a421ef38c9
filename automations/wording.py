"""Automations in words: what a step does, what begins a journey, and how two versions differ."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from automations.graph.nodes import (
    ApiTrigger,
    ClockTime,
    Definition,
    Delay,
    EventTrigger,
    Exit,
    Message,
    MessageTrigger,
    MultiSplit,
    RandomSplit,
    Reentry,
    ScheduleTrigger,
    SegmentTrigger,
    Split,
    Step,
    Trigger,
    UpdateProfile,
    WaitUntil,
    Webhook,
)
from retargeting.audiences import references
from retargeting.conditions.nodes import Channel, Duration, EventCondition, Group, Match, Node, SegmentCondition
from retargeting.conditions.wording import sentence
from retargeting.messaging.content import headline
from retargeting.messaging.recurring import WEEKDAY_NAMES, WEEKDAYS, repeat_words

CHANNEL_WORDS = {Channel.PUSH: "push", Channel.EMAIL: "email", Channel.SMS: "SMS", Channel.IN_APP: "in-app message"}


def duration_words(duration: Duration) -> str:
    return f"{duration.amount:,} {duration.unit}{'' if duration.amount == 1 else 's'}"


def condition_words(tree: Group | None, own: int | None = None) -> str:
    """The sentence of a condition, from after "People who" to before its full stop.

    `own` is the automation that it stands in: its steps are said without its name.
    """
    if tree is None:
        return "nothing yet"
    names = references.look_up(tree)
    if own is not None:
        names.orchestrations[own] = ""
    return str(sentence(tree, names)).rstrip(".").removeprefix("People who ")


def _node_words(node: Node) -> str:
    return condition_words(Group(Match.ALL, (node,)))


def event_words(event: EventCondition) -> str:
    return _node_words(event)


def step_words(step: Step, own: int | None = None) -> str:
    """“Send the push “Hello””, “Wait 1 day”: what the step does, in one line."""
    match step.action:
        case Message(channel, content):
            title = headline(channel, content)
            return f"Send {CHANNEL_WORDS[channel]} “{title[:60]}”" if title else f"Send {CHANNEL_WORDS[channel]}"
        case Delay(duration, until):
            return f"Wait {duration_words(duration)}" if duration else f"Wait until {_clock_words(until)}"
        case WaitUntil(timeout, event, condition):
            what = event_words(event) if event else condition_words(condition, own)
            return f"Wait until: {what}; at most {duration_words(timeout)}"
        case Split(condition):
            asked = condition_words(condition, own)
            return f"{asked[:1].upper()}{asked[1:]}?" if condition else "Split: nothing yet"
        case MultiSplit(conditions):
            return f"Split {len(conditions) + 1} ways: the first that holds"
        case RandomSplit(weights):
            whole = sum(weights)
            return f"Split at random: {' / '.join(f'{weight / whole:.0%}' for weight in weights)}"
        case UpdateProfile(attributes):
            said = [f"{key} = {value}" if value is not None else f"no {key}" for key, value in attributes.items()]
            return f"Set {', '.join(said)}" if said else "Set attributes"
        case Webhook(url):
            return f"Call {url}" if url else "Call a webhook"
        case Exit():
            return "Exit"


def _clock_words(until: ClockTime | None) -> str:
    assert until is not None
    days = [WEEKDAY_NAMES[WEEKDAYS.index(day)] for day in until.weekdays]
    return f"{until.at:%H:%M}" + (f" on {', '.join(days)}" if days else "") + " on their clocks"


def trigger_words(trigger: Trigger | None) -> str:
    match trigger:
        case None:
            return "Nothing yet"
        case EventTrigger(event):
            return event_words(event).removeprefix("did ")
        case MessageTrigger(event):
            return _node_words(event)
        case SegmentTrigger(segment, on):
            names = references.look_up(Group(Match.ALL, (SegmentCondition(segment, member=True),)))
            return f"{str(on).capitalize()} the segment {names.segment(segment)}"
        case ScheduleTrigger(at, zone, repeat):
            local = at.astimezone(ZoneInfo(zone))
            return f"On {local:%-d %b %Y %H:%M} {zone}" + (f", {repeat_words(repeat)}" if repeat else "")
        case ApiTrigger():
            return "A call of the API"


def entry_words(definition: Definition) -> list[str]:
    """The rules of entering, one sentence each; what has its default is not said."""
    entry = definition.entry
    said = []
    if entry.audience is not None:
        said.append(f"Only people who {condition_words(entry.audience)}")
    if entry.reentry is Reentry.ALWAYS:
        said.append("Again as often as it happens")
    elif entry.reentry is Reentry.AFTER and entry.pause is not None:
        said.append(f"Again after {duration_words(entry.pause)}")
    if entry.key:
        said.append(f"One journey for each {entry.key}")
    if entry.cap is not None:
        within = f" in {duration_words(entry.cap.within)}" if entry.cap.within else ""
        said.append(f"At most {entry.cap.most:,} entries{within}")
    if entry.starts_at is not None:
        said.append(f"From {entry.starts_at:%-d %b %Y %H:%M} UTC")
    if entry.ends_at is not None:
        said.append(f"Until {entry.ends_at:%-d %b %Y %H:%M} UTC")
    return said


def differences(old: Definition, new: Definition, own: int | None = None) -> list[str]:
    """What `new` has otherwise than `old`, one phrase each; empty where they are the same."""
    return list(_differences(old, new, own))


def _differences(old: Definition, new: Definition, own: int | None) -> Iterator[str]:
    if old.trigger != new.trigger:
        yield f"the trigger from “{trigger_words(old.trigger)}” to “{trigger_words(new.trigger)}”"
    if old.entry != new.entry:
        before, after = ("; ".join(entry_words(each)) or "no rules" for each in (old, new))
        yield f"who may enter from “{before}” to “{after}”"
    if old.exits != new.exits:
        before, after = (", ".join(event.event for event in each.exits) or "none" for each in (old, new))
        yield f"the events that end it from {before} to {after}"
    if old.goal != new.goal:
        before, after = (each.goal.event.event if each.goal else "none" for each in (old, new))
        yield f"the goal from {before} to {after}" if before != after else f"what the goal {after} means"
    if old.holdout != new.holdout:
        yield f"the holdout from {old.holdout} to {new.holdout} %"
    yield from _step_differences(old, new, own)


def _step_differences(old: Definition, new: Definition, own: int | None) -> Iterator[str]:
    before, after = ({step.key: step for step in each.walk()} for each in (old, new))
    for key, step in after.items():
        if key not in before:
            yield f"added “{called(step, own)}”"
        elif _alone(before[key]) != _alone(step):
            yield f"changed “{called(before[key], own)}” to “{step_words(step, own)}”"
    for key, step in before.items():
        if key not in after:
            yield f"removed “{called(step, own)}”"
    stayed = [key for key in before if key in after]
    if stayed != [key for key in after if key in before] or _nesting(old, stayed) != _nesting(new, stayed):
        yield "changed the order of the steps"


def _alone(step: Step) -> tuple[object, ...]:
    """A step without what its branches hold."""
    return step.action, step.name, tuple((branch.key, branch.name) for branch in step.branches)


def _nesting(definition: Definition, keys: list[str]) -> dict[str, tuple[str, str] | None]:
    """In which branch of which step each of `keys` is."""
    found: dict[str, tuple[str, str] | None] = {step.key: None for step in definition.steps}
    for step in definition.walk():
        for branch in step.branches:
            found |= {inner.key: (step.key, branch.key) for inner in branch.steps}
    return {key: found[key] for key in keys}


def called(step: Step, own: int | None = None) -> str:
    """Its name, or what it does."""
    return step.name or step_words(step, own)
