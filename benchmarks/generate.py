"""Fills an empty database with the world: people, plans, custom events and message events, folded as they come.

Everything is loaded in order, in transactions of at most a million rows, through COPY. The B-trees of the event
tables are made at the end, which takes a third of the time; folding reads by the summaries of pages, which stay.

Of a thinned world most message events never become rows: `thinning` has them folded straight from memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from django.core.management.color import no_style
from django.db import connection

from automations.models import Automation
from benchmarks.copying import append_message_events, drop_indexes, make_indexes
from benchmarks.events import MOST_ROWS, ahead, custom_events, message_events
from benchmarks.loaded import Loaded, folding
from benchmarks.people import load_custom_events, load_people, load_plans
from benchmarks.thinning import ThinLoad
from benchmarks.world import DAY, World, moment_of
from campaigns.models import Campaign
from retargeting.interactions.index.folding import fold_all
from retargeting.interactions.partitions import CUSTOM_EVENTS, MESSAGE_EVENTS
from retargeting.orchestrations.models import MessageStep, Orchestration
from retargeting.profiles.models import Profile, ProfileList
from retargeting.profiles.sets.refreshing import refresh

FOLD_EVERY = 5 * MOST_ROWS
Say = Callable[[str], None]


def load(world: World, *, keep: set[int] | None = None, say: Say = lambda text: None) -> Loaded:
    """Load the world. With `keep`, days since 1970, only the rows of those days are written."""
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
    thin = None if keep is None else ThinLoad(world, keep, loaded)
    told = 0
    for batch in ahead(message_events(world)):
        if thin is not None:
            thin.add(batch)
        else:
            append_message_events(batch, loaded.message_events, world.seed)
        loaded.message_events += len(batch)
        if loaded.message_events - told >= FOLD_EVERY:
            told = loaded.message_events
            if thin is None:
                _fold(loaded)
            say(f"{told:,} message events, to {moment_of(int(batch['moment'][-1])):%Y-%m-%d}")
    if thin is not None:
        thin.finish()
    else:
        _fold(loaded)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {MESSAGE_EVENTS}")
        (loaded.message_rows_kept,) = cursor.fetchone()


def _fold(loaded: Loaded) -> None:
    with folding(loaded):
        fold_all()


def _finish() -> None:
    """Leave the database as one that has been in service: sequences beyond the ids, all pages known to the planner."""
    for model in (Profile, ProfileList, Orchestration, Campaign, Automation, MessageStep):
        for statement in connection.ops.sequence_reset_sql(no_style(), [model]):
            with connection.cursor() as cursor:
                cursor.execute(statement)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")
