"""Frequency caps: at most so many messages to a person in a rolling time, exactly, whoever sends at the same moment.

What counts against a cap is each `sent` event in its time, also from other tools, and each message on its way: with a
provider now, or uncertain. The caps themselves say which messages: all, those on a channel, those with a label.

Two campaigns at the same second cannot both take the last place, since sending asks and writes down under a lock on
the people concerned (`hold`). A message on its way turns into a `sent` event under the same lock, shared: so nobody
counts it in neither place or in both.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone
from pyroaring import BitMap

from retargeting.conditions.nodes import Channel, Interaction
from retargeting.interactions.reading import TICK, Selector, Window, snapshot
from retargeting.messaging.eligibility import Intent
from retargeting.messaging.models import FrequencyCap, Priority, WhenReached
from retargeting.orchestrations.models import Orchestration

_LOCK = 0x7265_0003  # the class of the advisory locks, beside those of other purposes
_BLOCK_BITS, _BLOCKS = 12, 512
RECHECK_MOST = timedelta(hours=1)
RECHECK_SHARE = 24
"""What a cap puts off is looked at again so many times in the cap's period, and at least every RECHECK_MOST."""


def in_force() -> bool:
    return FrequencyCap.objects.filter(enabled=True).exists()


def hold(ids: BitMap, *, shared: bool = False) -> None:
    """Keep others from counting (or, `shared`, from counting exactly) these people until the transaction ends.

    A lock covers a block of 4096 neighbouring ids, as the people of a chunk are neighbours. They are taken in order.
    """
    blocks = sorted({(id >> _BLOCK_BITS) % _BLOCKS for id in ids})
    lock = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {lock}(%s, block) FROM unnest(%s::int[]) AS block", [_LOCK, blocks])  # noqa: S608  (ours)


def skipped(members: BitMap, intent: Intent) -> BitMap:
    """Whom a cap leaves out that skips."""
    found = BitMap()
    for cap in _applying(intent, WhenReached.SKIP):
        found |= over(cap, members - found, intent)
    return found


def put_off(members: BitMap, intent: Intent) -> list[tuple[BitMap, datetime]]:
    """Whose message a cap puts off, and until when it is looked at again."""
    found = []
    for cap in _applying(intent, WhenReached.DEFER):
        people = over(cap, members, intent)
        members = members - people
        found.append((people, timezone.now() + min(RECHECK_MOST, cap.period / RECHECK_SHARE)))
    return found


def _applying(intent: Intent, when_reached: WhenReached) -> Iterator[FrequencyCap]:
    if intent.priority == Priority.SERVICE:
        return
    for cap in FrequencyCap.objects.filter(enabled=True, when_reached=when_reached, channel__in=["", intent.channel]):
        if cap.label_id is None or intent.orchestration_id in _carriers(cap):
            yield cap


def _carriers(cap: FrequencyCap) -> list[int]:
    return list(Orchestration.objects.filter(labels=cap.label_id).values_list("pk", flat=True))


def over(cap: FrequencyCap, members: BitMap, intent: Intent) -> BitMap:
    """Those of `members` who have had as many messages as the cap allows, or as it allows to this priority."""
    most = cap.most - (cap.reserved if intent.priority == Priority.NORMAL else 0)
    if most <= 0 or not members:
        return members
    start = (intent.at or timezone.now()) - cap.period + TICK
    carriers = tuple(_carriers(cap)) if cap.label_id is not None else None
    selector = Selector(
        Interaction.SENT, orchestrations=carriers, channels=(Channel(cap.channel),) if cap.channel else None
    )
    on_their_way = _on_their_way(cap, members, carriers, start)
    with snapshot() as events:
        found = events.people_with(selector, Window(start), low=most) & members
        for number, people in enumerate(on_their_way, start=1):
            rest = most - number
            found |= people if rest <= 0 else people & events.people_with(selector, Window(start), low=rest)
    return found


def _on_their_way(
    cap: FrequencyCap, members: BitMap, carriers: tuple[int, ...] | None, start: datetime
) -> list[BitMap]:
    """Of `members`: those with at least one message on its way that counts, those with at least two, and so on."""
    few = len(members) <= 20_000  # of more people it is quicker to read all that is on its way: that is never much
    conditions = ["delivery.status IN ('sending', 'uncertain')", "delivery.updated_at >= %s"]
    params: list[Any] = [start]
    for condition, value in (
        ("delivery.profile_id = ANY(%s)", list(members) if few else None),
        ("dispatch.channel = %s", cap.channel or None),
        ("dispatch.orchestration_id = ANY(%s)", None if carriers is None else list(carriers)),
    ):
        if value is not None:
            conditions.append(condition)
            params.append(value)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT profile_id, count(*) FROM messaging_delivery AS delivery "  # noqa: S608  (fixed words and placeholders)
            "JOIN messaging_dispatch AS dispatch ON dispatch.id = delivery.dispatch_id "
            f"WHERE {' AND '.join(conditions)} GROUP BY profile_id",
            params,
        )
        counts = dict(cursor.fetchall())
    highest = max(counts.values(), default=0)
    return [BitMap(id for id, n in counts.items() if n >= number) & members for number in range(1, highest + 1)]
