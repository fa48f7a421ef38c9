"""Who is left out though they could be written to: for comparison, or since somebody else has the same address."""

from __future__ import annotations

from django.db import connection
from pyroaring import BitMap

from retargeting.messaging.draws import Purpose, drawn
from retargeting.messaging.eligibility import NOT_SUPPRESSED, Intent
from retargeting.messaging.models import ControlGroup, Priority

# The address that each is written to is the best of theirs, as `eligibility.people` finds it. Only addresses that
# several people have are looked at, which an index alone tells; so the many who share none cost nothing more.
SHARED = f"""
    WITH shared AS (
        SELECT address FROM profiles_address WHERE channel = %(channel)s GROUP BY address HAVING count(*) > 1
    ), owner AS (
        SELECT DISTINCT profile_id FROM profiles_address JOIN shared USING (address) WHERE channel = %(channel)s
    ), chosen AS (
        SELECT DISTINCT ON (profile_id) profile_id, address.address
        FROM owner JOIN profiles_address AS address USING (profile_id)
        WHERE address.channel = %(channel)s AND address.subscribed AND {NOT_SUPPRESSED}
        ORDER BY profile_id, address.updated_at DESC, address.id DESC
    )
    SELECT array_agg(profile_id ORDER BY profile_id) FROM chosen GROUP BY address HAVING count(*) > 1
"""  # noqa: S608  (constants and placeholders)


def duplicates(members: BitMap, intent: Intent) -> BitMap:
    """Those of `members` whose address another one of them, with a lower id, has as well: it gets one message."""
    if intent.duplicates is not None:
        return members & intent.duplicates
    found = BitMap()
    for sharing in _sharing(intent.channel):
        found |= BitMap(sorted(members & sharing)[1:])
    return found


def _sharing(channel: str) -> list[BitMap]:
    with connection.cursor() as cursor:
        cursor.execute(SHARED, {"channel": channel})
        return [BitMap(ids) for (ids,) in cursor.fetchall()]


def control_group(members: BitMap, intent: Intent) -> BitMap:
    if intent.priority == Priority.SERVICE:
        return BitMap()
    group = ControlGroup.objects.first()
    if group is None:
        return BitMap()
    return drawn(members, Purpose.CONTROL_GROUP, group.seed, float(group.percent) / 100)


def holdout(members: BitMap, intent: Intent) -> BitMap:
    """Drawn once for a campaign: each of its runs holds out the same people."""
    return drawn(members, Purpose.HOLDOUT, intent.orchestration_id, intent.holdout / 100)
