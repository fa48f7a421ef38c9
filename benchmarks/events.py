"""What happens in the world: message events in the order of time, and custom events."""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from benchmarks.world import (
    COHORTS,
    DAY,
    DAYS,
    ENTERING,
    HOUR,
    LOYAL,
    MINUTE,
    REGULAR,
    SECOND,
    SENDS,
    SHOPPING,
    SLEEPER,
    STAYING,
    STEP_DAYS,
    Campaign,
    Ids,
    Mask,
    Message,
    World,
    channel_code,
    in_parts,
)
from retargeting.conditions.nodes import Channel, Interaction
from retargeting.interactions.models import EVENT_CODES

Rows = npt.NDArray[Any]
Moments = npt.NDArray[np.int64]
T = TypeVar("T")

EVENT = np.dtype(
    [
        ("moment", "<i8"),
        ("journey", "<i8"),  # 0 for none
        ("profile", "<u4"),
        ("orchestration", "<i4"),
        ("step", "<i4"),
        ("channel", "u1"),
        ("event", "u1"),
        ("machine", "u1"),
    ]
)
MOST_ROWS = 1_000_000
"""Of one batch, and so of one transaction."""

DELIVERED = {Channel.PUSH: 0.96, Channel.EMAIL: 0.98, Channel.SMS: 0.97}
OPENED = {  # by habit
    Channel.PUSH: np.array([0.5, 0.16, 0.02]),
    Channel.EMAIL: np.array([0.65, 0.25, 0.03]),
    Channel.IN_APP: np.array([0.8, 0.5, 0.2]),
}
AGAIN = 0.25
"""Of those who opened, those who open once more."""
LATE = 0.15
"""Of the opens, those from the long tail."""
BY_MACHINE = 0.4
"""Of the mails to people with a mail program that opens by itself."""
CLICKED = 0.15
CLICKED_SMS = np.array([0.15, 0.06, 0.01])
SCANNED, UNSUBSCRIBED = 0.004, 0.001

VIEWED, CARTED, PURCHASED = "product_viewed", "added_to_cart", "purchased"
CUSTOM_NAMES = (VIEWED, CARTED, PURCHASED)
CUSTOM_SHARES = (0.65, 0.23, 0.12)
CATEGORIES = ("shoes", "shirts", "coats", "bags", "tents", "bikes", "toys", "books")
CUSTOM_PER_HEAD = 3
BUYING = np.array([0.45, 0.4, 0.15])
"""The share of custom events by habit."""
CUSTOM = np.dtype([("moment", "<i8"), ("profile", "<u4"), ("cents", "<i4"), ("name", "u1"), ("category", "u1")])


class Some(NamedTuple):
    """The same thing happening to many people."""

    event: Interaction
    people: Ids
    at: Moments
    journeys: Moments | None
    machine: bool = False


def message_events(world: World) -> Iterator[Rows]:
    """All of them as batches of EVENT, each sorted by time and all after the ones before."""
    waiting: dict[int, list[Rows]] = defaultdict(list)
    by_day: dict[int, list[Campaign]] = defaultdict(list)
    for campaign in world.campaigns:
        by_day[campaign.at // DAY].append(campaign)
    first = world.first_day // DAY
    for day in range(first, first + DAYS + 1):
        for campaign in by_day[day]:
            _put(waiting, _campaign(world, campaign), world.end)
        for number in range(len(world.automations)):
            for sent, message in _steps(world, number, day):
                _put(waiting, _responses(world, message, sent, world.rng(COHORTS, 1, message.step, day)), world.end)
        # Nothing that is sent later can happen earlier: the day is complete.
        rows = np.concatenate([*waiting.pop(day, []), np.empty(0, dtype=EVENT)])
        rows = rows[np.argsort(rows["moment"], kind="stable")]
        for part in in_parts(len(rows), MOST_ROWS):
            yield rows[part]


def _campaign(world: World, campaign: Campaign) -> Iterator[tuple[Message, Some]]:
    message = campaign.message
    rng = world.rng(SENDS, message.orchestration)
    chosen = world.traits.reach[message.channel] & (rng.random(world.people) < campaign.share)
    people = _ids(chosen)
    at = campaign.at + rng.integers(0, campaign.lasting, len(people))
    return _responses(world, message, Some(Interaction.SENT, people, at, None), rng)


def _steps(world: World, number: int, day: int) -> Iterator[tuple[Some, Message]]:
    """What one automation sends on one day: each step to those who entered so many days before and are still there."""
    first = world.first_day // DAY
    for place, message in enumerate(world.automations[number]):
        entered = day - STEP_DAYS[place]
        if entered < first:
            continue
        rng = world.rng(COHORTS, 0, number, entered)
        cohort = _ids(rng.random(world.people) < ENTERING * world.scale)
        hour_of_entry = rng.integers(0, DAY, len(cohort))
        lasting = rng.random(len(cohort))
        there = (lasting < STAYING**place) & world.traits.reach[message.channel][cohort - 1]
        # The number of an automation's cohort of a day, and the place in it.
        journeys = ((entered - first) * len(world.automations) + number) * world.people + 1 + np.arange(len(cohort))
        at = day * DAY + hour_of_entry[there]
        yield Some(Interaction.SENT, cohort[there], at, journeys[there]), message


def _responses(world: World, message: Message, sent: Some, rng: np.random.Generator) -> Iterator[tuple[Message, Some]]:
    """The send and all that follows from it."""
    channel = message.channel
    yield message, sent
    arrived = sent
    if channel in DELIVERED:
        there = rng.random(len(sent.people)) < DELIVERED[channel]
        arrived = _after(sent, there, Interaction.DELIVERED, rng.exponential(5 * SECOND, len(sent.people)))
        yield message, arrived
        if channel is Channel.EMAIL:
            yield message, _after(sent, ~there, Interaction.BOUNCED, np.full(len(sent.people), 9 * SECOND))
    if channel is not Channel.IN_APP and channel is not Channel.PUSH:
        leaving = rng.random(len(arrived.people)) < UNSUBSCRIBED
        yield (
            message,
            _after(arrived, leaving, Interaction.UNSUBSCRIBED, rng.exponential(2 * HOUR, len(leaving))),
        )
    if channel in OPENED:
        for some in _opens(world, message, arrived, rng):
            yield message, some
    else:
        clicking = rng.random(len(arrived.people)) < CLICKED_SMS[world.traits.habit[arrived.people - 1]]
        yield message, _after(arrived, clicking, Interaction.CLICKED, rng.exponential(HOUR, len(clicking)))


def _opens(world: World, message: Message, arrived: Some, rng: np.random.Generator) -> Iterator[Some]:
    habits = world.traits.habit[arrived.people - 1]
    opening = rng.random(len(habits)) < np.minimum(OPENED[message.channel][habits] * message.appeal, 0.95)
    opened = _after(arrived, opening, Interaction.OPENED, _open_delays(rng, len(habits)))
    yield opened
    again = opened
    for _ in range(2):
        more = rng.random(len(again.people)) < AGAIN
        again = _after(again, more, Interaction.OPENED, rng.exponential(20 * HOUR, len(more)))
        yield again
    clicking = rng.random(len(opened.people)) < CLICKED
    yield _after(opened, clicking, Interaction.CLICKED, rng.exponential(40 * SECOND, len(clicking)))
    if message.channel is Channel.EMAIL:
        count = len(arrived.people)
        by_program = world.traits.shielded[arrived.people - 1] & (rng.random(count) < BY_MACHINE)
        seconds = rng.integers(SECOND, MINUTE, count)
        yield _after(arrived, by_program, Interaction.OPENED, seconds)._replace(machine=True)
        scanned = rng.random(count) < SCANNED
        yield _after(arrived, scanned, Interaction.CLICKED, seconds)._replace(machine=True)


def _open_delays(rng: np.random.Generator, count: int) -> npt.NDArray[np.float64]:
    return np.where(rng.random(count) < LATE, rng.exponential(50 * HOUR, count), rng.exponential(2.5 * HOUR, count))


def _after(some: Some, chosen: Mask, event: Interaction, delays: npt.NDArray[Any]) -> Some:
    """`event` happening to the chosen ones, each after its delay in microseconds."""
    journeys = None if some.journeys is None else some.journeys[chosen]
    return Some(event, some.people[chosen], some.at[chosen] + delays[chosen].astype(np.int64) + 1, journeys)


def _put(waiting: dict[int, list[Rows]], happened: Iterable[tuple[Message, Some]], end: int) -> None:
    """Lay what happens up to the end with the day that it happens on."""
    for message, some in happened:
        rows = np.zeros(len(some.people), dtype=EVENT)
        rows["profile"], rows["moment"] = some.people, some.at
        rows["journey"] = 0 if some.journeys is None else some.journeys
        rows["orchestration"], rows["step"] = message.orchestration, message.step
        rows["channel"], rows["event"] = channel_code(message.channel), EVENT_CODES[some.event]
        rows["machine"] = some.machine
        rows = rows[rows["moment"] <= end]
        days = (rows["moment"] // DAY).astype(np.uint16)
        rows = rows[np.argsort(days, kind="stable")]
        present, starts = np.unique(np.sort(days), return_index=True)
        for day, part in zip(present.tolist(), np.split(rows, starts[1:]), strict=False):
            waiting[day].append(part)


def custom_events(world: World) -> Iterator[Rows]:
    """All of them as batches of CUSTOM, a part of the people's each."""
    groups = [_ids(world.traits.habit == habit) for habit in (LOYAL, REGULAR, SLEEPER)]
    for number, part in enumerate(in_parts(world.people * CUSTOM_PER_HEAD, MOST_ROWS // 2)):
        rng = world.rng(SHOPPING, number)
        count = part.stop - part.start
        rows = np.zeros(count, dtype=CUSTOM)
        kinds = rng.choice(3, count, p=BUYING)
        for kind, group in enumerate(groups):
            places = np.flatnonzero(kinds == kind)
            rows["profile"][places] = rng.choice(group, len(places)) if len(group) else 1
        rows["moment"] = rng.integers(world.first_day, world.end + 1, count)
        rows["name"] = rng.choice(len(CUSTOM_NAMES), count, p=CUSTOM_SHARES)
        rows["category"] = rng.integers(0, len(CATEGORIES), count)
        rows["cents"] = np.clip(rng.lognormal(8.2, 0.8, count), 99, 500_000)
        yield rows[np.argsort(rows["moment"], kind="stable")]


def _ids(chosen: Mask) -> Ids:
    return np.flatnonzero(chosen).astype(np.uint32) + np.uint32(1)


def ahead(batches: Iterable[T], depth: int = 2) -> Iterator[T]:
    """The same, made in a thread of its own while the one who takes them is busy."""
    made: queue.Queue[T | BaseException | None] = queue.Queue(depth)

    def make() -> None:
        try:
            for batch in batches:
                made.put(batch)
            made.put(None)
        except BaseException as error:  # noqa: BLE001  (raised again where the batches are taken)
            made.put(error)

    threading.Thread(target=make, daemon=True).start()
    while (batch := made.get()) is not None:
        if isinstance(batch, BaseException):
            raise batch
        yield batch
