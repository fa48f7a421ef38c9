"""Checks one event that a program sent, and makes the row of it. Written for tens of thousands a second."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from retargeting.conditions.operators import CHANNELS, INTERACTIONS
from retargeting.conditions.reading import show, spoken
from retargeting.interactions.ingest import CustomEventRow, MessageEventRow
from retargeting.interactions.models import CHANNELS_BY_CODE, EVENT_CODES, EVENTS_BY_CODE
from retargeting.interactions.targets import Target, Targets
from retargeting.profiles.validation import Mistakes, clean_name, clean_values

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
CLOCKS_DIFFER = timedelta(minutes=10)
"""How far ahead of ours a client's clock may be."""
MAX_ID = 255
MAX_EVENT_NAME = 200

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_REQUIRED = ("id", "profile", "event")
_EVENT_OPTIONAL = ("properties", "occurred_at")
_EVENT_KEYS = {*_REQUIRED, *_EVENT_OPTIONAL}
_INTERACTION_OPTIONAL = ("campaign", "automation", "step", "occurred_at", "machine")
_INTERACTION_KEYS = {*_REQUIRED, *_INTERACTION_OPTIONAL}
_NUMBERS = {str(event): number for event, number in EVENT_CODES.items()}
_ALLOWED = {
    (channel, number): name in INTERACTIONS[EVENTS_BY_CODE[number]].channels
    for channel, name in CHANNELS_BY_CODE.items()
    for number in EVENTS_BY_CODE
}
_MARKED = {_NUMBERS[str(event)] for event, row in INTERACTIONS.items() if row.opens}
"""Events that a machine can cause."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What the items of one batch are checked against."""

    now: datetime
    people: Mapping[str, int]
    targets: Targets | None = None


def is_name(value: object) -> bool:
    """Whether a text may be looked up at all."""
    return isinstance(value, str) and bool(value) and _CONTROL.search(value) is None


def digest_of(kind: str, item: dict[str, Any], mistakes: Mistakes) -> str | None:
    """The id under which an item is kept: clients' ids may have any length and look, and two kinds the same one."""
    if "id" not in item:
        return None  # the check of the keys says so
    value = item["id"]
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID or _CONTROL.search(value):
        mistakes.note("/id", f"Expected a text of 1 to {MAX_ID} characters without control characters.")
        return None
    return blake2b(f"{kind}:{value}".encode(), digest_size=16).hexdigest()


def event_row(item: dict[str, Any], digest: str, batch: Batch, mistakes: Mistakes) -> CustomEventRow | None:
    """None exactly if a mistake was noted."""
    if not item.keys() <= _EVENT_KEYS or not all(key in item for key in _REQUIRED):
        mistakes.keys(item, "", _REQUIRED, _EVENT_OPTIONAL)
    person = _person(item, batch, mistakes)
    name = None
    if "event" in item:
        name = clean_name(item["event"], mistakes, "/event", "the name of an event", MAX_EVENT_NAME)
    properties = item.get("properties", {})
    if properties != {}:
        properties = clean_values(properties, mistakes, "/properties", "property", "properties")
    moment = _moment(item, batch, mistakes)
    if mistakes or person is None or name is None or moment is None:
        return None
    return CustomEventRow(digest, person, name, properties, moment)


def interaction_row(item: dict[str, Any], digest: str, batch: Batch, mistakes: Mistakes) -> MessageEventRow | None:
    """None exactly if a mistake was noted."""
    assert batch.targets is not None
    if not item.keys() <= _INTERACTION_KEYS or not all(key in item for key in _REQUIRED):
        mistakes.keys(item, "", _REQUIRED, _INTERACTION_OPTIONAL)
    person = _person(item, batch, mistakes)
    event = _interaction(item, mistakes)
    target = batch.targets.of(item, mistakes)
    if event is not None and target is not None and not _ALLOWED[target.channel, event]:
        mistakes.note("/event", _not_there(target, event))
    machine = _machine(item, event, mistakes)
    moment = _moment(item, batch, mistakes)
    if mistakes or person is None or event is None or target is None or moment is None:
        return None
    return MessageEventRow(
        digest, person, target.orchestration_id, target.step_id, None, target.channel, event, machine, moment
    )


def _person(item: dict[str, Any], batch: Batch, mistakes: Mistakes) -> int | None:
    name = item.get("profile")
    if isinstance(name, str):
        if (person := batch.people.get(name)) is None:
            mistakes.note("/profile", f"There is no profile {show(name)}.")
        return person
    if "profile" in item:
        mistakes.note("/profile", f"Expected the external id of a profile as a text, got {show(name)}.")
    return None


def _moment(item: dict[str, Any], batch: Batch, mistakes: Mistakes) -> datetime | None:
    """When it happened, in UTC; now where nothing is said."""
    if "occurred_at" not in item:
        return batch.now
    value = item["occurred_at"]
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
            if EARLIEST <= moment <= batch.now + CLOCKS_DIFFER:
                return moment
            early = "before the year 2000" if moment < EARLIEST else "in the future"
            mistakes.note("/occurred_at", f"{show(value)} is {early}.")
            return None
    except (TypeError, ValueError, OverflowError):
        pass
    mistakes.note("/occurred_at", f'Expected a time with its zone such as "2026-11-03T10:02:00Z", got {show(value)}.')
    return None


def _interaction(item: dict[str, Any], mistakes: Mistakes) -> int | None:
    name = item.get("event")
    number = _NUMBERS.get(name) if isinstance(name, str) else None
    if number is None and "event" in item:
        mistakes.note("/event", f"Expected one of {spoken(_NUMBERS)}, got {show(name)}.")
    return number


def _machine(item: dict[str, Any], event: int | None, mistakes: Mistakes) -> bool:
    machine = item.get("machine", False)
    if not isinstance(machine, bool):
        mistakes.note("/machine", f"Expected true or false, got {show(machine)}.")
    elif machine and event is not None and event not in _MARKED:
        mistakes.note("/machine", "Only opens and clicks can be those of a machine.")
    return machine is True


def _not_there(target: Target, event: int) -> str:
    channel = CHANNELS_BY_CODE[target.channel]
    existing = [str(name) for name, row in INTERACTIONS.items() if channel in row.channels]
    return f'{CHANNELS[channel].label} has no "{EVENTS_BY_CODE[event]}". Expected one of {spoken(existing)}.'
