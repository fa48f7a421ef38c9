"""Who of an audience can be written to on a channel, and why the others can not.

The same questions are asked twice: of whole audiences, as bitmaps, for the numbers of a review; and of a batch of
people right before it is sent, since the answers may have changed meanwhile. Those about addresses come first; further
ones are registered, and are asked in both places of whoever has not been left out before. A rule leaves people out, or
puts their message off until a moment; who is put off is asked about again then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from pyroaring import BitMap

from retargeting.bitmaps import bitmap_of
from retargeting.messaging.models import Priority, SkipReason
from retargeting.profiles.models import Address

NOT_SUPPRESSED = """
    NOT EXISTS (
        SELECT FROM profiles_suppression AS suppression
        WHERE suppression.channel = address.channel AND suppression.address = address.address
    )
"""
BATCH = f"""
    SELECT DISTINCT ON (profile.id)
        profile.id, profile.external_id, profile.language, profile.attributes::text,
        address.address, address.subscribed, address.id IS NOT NULL AND {NOT_SUPPRESSED}
    FROM profiles_profile AS profile
    LEFT JOIN profiles_address AS address ON address.profile_id = profile.id AND address.channel = %s
    WHERE profile.id = ANY(%s)
    ORDER BY profile.id, address.subscribed AND {NOT_SUPPRESSED} DESC, address.subscribed DESC,
        address.updated_at DESC, address.id DESC
"""  # noqa: S608  (constants and placeholders)


@dataclass(frozen=True, slots=True)
class Person:
    """What is needed to write to one person now; `skip` says why that is not possible."""

    profile_id: int
    external_id: str
    language: str
    attributes: Mapping[str, Any]
    address: str
    skip: SkipReason | None


@dataclass(frozen=True, slots=True)
class Intent:
    """What is going to be sent.

    `duplicates` is known once a dispatch has started; until then they are found among whoever is asked about. `at` is
    the moment that a review looks ahead to; None is now.
    """

    channel: str
    orchestration_id: int
    priority: str = Priority.NORMAL
    holdout: int = 0
    duplicates: BitMap | None = None
    at: datetime | None = None


Finder = Callable[[BitMap, Intent], BitMap]
"""Takes people who could be written to so far; gives those of them who are left out. One or two queries."""

Postponer = Callable[[BitMap, Intent], list[tuple[BitMap, datetime]]]
"""The same for those who are put off, each set with the moment until when."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`contested` rules depend on what others send at the same moment: sending asks them again under a lock."""

    reason: SkipReason
    order: int
    contested: bool
    find: Finder | None = None
    postpone: Postponer | None = None


@dataclass(slots=True)
class Answer:
    """Who of the people asked about may not be written to now. Nobody is in two of the sets."""

    skipped: dict[SkipReason, BitMap] = field(default_factory=dict)
    put_off: list[tuple[SkipReason, BitMap, datetime]] = field(default_factory=list)

    @property
    def postponed(self) -> BitMap:
        return BitMap().union(*(people for _, people, _ in self.put_off))


ABOUT_ADDRESSES = (SkipReason.NO_ADDRESS, SkipReason.UNSUBSCRIBED, SkipReason.SUPPRESSED)

_rules: list[Rule] = []


def register(reason: SkipReason, find: Finder, *, order: int = 50, contested: bool = False) -> None:
    """Leave further people out, with a reason of their own. Rules of a lower `order` come first."""
    if reason in {*ABOUT_ADDRESSES, *(rule.reason for rule in _rules if rule.find)}:
        raise ValueError(f"People are left out for {reason!r} already.")
    _add(Rule(reason, order, contested, find=find))


def register_postponer(reason: SkipReason, postpone: Postponer, *, order: int = 50, contested: bool = False) -> None:
    """Put the messages of further people off."""
    _add(Rule(reason, order, contested, postpone=postpone))


def _add(rule: Rule) -> None:
    _rules.append(rule)
    # In the order in which sending can ask them, so that a review gives the same reasons.
    _rules.sort(key=lambda rule: (rule.contested, rule.find is None, rule.order))


def left_out(members: BitMap, intent: Intent) -> Answer:
    """Those of `members` who would not be sent it now, by reason in the order of asking."""
    addresses = Address.objects.filter(channel=intent.channel)
    narrower = (addresses, addresses.filter(subscribed=True), addresses.usable())
    found: dict[SkipReason, BitMap] = {}
    rest = members
    for reason, owners in zip(ABOUT_ADDRESSES, narrower, strict=True):
        able = rest & bitmap_of(owners.values_list("profile_id"))
        found[reason], rest = rest - able, able
    answer = ask(rest, intent)
    return Answer({**found, **answer.skipped}, answer.put_off)


def ask(members: BitMap, intent: Intent, *, contested: bool | None = None) -> Answer:
    """What the registered rules say of people who have an address; only the contested ones, or only the others."""
    answer = Answer()
    for rule in _rules:
        if contested is not None and rule.contested is not contested:
            continue
        if rule.find is not None:
            answer.skipped[rule.reason] = rule.find(members, intent) & members
            members = members - answer.skipped[rule.reason]
        if rule.postpone is not None:
            for people, until in rule.postpone(members, intent):
                answer.put_off.append((rule.reason, people & members, until))
                members = members - people
    return answer


def people(ids: Iterable[int], channel: str) -> list[Person]:
    """The people behind `ids` as they are at this moment, each with the best of their addresses.

    Of several usable addresses the one that was changed last is taken. Whoever was erased is missing in the answer.
    """
    with connection.cursor() as cursor:
        cursor.execute(BATCH, [channel, list(ids)])
        return [
            Person(
                id, external_id, language, json.loads(attributes), address or "", _reason(address, subscribed, usable)
            )
            for id, external_id, language, attributes, address, subscribed, usable in cursor.fetchall()
        ]


def _reason(address: str | None, subscribed: bool | None, allowed: bool) -> SkipReason | None:
    if address is None:
        return SkipReason.NO_ADDRESS
    if not subscribed:
        return SkipReason.UNSUBSCRIBED
    return None if allowed else SkipReason.SUPPRESSED
