"""Fills an empty database with the world: people, plans, custom events and message events, folded as they come.

Everything is loaded in order, in transactions of at most a million rows, through COPY. The B-trees of the event
tables are made at the end, which takes a third of the time; folding reads by the summaries of pages, which stay.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from django.core.management.color import no_style
from django.db import connection, transaction

from automations.models import Automation
from benchmarks.copying import copy_message_events, drop_indexes, make_indexes
from benchmarks.events import MOST_ROWS, ahead, custom_events, message_events
from benchmarks.machine import peak
from benchmarks.people import load_custom_events, load_people, load_plans
from benchmarks.world import DAY, World, moment_of
from campaigns.models import Campaign
from retargeting.interactions.index.folding import fold_all
from retargeting.interactions.partitions import CUSTOM_EVENTS, MESSAGE_EVENTS
from retargeting.orchestrations.models import MessageStep, Orchestration
from retargeting.profiles.models import Profile, ProfileList
from retargeting.profiles.sets.refreshing import refresh

FOLD_EVERY = 5 * MOST_ROWS
THIN_EVERY = 60 * MOST_ROWS
KEPT = "bench_kept"
Say = Callable[[str], None]


@dataclass
class Loaded:
    """How a load went. Seconds of folding are within those of loading."""

    people: int
    seed: int
    until: str
    thinned: bool
    message_events: int = 0
    custom_events: int = 0
    message_rows_kept: int = 0
    load_seconds: float = 0.0
    fold_seconds: float = 0.0
    fold_peak_bytes: int = 0
    index_seconds: float = 0.0
    days_kept: list[str] = field(default_factory=list)


def load(world: World, *, keep: set[int] | None = None, say: Say = lambda text: None) -> Loaded:
    """Load the world. With `keep`, days since 1970, only the rows of those days stay once they are folded."""
    loaded = Loaded(world.people, world.seed, world.until.isoformat(), keep is not None)
    loaded.days_kept = sorted(moment_of(day * DAY).date().isoformat() for day in keep or ())
    started = time.perf_counter()
    load_plans(world)
    load_people(world)
    say(f"{world.people:,} people")
    indexes = drop_indexes(CUSTOM_EVENTS, MESSAGE_EVENTS)
    for batch in ahead(custom_events(world)):
        load_custom_events(batch, loaded.custom_events)
        loaded.custom_events += len(batch)
    say(f"{loaded.custom_events:,} custom events")
    _load_message_events(world, loaded, keep, say)
    # What the process that keeps the index does every now and then: sets of people are stored as well.
    refresh(look_for_attributes=True)
    loaded.load_seconds = time.perf_counter() - started
    make_indexes(indexes)
    _finish()
    loaded.index_seconds = time.perf_counter() - started - loaded.load_seconds
    say("indexes made, tables vacuumed and analysed")
    return loaded


def _load_message_events(world: World, loaded: Loaded, keep: set[int] | None, say: Say) -> None:
    folded = thinned = 0
    for batch in ahead(message_events(world)):
        copy_message_events(batch, loaded.message_events, world.seed)
        loaded.message_events += len(batch)
        if loaded.message_events - folded >= FOLD_EVERY:
            _fold(loaded)
            folded = loaded.message_events
            say(f"{folded:,} message events, to {moment_of(int(batch['moment'][-1])):%Y-%m-%d}")
        if keep is not None and folded - thinned >= THIN_EVERY:
            _set_aside(keep)
            thinned = folded
    _fold(loaded)
    if keep is not None:
        _set_aside(keep)
        _bring_back()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {MESSAGE_EVENTS}")
        (loaded.message_rows_kept,) = cursor.fetchone()


def _fold(loaded: Loaded) -> None:
    """Fold what is there, and keep the time and the memory that it takes."""
    started = time.perf_counter()
    with peak() as grown:
        fold_all()
    loaded.fold_seconds += time.perf_counter() - started
    loaded.fold_peak_bytes = max(loaded.fold_peak_bytes, grown[0])


@transaction.atomic
def _set_aside(keep: set[int]) -> None:
    """Keep the folded rows of some days in a table apart, and let the rest go."""
    days: list[datetime] = [moment_of(day * DAY) for day in sorted(keep)]
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {KEPT} (LIKE {MESSAGE_EVENTS})")
        cursor.execute(
            f"INSERT INTO {KEPT} SELECT * FROM {MESSAGE_EVENTS} "
            "WHERE date_trunc('day', occurred_at, 'UTC') = ANY(%s::timestamptz[])",
            [days],
        )
        cursor.execute(f"TRUNCATE {MESSAGE_EVENTS}")


@transaction.atomic
def _bring_back() -> None:
    """They come with the transactions that wrote them first, and so are below the mark: nothing folds them again."""
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {MESSAGE_EVENTS} SELECT * FROM {KEPT}")
        cursor.execute(f"DROP TABLE {KEPT}")


def _finish() -> None:
    """Leave the database as one that has been in service: sequences beyond the ids, all pages known to the planner."""
    for model in (Profile, ProfileList, Orchestration, Campaign, Automation, MessageStep):
        for statement in connection.ops.sequence_reset_sql(no_style(), [model]):
            with connection.cursor() as cursor:
                cursor.execute(statement)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")
