"""Time on people's own clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pyroaring import BitMap

from retargeting.bitmaps import binary_cursor, ids_of_array

FEW = 20_000
FIRST, LAST = timedelta(hours=14), timedelta(hours=-12)
"""The offsets of the zones that see a day first and last: the Line Islands, and ships east of the date line."""


@lru_cache(maxsize=1024)
def zone_of(name: str, otherwise: str) -> ZoneInfo:
    """The zone of that name, or else another one: people carry names that no list of zones has."""
    try:
        return ZoneInfo(name or otherwise)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(otherwise)


def moment_at(wall: datetime, zone: ZoneInfo) -> datetime:
    """When the clocks of `zone` show `wall` (naive), in UTC. Of an hour they repeat, the first.

    Of an hour that they skip, the moment at which they do: an alarm set for 02:30 rings when 02:00 becomes 03:00.
    """
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    # In a gap Python takes the offset from before it and lands behind; the gap begins where the later offset starts.
    before = wall.replace(tzinfo=zone, fold=0).utcoffset() or timedelta()
    after = wall.replace(tzinfo=zone, fold=1).utcoffset() or timedelta()
    low, high = moment - abs(after - before), moment
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset():
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def people_by_zone(members: BitMap) -> dict[str, BitMap]:
    """`members` by the name of their zone, "" for those of whom none is known."""
    query, params = "SELECT time_zone, array_send(array_agg(id)) FROM profiles_profile", []
    if len(members) <= FEW:
        query, params = f"{query} WHERE id = ANY(%s)", [members.to_array().tolist()]
    with binary_cursor() as cursor:
        cursor.execute(f"{query} GROUP BY time_zone", params, binary=True)
        rows = cursor.fetchall()
    found = {name: BitMap(ids_of_array(array)) & members for name, array in rows}
    return {name: people for name, people in found.items() if people}
