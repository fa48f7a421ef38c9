"""The people of the sample data: who they are, how they can be reached, and what they are like as readers.

Everything is drawn from one seeded generator and from nothing else, so the same seed gives the same people; only their
dates move with `now`. Columns are numpy arrays, or lists where they hold text; a person is a position in them.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from retargeting.conditions.nodes import Channel
from retargeting.demo.countries import COUNTRIES

USERNAME = "demo"
PASSWORD = "show-me-around"  # noqa: S105  (of sample data on one's own machine, printed at every start)

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 24 * 3600 * SECOND
NEVER = np.iinfo(np.int64).max
"""Moments are microseconds since 1970 in UTC."""

HISTORY_DAYS = 120
PLANS = ("basic", "plus", "premium")
INTERESTS = ("hiking", "running", "cycling", "camping", "climbing", "skiing", "yoga", "travel")
DOMAINS = ("example.com", "example.org", "example.net")

# Kinds of readers: how many there are, how eagerly they open, how readily they click, how active they are in the shop.
LOYAL, REGULAR, FADING, SLEEPER = range(4)
SHARES = (0.13, 0.44, 0.17, 0.26)
EAGERNESS = (2.3, 1.0, 1.3, 0.14)
CLICKS = (1.4, 1.0, 1.0, 0.6)
ACTIVITY = (6.5, 2.8, 2.2, 0.5)

# Who has an address of a channel, and who has unsubscribed from it before the history begins.
HAS = {Channel.PUSH: 0.71, Channel.EMAIL: 0.95, Channel.SMS: 0.66, Channel.IN_APP: 0.74}
UNSUBSCRIBED = {Channel.PUSH: 0.045, Channel.EMAIL: 0.05, Channel.SMS: 0.04, Channel.IN_APP: 0.0}
SUPPRESSED = {Channel.PUSH: 0.008, Channel.EMAIL: 0.012, Channel.SMS: 0.006, Channel.IN_APP: 0.0}


def microseconds(moment: datetime) -> int:
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))


def moment_of(at: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(at))


@dataclass
class People:
    size: int
    external_ids: list[str]
    attributes: list[dict[str, Any]]
    languages: list[str]
    zones: list[str]
    zone: Ints
    """Position in `zones`."""
    joined: Ints
    newcomer: Mask
    """Joined during the history: gets the welcome automation."""
    interests: npt.NDArray[np.bool_]
    kind: Ints
    eager: Floats
    clicky: Floats
    activity: Floats
    hour: Floats
    owl: Mask
    fades_at: Ints
    prefetched: Mask
    """A mail program opens mails in advance."""
    scanned: Mask
    """A company's scanner opens mails and follows their links."""
    mailbox_dies_at: Ints
    """From then on its mails bounce; NEVER for nearly everybody."""
    addresses: dict[Channel, list[str]] = field(default_factory=dict)
    second_devices: list[tuple[int, str]] = field(default_factory=list)
    unsubscribed: dict[Channel, Mask] = field(default_factory=dict)
    suppressed: dict[Channel, Mask] = field(default_factory=dict)

    def has(self, channel: Channel) -> Mask:
        return np.array([bool(address) for address in self.addresses[channel]])


def make_people(rng: np.random.Generator, size: int, now: datetime) -> People:
    country = rng.choice(len(COUNTRIES), size, p=np.array([c.share for c in COUNTRIES]) / 100)
    picks = rng.integers(0, 1 << 30, (3, size))
    kind = rng.choice(4, size, p=SHARES)
    newcomer = rng.random(size) < 0.15
    age = np.where(newcomer, rng.random(size) * (HISTORY_DAYS - 1), HISTORY_DAYS + rng.exponential(400, size) + 1)
    joined = microseconds(now) - (np.minimum(age, 2500) * DAY).astype(np.int64)
    interests = rng.random((size, len(INTERESTS))) < np.array([0.34, 0.3, 0.22, 0.2, 0.1, 0.14, 0.16, 0.28])
    zones = sorted({zone for c in COUNTRIES for _, zone in c.cities})
    places = [COUNTRIES[c].cities[pick % len(COUNTRIES[c].cities)] for c, pick in zip(country, picks[0], strict=True)]
    owl = rng.random(size) < 0.11
    people = People(
        size=size,
        external_ids=[f"cus-{100_001 + i}" for i in range(size)],
        attributes=[],
        languages=[COUNTRIES[c].language for c in country],
        zones=zones,
        zone=np.array([zones.index(zone) for _, zone in places]),
        joined=joined,
        newcomer=newcomer,
        interests=interests,
        kind=kind,
        eager=np.array(EAGERNESS)[kind] * rng.lognormal(-0.1, 0.45, size),
        clicky=np.array(CLICKS)[kind] * rng.lognormal(-0.1, 0.4, size),
        activity=np.array(ACTIVITY)[kind] * rng.lognormal(-0.3, 0.8, size),
        hour=_usual_hours(rng, owl),
        owl=owl,
        fades_at=np.where(
            kind == FADING, microseconds(now) - (rng.uniform(20, HISTORY_DAYS, size) * DAY).astype(np.int64), NEVER
        ),
        prefetched=rng.random(size) < 0.24,
        scanned=rng.random(size) < 0.025,
        mailbox_dies_at=np.where(
            rng.random(size) < 0.02,
            microseconds(now) - (rng.uniform(-10, HISTORY_DAYS + 25, size) * DAY).astype(np.int64),
            NEVER,
        ),
    )
    first_names = [country.first_names.split() for country in COUNTRIES]
    last_names = [country.last_names.split() for country in COUNTRIES]
    names = [
        (_pick(first_names[c], first), _pick(last_names[c], last))
        for c, first, last in zip(country, picks[1], picks[2], strict=True)
    ]
    _describe(rng, people, country, [city for city, _ in places], names)
    _add_addresses(rng, people, country, names)
    return people


def _pick(names: list[str], number: int) -> str:
    return names[number % len(names)]


def _usual_hours(rng: np.random.Generator, owl: Mask) -> Floats:
    """The local hour at which somebody looks at messages: on the way to work, at lunch, in the evening, at night."""
    size = len(owl)
    centre = np.where(owl, 24.2, np.array([7.8, 12.6, 17.6, 20.4])[rng.choice(4, size, p=(0.27, 0.18, 0.2, 0.35))])
    return np.asarray((centre + rng.normal(0, 0.7, size)) % 24)


def _describe(
    rng: np.random.Generator, people: People, country: Ints, cities: list[str], names: list[tuple[str, str]]
) -> None:
    size = people.size
    richness = np.where(people.kind == LOYAL, 1.5, 1.0) * rng.lognormal(4.3, 1.0, size)
    rank = (richness * rng.lognormal(0, 0.5, size)).argsort().argsort() / size
    plan = np.digitize(rank, [0.58, 0.87])
    loyalty = rng.random(size) < np.array([0.12, 0.45, 0.8])[plan]
    value = np.where(rng.random(size) < 0.16, 0.0, np.round(richness, 2))
    birthday = rng.integers(0, 365, size)
    holes = rng.random((3, size))
    for i, (first, last) in enumerate(names):
        attributes: dict[str, Any] = {
            "first_name": first,
            "last_name": last,
            "country": COUNTRIES[country[i]].code,
            "city": cities[i],
            "language": people.languages[i],
            "plan": PLANS[plan[i]],
            "signup_date": moment_of(people.joined[i]).date().isoformat(),
            "lifetime_value": float(value[i]),
            "interests": [name for name, likes in zip(INTERESTS, people.interests[i], strict=True) if likes],
            "loyalty": bool(loyalty[i]),
            "birthday": f"{datetime(2001, 1, 1, tzinfo=UTC) + timedelta(days=int(birthday[i])):%m-%d}",
        }
        # Nobody's data is complete.
        for key, hole, share in zip(("city", "birthday", "first_name"), holes[:, i], (0.06, 0.45, 0.02), strict=True):
            if hole < share:
                del attributes[key]
        if not attributes["interests"]:
            del attributes["interests"]
        people.attributes.append(attributes)


def _add_addresses(rng: np.random.Generator, people: People, country: Ints, names: list[tuple[str, str]]) -> None:
    """An address is "" where somebody has none; a few people can be reached nowhere."""
    size = people.size
    nowhere = rng.random(size) < 0.02
    draws = {channel: (rng.random(size) < HAS[channel]) & ~nowhere for channel in Channel}
    domain = rng.integers(0, len(DOMAINS), size)
    tokens = rng.bytes(size * 24).hex()
    phones = {code: iter(c.phones()) for code, c in enumerate(COUNTRIES)}
    taken: dict[str, int] = {}
    people.addresses = {
        Channel.PUSH: [tokens[i * 48 : i * 48 + 40] if draws[Channel.PUSH][i] else "" for i in range(size)],
        Channel.EMAIL: [
            _mailbox(names[i], DOMAINS[domain[i]], taken) if draws[Channel.EMAIL][i] else "" for i in range(size)
        ],
        Channel.SMS: [next(phones[country[i]], "") if draws[Channel.SMS][i] else "" for i in range(size)],
        Channel.IN_APP: [
            f"install-{tokens[i * 48 + 40 : i * 48 + 48]}-{i}" if draws[Channel.IN_APP][i] else "" for i in range(size)
        ],
    }
    second = np.flatnonzero((rng.random(size) < 0.09) & draws[Channel.PUSH])
    people.second_devices = [(int(i), people.addresses[Channel.PUSH][i][::-1]) for i in second]
    for channel in Channel:
        chance = rng.random(size)
        people.unsubscribed[channel] = people.has(channel) & (chance < UNSUBSCRIBED[channel])
        people.suppressed[channel] = people.has(channel) & (chance > 1 - SUPPRESSED[channel])


def _mailbox(name: tuple[str, str], domain: str, taken: dict[str, int]) -> str:
    plain = unicodedata.normalize("NFKD", ".".join(name).lower().replace("ł", "l").replace("ß", "ss"))
    stem = "".join(char for char in plain if char.isascii() and (char.isalnum() or char == "."))
    taken[stem] = taken.get(stem, 0) + 1
    number = taken[stem]
    return f"{stem}{'' if number == 1 else number}@{domain}"
