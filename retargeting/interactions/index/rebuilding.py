"""Making the index anew from the rows, month by month, while everybody goes on reading the old one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from django.db import connection
from django.utils import timezone

from retargeting.interactions.columns import folding as columns
from retargeting.interactions.index import state as states
from retargeting.interactions.index.checking import months_with_events, months_with_rows
from retargeting.interactions.index.folding import add_rows, changing_buckets, in_turn
from retargeting.interactions.index.layout import hours_in_month, moment_of


def rebuild() -> Iterator[tuple[int, int]]:
    """Rebuild each month whose rows are kept, one transaction each; yields its first hour and its number of events.

    A rebuild that is killed leaves the months that it has done new and the others old: both are right.
    """
    for month in months_with_rows():
        end = month + hours_in_month(month)
        with in_turn(), changing_buckets():
            state = states.read()
            if state.generation is None:
                state = states.start(timezone.now())
            number = state.fold + 1
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM interactions_bucket WHERE hour >= %s AND hour < %s", [month, end])
            events = add_rows(state.kept, number, moment_of(month), moment_of(end), 0, state.mark)
            states.write(replace(state, fold=number))
        yield month, events
    for month in months_with_events():
        with in_turn(), changing_buckets():
            yield month, _rebuild_columns(month, month + hours_in_month(month))


def _rebuild_columns(month: int, end: int) -> int:
    state = states.read()
    if state.generation is None:
        state = states.start(timezone.now())
    state = replace(state, fold=state.fold + 1)
    with connection.cursor() as cursor:
        # A value under another's digest is met as if it were not there, and gets a code of its own.
        cursor.execute(f"DELETE FROM interactions_eventvalue WHERE digest <> {columns.DIGEST}")
        for table in ("interactions_eventpiece", "interactions_eventcolumn"):
            cursor.execute(f"DELETE FROM {table} WHERE day >= %s AND day < %s", [month, end])
    rows = columns.Portion(moment_of(month), moment_of(end), 0, state.event_mark)
    events = columns.add_rows(state.fold, rows)
    states.write(state)
    return events
