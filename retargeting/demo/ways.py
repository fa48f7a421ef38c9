"""The automations of the sample data as somebody would have drawn them, and the people on their way through them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np

from automations import actions, publishing
from automations.graph import codec
from automations.models import Automation, Ending, Journey, JourneyStatus, Passage, Version, Way
from retargeting.accounts.models import Activity, User
from retargeting.conditions.nodes import Channel
from retargeting.demo.catalogue import AutomationPlan, Step
from retargeting.demo.copying import copy_rows
from retargeting.demo.journeys import Journeys
from retargeting.demo.people import DAY, HOUR, MINUTE, NEVER, Ints, moment_of
from retargeting.demo.shopping import PURCHASED, Shopping

JOURNEY = (
    "automation_id", "version_id", "profile_id", "lap", "key", "status", "step", "way", "arrived_at", "due_at",
    "entered_at", "since", "ended_at", "ending", "goal_at",
)  # fmt: skip
PASSAGE = ("journey_id", "lap", "version_id", "step", "way", "profile_id", "passed_at")
REENTRY = {"cart": {"rule": "after", "pause": {"amount": 14, "unit": "day"}}}


def definition_of(plan: AutomationPlan, automation: int, ids: dict[str, int]) -> dict[str, Any]:
    """Before each message a delay, if there is one; one that an open makes needless stands in the no of a split."""
    trigger = dict(plan.trigger)
    if "segment" in trigger:
        trigger["segment"] = ids[trigger["segment"]]
    if plan.key in REENTRY:
        trigger["reentry"] = REENTRY[plan.key]
    return {
        "trigger": trigger,
        "steps": [each for step in plan.steps for each in _steps_of(step, automation)],
        "goal": {
            "event": PURCHASED,
            "within": {"amount": plan.goal_days, "unit": "day"},
            "exits": plan.goal_ends,
        },
    }


def _steps_of(step: Step, automation: int) -> Iterator[dict[str, Any]]:
    if step.after:
        amount, unit = next(
            (step.after // length, name) for length, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"))
            if step.after % length == 0
        )  # fmt: skip
        yield {"key": wait_of(step), "type": "delay", "for": {"amount": amount, "unit": unit}}
    message = {
        "key": step.key,
        "type": "message",
        "name": step.name,
        "channel": str(step.channel),
        "message": _content(step),
    }
    if not step.unless:
        yield message
        return
    target = {"type": "step", "automation": automation, "keys": [step.unless]}
    opened = {"kind": "message", "event": "opened", "target": target, "test": {"type": "occurred", "value": True}}
    condition = {"match": "all", "conditions": [opened]}
    yield {"key": split_of(step), "type": "split", "condition": condition, "yes": [], "no": [message]}


def _content(step: Step) -> dict[str, str]:
    match step.channel:
        case Channel.EMAIL:
            return {
                "subject": step.name,
                "html": f"<p>Hello {{{{ first_name | default: 'there' }}}},</p><p>{step.text}</p>",
            }
        case Channel.SMS:
            return {"text": f"{step.text} https://shop.example/cart"}
    return {"title": step.name, "body": step.text}


def wait_of(step: Step) -> str:
    return f"before-{step.key}"


def split_of(step: Step) -> str:
    return f"asked-{step.key}"


def publish(plan: AutomationPlan, automation: Automation, author: User, ids: dict[str, int], at: datetime) -> Version:
    """The definition becomes the first version, and its lines in the Activity those of that day."""
    definition = codec.decode(definition_of(plan, automation.pk, ids))
    last = Activity.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    actions.save_draft(actor=author, automation=automation, definition=definition)
    version = publishing.publish(actor=author, automation=automation)
    Activity.objects.filter(pk__gt=last).update(at=at)
    Version.objects.filter(pk=version.pk).update(created_at=at, updated_at=at, published_at=at)
    Automation.objects.filter(pk=automation.pk).update(started_at=at)
    return version


def write(journeys: Journeys, version: Version, profile_ids: Ints, shopping: Shopping, now: int) -> None:
    """Everybody who entered, where they are now, and which steps they have passed."""
    order = np.argsort(journeys.entered, kind="stable").tolist()
    rows, passed, laps = [], [], dict[int, int]()
    bought = _purchases(shopping)
    for index in order:
        person = int(journeys.who[index])
        laps[person] = laps.get(person, 0) + 1
        entered = int(journeys.entered[index])
        limit = entered + journeys.plan.goal_days * DAY
        goal = next((at for at in bought.get(person, ()) if entered < at < min(limit, now)), NEVER)
        over = goal if journeys.plan.goal_ends else NEVER
        steps = list(_passages(journeys, index, min(over, now)))
        last = steps[-1][0] if steps else ""
        rows.append(_journey(journeys, index, version, int(profile_ids[person]), laps[person], goal, over, now, last))
        passed.append((int(profile_ids[person]), laps[person], steps))
    copy_rows(Journey, JOURNEY, rows)
    known = {
        (profile, lap): id
        for id, profile, lap in Journey.objects.filter(version=version).values_list("pk", "profile_id", "lap")
    }
    copy_rows(
        Passage,
        PASSAGE,
        (
            (known[profile, lap], lap, version.pk, step, way, profile, moment_of(at))
            for profile, lap, steps in passed
            for step, way, at in steps
        ),
    )


def _purchases(shopping: Shopping) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for person, at in sorted(zip(shopping.purchase_who.tolist(), shopping.purchase_at.tolist(), strict=True)):
        found.setdefault(person, []).append(at)
    return found


def _dues(journeys: Journeys, index: int) -> list[int]:
    return (int(journeys.entered[index]) + np.cumsum([step.after for step in journeys.plan.steps])).tolist()


def _passages(journeys: Journeys, index: int, until: int) -> Iterator[tuple[str, str, int]]:
    """(step, way, when) of all that is passed before `until`."""
    keys = [step.key for step in journeys.plan.steps]
    for step, due in zip(journeys.plan.steps, _dues(journeys, index), strict=True):
        if due >= until:
            return
        if step.after:
            yield wait_of(step), "", due
        if step.unless:
            needless = int(journeys.opened[index, keys.index(step.unless)]) <= due
            yield split_of(step), "yes" if needless else "no", due
            if needless:
                continue
        yield step.key, "", due


def _journey(
    journeys: Journeys,
    index: int,
    version: Version,
    profile: int,
    lap: int,
    goal: int,
    over: int,
    now: int,
    last: str,
) -> tuple[Any, ...]:
    """`last` is the step that was passed last; who left did so at the one where they waited."""
    entered, dues = int(journeys.entered[index]), _dues(journeys, index)
    reached = moment_of(goal) if goal < NEVER else None
    begin = (version.automation_id, version.pk, profile, lap, "")
    ended = min(over, dues[-1])
    if ended < now:
        done = over <= dues[-1]
        status, ending = (JourneyStatus.LEFT, Ending.GOAL) if done else (JourneyStatus.COMPLETED, Ending.FINISHED)
        at = moment_of(ended)
        if done:
            last = wait_of(journeys.plan.steps[next(number for number, due in enumerate(dues) if due >= ended)])
        return (*begin, status, last, "", at, None, moment_of(entered), moment_of(entered), at, ending, reached)
    place = next(number for number, due in enumerate(dues) if due >= now)
    arrived = moment_of(dues[place - 1] if place else entered)
    step = wait_of(journeys.plan.steps[place])
    due = moment_of(dues[place])
    return (
        *begin, JourneyStatus.WAITING, step, Way.WAITS, arrived, due, moment_of(entered), moment_of(entered), None, "",
        reached,
    )  # fmt: skip
