"""The company that is measured: its people, campaigns, automations and labels, all from one seed.

Nothing here knows a database. Whoever asks twice gets the same answer, so that each store can be filled by itself and
all of them hold the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt

from retargeting.conditions.nodes import Channel
from retargeting.interactions.models import CHANNEL_CODES

Ids = npt.NDArray[np.uint32]
Mask = npt.NDArray[np.bool_]
Small = npt.NDArray[np.uint8]

UNTIL = datetime(2026, 11, 1, 9, 41, 27, 123456, tzinfo=UTC)
"""The present of the benchmark: fixed, so that the same windows cut the same events on any day; see `database`."""
DAYS = 180
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
"""Moments are microseconds since 1970, as whole numbers."""

# Streams of random numbers: one for each thing, so that none shifts the others.
PEOPLE, PLANS, SENDS, COHORTS, SHOPPING, MEMBERS = range(6)

LOYAL, REGULAR, SLEEPER = range(3)
HABITS = (0.2, 0.45, 0.35)
REACH = {Channel.PUSH: 0.55, Channel.EMAIL: 0.7, Channel.SMS: 0.4, Channel.IN_APP: 0.45}
SUBSCRIBED, SUPPRESSED = 0.95, 0.01
SHIELDED = 0.2
"""Of the people, those whose mail program opens mail by itself."""

COUNTRIES = ("FR", "DE", "ES", "IT", "NL", "BE", "PL", "SE", "PT", "AT", "IE", "DK")
COUNTRY_SHARES = (0.22, 0.2, 0.12, 0.11, 0.08, 0.06, 0.06, 0.05, 0.04, 0.03, 0.02, 0.01)
PLANS_OF_PEOPLE = ("free", "basic", "plus", "business")
PLAN_SHARES = (0.5, 0.25, 0.12, 0.03)
"""The rest have none."""
TAGS = ("vip", "newsletter", "beta", "student", "outdoor", "kids", "garden", "music")
TAG_SHARES = (0.05, 0.6, 0.1, 0.15, 0.3, 0.25, 0.2, 0.35)
UNSET = 255
"""Stands for no value, in numbers of plans and in ages."""
AGE_SET = 0.8

CAMPAIGNS, AUTOMATIONS, STEPS = 200, 4, 5
CAMPAIGN_CHANNELS = (0.35, 0.35, 0.1, 0.2)
SMALLEST_SHARE, LARGEST_SHARE = 0.02, 0.6
STEP_KEYS = ("first", "second", "third", "fourth", "last")
STEP_DAYS = (0, 1, 3, 7, 14)
STEP_CHANNELS = (
    (Channel.EMAIL, Channel.PUSH, Channel.EMAIL, Channel.IN_APP, Channel.EMAIL),
    (Channel.PUSH, Channel.PUSH, Channel.IN_APP, Channel.EMAIL, Channel.SMS),
    (Channel.EMAIL, Channel.EMAIL, Channel.EMAIL, Channel.PUSH, Channel.PUSH),
    (Channel.IN_APP, Channel.PUSH, Channel.EMAIL, Channel.EMAIL, Channel.PUSH),
)
ENTERING = 0.0052
"""Of the people, those who enter an automation on any one day."""
STAYING = 0.92

LABELS = {"promo": 20, "news": 12, "brand": 8} | {f"theme-{number:02}": 1 + number % 5 for number in range(1, 18)}
"""Code and how many campaigns carry it."""
LIST_ID, LIST_SHARE = 1, 0.05


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: a campaign's one message or a step's. `appeal` lifts or lowers how many people open it."""

    orchestration: int
    step: int
    key: str
    channel: Channel
    appeal: float


@dataclass(frozen=True, slots=True)
class Campaign:
    message: Message
    share: float
    """Of those whom the channel reaches."""
    at: int
    lasting: int
    """How long the sending takes, in microseconds."""


@dataclass(frozen=True)
class World:
    people: int
    seed: int
    until: datetime = UNTIL
    scale: float = 1.0
    """Scales how many people campaigns and automations reach, for a history thinner than about 100 events a head."""

    def rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *stream])

    @property
    def end(self) -> int:
        return micros(self.until)

    @property
    def first_day(self) -> int:
        """Midnight of the day the history begins."""
        return (self.end // DAY - DAYS) * DAY

    @cached_property
    def traits(self) -> Traits:
        return Traits.draw(self.rng(PEOPLE), self.people)

    @cached_property
    def campaigns(self) -> list[Campaign]:
        rng = self.rng(PLANS)
        channels = rng.choice(4, CAMPAIGNS, p=CAMPAIGN_CHANNELS)
        shares = rng.uniform(SMALLEST_SHARE, LARGEST_SHARE, CAMPAIGNS) * self.scale
        # One day is like another, the last one is left to the automations; by day, between 8 and 19 o'clock.
        days = np.sort(rng.integers(0, DAYS - 1, CAMPAIGNS))
        hours = rng.uniform(8, 19, CAMPAIGNS)
        lasting = rng.integers(10 * MINUTE, 3 * HOUR, CAMPAIGNS)
        appeals = rng.uniform(0.6, 1.4, CAMPAIGNS)
        return [
            Campaign(
                Message(number + 1, number + 1, "", list(Channel)[channels[number]], float(appeals[number])),
                float(shares[number]),
                int(self.first_day + days[number] * DAY + int(hours[number] * HOUR)),
                int(lasting[number]),
            )
            for number in range(CAMPAIGNS)
        ]

    @property
    def automations(self) -> list[list[Message]]:
        """The messages of each automation, in the order of its steps."""
        return [
            [
                Message(CAMPAIGNS + 1 + number, CAMPAIGNS + 1 + number * STEPS + step, key, channel, 1.2 - 0.1 * step)
                for step, (key, channel) in enumerate(zip(STEP_KEYS, STEP_CHANNELS[number], strict=True))
            ]
            for number in range(AUTOMATIONS)
        ]

    @property
    def labels(self) -> dict[str, list[int]]:
        """The orchestrations that carry each label: campaigns all over the history, and an automation now and then."""
        carried = {}
        for number, (code, count) in enumerate(LABELS.items()):
            step = CAMPAIGNS // count
            carried[code] = [1 + (number + step * place) % CAMPAIGNS for place in range(count)]
            if number % 5 == 4:
                carried[code].append(CAMPAIGNS + 1 + number // 5)
        return carried

    @property
    def list_members(self) -> Ids:
        return np.flatnonzero(self.rng(MEMBERS).random(self.people) < LIST_SHARE).astype(np.uint32) + np.uint32(1)

    def campaign_on(self, channel: Channel, days_ago: int) -> int:
        """The campaign on `channel` that was sent nearest to so many days ago."""
        moment = self.end - days_ago * DAY
        found = [campaign for campaign in self.campaigns if campaign.message.channel is channel]
        return min(found, key=lambda campaign: abs(campaign.at - moment)).message.orchestration


@dataclass(frozen=True, slots=True)
class Traits:
    """What each person is like; place i is the person with the id i + 1."""

    habit: Small
    reach: dict[Channel, Mask]
    subscribed: dict[Channel, Mask]
    suppressed: dict[Channel, Mask]
    shielded: Mask
    country: Small
    plan: Small
    age: Small
    last_seen: npt.NDArray[np.uint8]
    """Days before the end."""
    tags: Small
    """A bit for each of TAGS."""

    @classmethod
    def draw(cls, rng: np.random.Generator, people: int) -> Traits:
        def some(share: float) -> Mask:
            return rng.random(people, dtype=np.float32) < share

        def one_of(shares: tuple[float, ...], rest: int) -> Small:
            edges = np.cumsum(shares)
            drawn = np.searchsorted(edges, rng.random(people), side="right").astype(np.uint8)
            return np.where(drawn < len(shares), drawn, rest).astype(np.uint8)

        ages = np.clip(rng.normal(41, 15, people), 16, 99).astype(np.uint8)
        return cls(
            habit=one_of(HABITS, SLEEPER),
            reach={channel: some(share) for channel, share in REACH.items()},
            subscribed={channel: some(SUBSCRIBED) for channel in REACH},
            suppressed={channel: some(SUPPRESSED) for channel in REACH},
            shielded=some(SHIELDED),
            country=one_of(COUNTRY_SHARES, 0),
            plan=one_of(PLAN_SHARES, UNSET),
            age=np.where(some(AGE_SET), ages, UNSET).astype(np.uint8),
            last_seen=np.minimum(rng.exponential(30, people), DAYS).astype(np.uint8),
            tags=np.packbits([some(share) for share in TAG_SHARES], axis=0, bitorder="little")[0],
        )


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment_of(at: int) -> datetime:
    return EPOCH + timedelta(microseconds=at)


def channel_code(channel: Channel) -> int:
    return CHANNEL_CODES[channel]


def in_parts(count: int, size: int) -> Iterator[slice]:
    for first in range(0, count, size):
        yield slice(first, min(first + size, count))
