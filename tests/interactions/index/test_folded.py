"""However rows were folded and buckets closed, a window holds exactly the events that lie in it."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retargeting.conditions.nodes import Channel, Interaction
from retargeting.interactions.index import checking
from retargeting.interactions.index.closing import close
from retargeting.interactions.ingest import MessageEventRow, record_message_events
from retargeting.interactions.models import CHANNEL_CODES, EVENT_CODES
from retargeting.interactions.reading import Selector, Window, snapshot
from tests.audiences.test_engine_against_oracle import RolledBack
from tests.audiences.world import fold_what_is_there

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 7, 9, 13, 30, tzinfo=UTC)
TICK = timedelta(microseconds=1)
# Few moments, near each other and around the edges of hours, days and months, so that windows cut many buckets.
CORNERS = [NOW, datetime(2026, 7, 1, tzinfo=UTC), *(NOW.replace(minute=0) - timedelta(days=n) for n in (0, 1, 35, 60))]
NEAR = [timedelta(), TICK, -TICK, timedelta(minutes=20), timedelta(hours=1), timedelta(hours=7), timedelta(days=1)]
moments = st.builds(lambda corner, near: corner + near, st.sampled_from(CORNERS), st.sampled_from(NEAR))
rows = st.builds(
    MessageEventRow,
    id=st.builds(uuid.uuid4),
    profile_id=st.integers(1, 4),
    orchestration_id=st.integers(1, 2),
    step_id=st.integers(1, 2),
    journey_id=st.none(),
    channel=st.sampled_from([CHANNEL_CODES[Channel.EMAIL], CHANNEL_CODES[Channel.PUSH]]),
    event=st.sampled_from([EVENT_CODES[Interaction.SENT], EVENT_CODES[Interaction.OPENED]]),
    machine=st.booleans(),
    occurred_at=moments,
)
selectors = st.builds(
    Selector,
    event=st.sampled_from([Interaction.SENT, Interaction.OPENED]),
    machine=st.sampled_from([None, True, False]),
    orchestrations=st.sampled_from([None, (1,), (1, 2), ()]),
    steps=st.sampled_from([None, None, (1,), (1, 2)]),
    channels=st.sampled_from([None, (Channel.EMAIL,), (Channel.PUSH, Channel.EMAIL)]),
)
windows = st.builds(Window, st.none() | moments, st.none() | moments)
questions = st.tuples(selectors, windows, st.integers(1, 4), st.none() | st.integers(1, 4))


def expected(
    history: list[MessageEventRow], selector: Selector, window: Window, low: int, high: int | None
) -> set[int]:
    channels = None if selector.channels is None else {CHANNEL_CODES[name] for name in selector.channels}
    counts = Counter(
        row.profile_id
        for row in history
        if row.event == EVENT_CODES[selector.event]
        and selector.machine in (None, row.machine)
        and (selector.orchestrations is None or row.orchestration_id in selector.orchestrations)
        and (selector.steps is None or row.step_id in selector.steps)
        and (channels is None or row.channel in channels)
        and (window.start is None or row.occurred_at >= window.start)
        and (window.end is None or row.occurred_at < window.end)
    )
    return {id for id, count in counts.items() if low <= count <= (count if high is None else high)}


@given(
    pieces=st.lists(
        st.tuples(st.lists(rows, max_size=12), st.booleans(), st.sampled_from([0, 1, 30, 800])), max_size=4
    ),
    start=st.sampled_from([NOW - timedelta(days=90), NOW - timedelta(days=34), NOW - timedelta(days=2), NOW]),
    asked=st.lists(questions, min_size=1, max_size=8),
)
@settings(max_examples=600, deadline=None, phases=[p for p in __import__("hypothesis").Phase if p.name not in ("shrink","explain")], suppress_health_check=[HealthCheck.too_slow])
def test_a_window_holds_exactly_its_events(pieces, start, asked):
    history: list[MessageEventRow] = []
    try:
        with transaction.atomic():
            for number, (piece, folds, hours) in enumerate(pieces, start=1):
                record_message_events(piece)
                history += piece
                if folds:
                    with time_machine.travel(start, tick=False):
                        fold_what_is_there(number)
                    close(start := start + timedelta(hours=hours))
            with snapshot() as events:
                for selector, window, low, high in asked:
                    found = set(events.people_with(selector, window, low=low, high=high))
                    assert found == expected(history, selector, window, low, high)
            assert list(checking.differences()) == []
            raise RolledBack
    except RolledBack:
        pass
