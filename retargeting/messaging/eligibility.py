"""Who of an audience can be written to on a channel, and why the others can not.

The same three questions are asked twice: of whole audiences, as bitmaps, for the numbers of a review; and of a batch
of people right before it is sent, since consent may have changed meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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


def exclusions(members: BitMap, channel: str) -> dict[SkipReason, BitMap]:
    """Those of `members` who cannot be reached on `channel`, by reason; nobody is in two of the sets."""
    addresses = Address.objects.filter(channel=channel)
    with_address = bitmap_of(addresses.values_list("profile_id"))
    subscribed = bitmap_of(addresses.filter(subscribed=True).values_list("profile_id"))
    usable = bitmap_of(addresses.usable().values_list("profile_id"))
    return {
        SkipReason.NO_ADDRESS: members - with_address,
        SkipReason.UNSUBSCRIBED: (members & with_address) - subscribed,
        SkipReason.SUPPRESSED: (members & subscribed) - usable,
    }


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
