"""What people do with a message: when it arrives, whether and when they open and click it, and who has had enough.

The shares are in the range of published benchmarks; what makes them differ from person to person is in `people`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from retargeting.conditions.nodes import Channel, Interaction
from retargeting.demo.people import DAY, HOUR, LOYAL, MINUTE, NEVER, SECOND, Floats, Ints, Mask, People, moment_of
from retargeting.interactions.models import EVENT_CODES
from retargeting.profiles.models import SuppressionReason

DELIVERED = {Channel.PUSH: 0.955, Channel.EMAIL: 0.991, Channel.SMS: 0.972, Channel.IN_APP: 0.0}
OPENED = {Channel.PUSH: 0.085, Channel.EMAIL: 0.285, Channel.SMS: 0.0, Channel.IN_APP: 0.5}
CLICKED = {Channel.PUSH: 0.16, Channel.EMAIL: 0.115, Channel.SMS: 0.055, Channel.IN_APP: 0.14}
"""Of those who opened; with SMS, where opens cannot be seen, of those who received it."""
MEDIAN_DELAY = {
    Channel.PUSH: 9 * MINUTE,
    Channel.EMAIL: 50 * MINUTE,
    Channel.SMS: 6 * MINUTE,
    Channel.IN_APP: 4 * HOUR,
}

KEEPS_TO_HOURS = 0.62
FADING_DAYS = 22.0
UNSUBSCRIBES_AFTER_OPEN, UNSUBSCRIBES_UNREAD, STOPS = 0.005, 0.0004, 0.006
COMPLAINS = 0.00015

UNSUBSCRIBED = "unsubscribed"


@dataclass
class Closure:
    """From `at` on the people `who` cannot be written to on the channel; `why` is "unsubscribed" or a suppression."""

    who: Ints
    at: Ints
    why: str


@dataclass
class Reactions:
    """Events as parallel columns, the first opens by people (one a message, or NEVER), and what was closed."""

    first_open: Ints
    first_click: Ints
    who: list[Ints] = field(default_factory=list)
    event: list[Ints] = field(default_factory=list)
    machine: list[Mask] = field(default_factory=list)
    at: list[Ints] = field(default_factory=list)
    closures: list[Closure] = field(default_factory=list)

    def add(self, event: Interaction, who: Ints, at: Ints, *, machine: bool = False) -> None:
        if len(who):
            self.who.append(who)
            self.event.append(np.full(len(who), EVENT_CODES[event]))
            self.machine.append(np.full(len(who), machine))
            self.at.append(at)

    def close(self, event: Interaction, who: Ints, at: Ints, why: str) -> None:
        self.add(event, who, at)
        if len(who):
            self.closures.append(Closure(who, at, why))


def react(
    rng: np.random.Generator, people: People, who: Ints, sent_at: Ints, channel: Channel, appeal: float, pull: float
) -> Reactions:
    """Everything that follows from sending a message to `who` at `sent_at`, some of it perhaps after now."""
    size = len(who)
    found = Reactions(np.full(size, NEVER), np.full(size, NEVER))
    arrived = np.ones(size, dtype=bool)
    arrived_at = sent_at + _latency(rng, channel, size)
    if channel == Channel.EMAIL:
        bounced = people.mailbox_dies_at[who] <= sent_at
        found.close(Interaction.BOUNCED, who[bounced], arrived_at[bounced], str(SuppressionReason.BOUNCED))
        arrived = ~bounced
    if channel != Channel.IN_APP:
        arrived &= rng.random(size) < DELIVERED[channel]
        found.add(Interaction.DELIVERED, who[arrived], arrived_at[arrived])
    if channel == Channel.EMAIL:
        _machines(rng, people, who[arrived], arrived_at[arrived], found)
    if channel == Channel.SMS:
        clicks = arrived & (
            rng.random(size) < CLICKED[channel] * pull * people.clicky[who] * mood(people, who, sent_at)
        )
        _click(rng, people, who, _reading_time(rng, people, who, arrived_at, channel), clicks, found)
        _stop(rng, who, arrived, arrived_at, found)
        return found
    _open(rng, people, who, arrived, arrived_at, channel, appeal, found)
    opened = found.first_open < NEVER
    clicks = opened & (rng.random(size) < np.minimum(0.9, CLICKED[channel] * pull * people.clicky[who]))
    _click(rng, people, who, found.first_open, clicks, found)
    if channel == Channel.EMAIL:
        _leave(rng, people, who, arrived, arrived_at, found)
    return found


def mood(people: People, who: Ints, at: Ints) -> Floats:
    """What is left of somebody's interest: all of it, or less by the day for those who fade."""
    days = np.maximum(0, at - people.fades_at[who]) / DAY
    return np.asarray(np.exp(-days / FADING_DAYS))


def _latency(rng: np.random.Generator, channel: Channel, size: int) -> Ints:
    """From the sending to the device. Every eighth phone is out of reach for some hours."""
    seconds = rng.lognormal({Channel.EMAIL: 2.0}.get(channel, 0.6), 0.8, size)
    if channel in {Channel.PUSH, Channel.SMS}:
        seconds += np.where(rng.random(size) < 0.12, rng.exponential(5 * 3600, size), 0)
    return np.asarray((seconds * SECOND).astype(np.int64))


def _machines(rng: np.random.Generator, people: People, who: Ints, at: Ints, found: Reactions) -> None:
    """Within seconds a mail program loads the pictures, or a scanner follows every link."""
    loads = people.prefetched[who] & (rng.random(len(who)) < 0.93)
    wait = (rng.uniform(2, 50, len(who)) * SECOND).astype(np.int64)
    found.add(Interaction.OPENED, who[loads], (at + wait)[loads], machine=True)
    scans = people.scanned[who]
    wait = (rng.uniform(1, 12, len(who)) * SECOND).astype(np.int64)
    found.add(Interaction.OPENED, who[scans], (at + wait)[scans], machine=True)
    found.add(Interaction.CLICKED, who[scans], (at + wait + SECOND)[scans], machine=True)


def _open(
    rng: np.random.Generator,
    people: People,
    who: Ints,
    arrived: Mask,
    arrived_at: Ints,
    channel: Channel,
    appeal: float,
    found: Reactions,
) -> None:
    chance = OPENED[channel] * appeal * people.eager[who] * mood(people, who, arrived_at)
    opens = arrived & (rng.random(len(who)) < np.minimum(0.94, chance))
    at = _reading_time(rng, people, who, arrived_at, channel)
    found.first_open[opens] = at[opens]
    found.add(Interaction.OPENED, who[opens], at[opens])
    if channel != Channel.PUSH:  # a push is gone once it has been opened
        again = opens & (rng.random(len(who)) < np.where(people.kind[who] == LOYAL, 0.48, 0.2))
        for _ in range(3):
            at = _at_usual_hour(rng, people, who, at + (rng.exponential(1.2, len(who)) * DAY + HOUR).astype(np.int64))
            found.add(Interaction.OPENED, who[again], at[again])
            again &= rng.random(len(who)) < 0.4


def _click(rng: np.random.Generator, people: People, who: Ints, read_at: Ints, clicks: Mask, found: Reactions) -> None:
    wait = (rng.exponential(35, len(who)) * SECOND).astype(np.int64) + 2 * SECOND
    at = np.where(clicks, np.where(clicks, read_at, 0) + wait, NEVER)
    found.first_click = at
    found.add(Interaction.CLICKED, who[clicks], at[clicks])
    again = clicks & (rng.random(len(who)) < 0.17)
    found.add(Interaction.CLICKED, who[again], (at[again] + wait[again] + 20 * SECOND))


def _leave(
    rng: np.random.Generator, people: People, who: Ints, arrived: Mask, arrived_at: Ints, found: Reactions
) -> None:
    """Unsubscribing and complaining: mostly by those who had been losing interest."""
    opened = found.first_open < NEVER
    tired = 1 + 5 * (1 - mood(people, who, arrived_at))
    chance = np.where(opened, UNSUBSCRIBES_AFTER_OPEN, UNSUBSCRIBES_UNREAD) * tired
    read_at = np.where(opened, found.first_open, arrived_at + 3 * HOUR)
    draw = rng.random(len(who))
    leaves = arrived & (draw < chance)
    found.close(Interaction.UNSUBSCRIBED, who[leaves], read_at[leaves] + MINUTE, UNSUBSCRIBED)
    complains = arrived & (draw > 1 - COMPLAINS)
    found.close(Interaction.COMPLAINED, who[complains], read_at[complains] + MINUTE, str(SuppressionReason.COMPLAINED))


def _stop(rng: np.random.Generator, who: Ints, arrived: Mask, arrived_at: Ints, found: Reactions) -> None:
    stops = arrived & (rng.random(len(who)) < STOPS)
    wait = (rng.exponential(20, len(who)) * MINUTE).astype(np.int64) + 15 * SECOND
    found.close(Interaction.UNSUBSCRIBED, who[stops], (arrived_at + wait)[stops], UNSUBSCRIBED)


def _reading_time(rng: np.random.Generator, people: People, who: Ints, at: Ints, channel: Channel) -> Ints:
    """After a moment for whoever looks at once; for most at their usual hour."""
    delay = np.minimum(rng.lognormal(0, 1.2, len(who)) * MEDIAN_DELAY[channel], 5 * DAY).astype(np.int64)
    return _at_usual_hour(rng, people, who, at + 3 * SECOND + delay)


def _at_usual_hour(rng: np.random.Generator, people: People, who: Ints, at: Ints) -> Ints:
    """Put off to the person's usual hour for those who keep to it, and for whoever is asleep."""
    if not len(who):
        return at
    local = (at + offsets(people, int(np.median(at)) // DAY)[people.zone[who]]) % DAY / HOUR
    asleep = (local < 6.2) & ~people.owl[who]
    waits = asleep | (rng.random(len(who)) < KEEPS_TO_HOURS)
    usual = people.hour[who] + rng.normal(0, 0.9, len(who))
    return np.asarray(at + np.where(waits, ((usual - local) % 24 * HOUR).astype(np.int64), 0))


def offsets(people: People, day: int) -> Ints:
    """What to add to UTC in each zone, that day."""
    return _offsets(tuple(people.zones), day)


@lru_cache(maxsize=1024)
def _offsets(zones: tuple[str, ...], day: int) -> Ints:
    noon = moment_of(day * DAY + 12 * HOUR)
    return np.array(
        [(noon.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()) // timedelta(microseconds=1) for zone in zones]
    )
