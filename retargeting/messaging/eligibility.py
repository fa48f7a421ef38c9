"""Who of an audience can be written to on a channel, and why the others can not.

The same questions are asked twice: of whole audiences, as bitmaps, for the numbers of a review; and of a batch of
people right before it is sent, since the answers may have changed meanwhile. Those about addresses come first; further
ones are registered, and are asked in both places of whoever has not been left out before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection
from pyroaring import BitMap

from retargeting.bitmaps import bitmap_of
from retargeting.messaging.models import SkipReason
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
    ORDER BY profile.id, address.subscribed AND {NOT_SUPPRESSED} DESC, address.subscribed DESC, address.updated_at DESC
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
    """What is going to be sent."""

    channel: str
    orchestration_id: int


Finder = Callable[[BitMap, Intent], BitMap]
"""Takes people who could be written to so far; gives those of them who are left out. One or two queries."""


@dataclass(frozen=True, slots=True)
class Rule:
    reason: SkipReason
    find: Finder
    order: int


ABOUT_ADDRESSES = (SkipReason.NO_ADDRESS, SkipReason.UNSUBSCRIBED, SkipReason.SUPPRESSED)

_rules: list[Rule] = []


def register(reason: SkipReason, find: Finder, *, order: int = 50) -> None:
    """Leave further people out, with a reason of their own. Rules of a lower `order` come first."""
    if reason in {*ABOUT_ADDRESSES, *(rule.reason for rule in _rules)}:
        raise ValueError(f"People are left out for {reason!r} already.")
    _rules.append(Rule(reason, find, order))
    _rules.sort(key=lambda rule: rule.order)


def left_out(members: BitMap, intent: Intent) -> dict[SkipReason, BitMap]:
    """Those of `members` who would not be sent it, by reason in the order of asking; nobody is in two of the sets."""
    addresses = Address.objects.filter(channel=intent.channel)
    narrower = (addresses, addresses.filter(subscribed=True), addresses.usable())
    found: dict[SkipReason, BitMap] = {}
    rest = members
    for reason, owners in zip(ABOUT_ADDRESSES, narrower, strict=True):
        able = rest & bitmap_of(owners.values_list("profile_id"))
        found[reason], rest = rest - able, able
    for rule in _rules:
        found[rule.reason] = rule.find(rest, intent) & rest
        rest = rest - found[rule.reason]
    return found


def recipients(ids: Iterable[int], intent: Intent) -> list[Person]:
    """The people behind `ids`, each as `people` has them and with what the further rules say of them now."""
    found = people(ids, intent.channel)
    rest = BitMap(person.profile_id for person in found if person.skip is None)
    skips: dict[int, SkipReason] = {}
    for rule in _rules:
        out = rule.find(rest, intent) & rest
        skips |= dict.fromkeys(out, rule.reason)
        rest = rest - out
    return [replace(person, skip=skips.get(person.profile_id, person.skip)) for person in found]


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
