"""Letting old event rows go, month by month. The buckets stay, and with them the answers.

What stays exact is in docs/decisions: everything but windows that begin or end within a day whose rows are gone;
those are taken from the midnight (UTC) before.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db import connection

from retargeting.interactions.index import state as states
from retargeting.interactions.index.folding import changing_buckets
from retargeting.interactions.index.layout import hour_of, month_of
from retargeting.interactions.partitions import MESSAGE_EVENTS, months_of, partition_name

ALONE = f"LOCK TABLE ONLY {MESSAGE_EVENTS} IN ACCESS EXCLUSIVE MODE"
"""Taken before the first look, which then sees what every writer of the old months has written."""

LEAST_MONTHS = 2
"""Hours are kept for five weeks, and what they cut is read from the rows."""


def drop_old_rows(now: datetime, months: int) -> list[str]:
    """Drop the partitions of message events that ended `months` (≥ 2) or more ago; returns their names.

    A month of which rows are still to be folded stays until they are. Whoever is reading or writing event rows is
    waited for, but not long, since everybody else queues behind: it is an OperationalError then, to be tried again.
    """
    if months < LEAST_MONTHS:
        raise ValueError(f"Event rows are kept for {LEAST_MONTHS} months at least.")
    rows_from = month_of(hour_of(now))
    for _ in range(months):
        rows_from = month_of(rows_from - 1)
    dropped = []
    with changing_buckets("SET LOCAL lock_timeout = '3s'", ALONE) as alone:
        state = states.read()
        if not alone or state.generation is None:
            return []
        with connection.cursor() as cursor:
            for month in months_of(MESSAGE_EVENTS):
                first = datetime(*month, day=1, tzinfo=now.tzinfo)
                if hour_of(first) >= rows_from:
                    continue
                name = partition_name(MESSAGE_EVENTS, month)
                cursor.execute(f'SELECT EXISTS (SELECT FROM "{name}" WHERE transaction >= %s)', [state.mark])
                row = cursor.fetchone()
                if row and row[0]:
                    return []
                dropped.append(name)
            for name in dropped:
                cursor.execute(f'DROP TABLE "{name}"')
        if dropped:
            kept = replace(state.kept, rows_from=max(state.kept.rows_from, rows_from))
            states.write(replace(state, kept=kept))
    return dropped
