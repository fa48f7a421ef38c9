"""However rows were folded and buckets closed, a window holds exactly the events that lie in it."""

from __future__ import annotations

import itertools
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retargeting.conditions.nodes import Channel, Interaction
from retargeting.interactions.index import checking
from retargeting.interactions.index.closing import close
from retargeting.interactions.ingest import MessageEventRow, record_message_events
from retargeting.interactions.models import CHANNEL_CODES, EVENT_CODES, EVENTS_BY_CODE
from retargeting.interactions.reading import Selector, Window, snapshot
from retargeting.orchestrations.models import MessageStep, Orchestration
from tests.audiences.test_engine_against_oracle import RolledBack
from tests.audiences.world import fold_what_is_there

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 7, 9, 13, 30, tzinfo=UTC)
TICK = timedelta(microseconds=1)
# Few moments, near each other and around the edges of hours, days and months, so that windows cut many buckets.
CORNERS = [NOW, datetime(2026, 7, 1, tzinfo=UTC), NOW - timedelta(days=34), NOW - timedelta(days=60)]
NEAR = [timedelta(), TICK, -TICK, timedelta(minutes=20), timedelta(hours=7)]
TARGETS = [(1, 1, Channel.EMAIL), (2, 2, Channel.EMAIL), (2, 3, Channel.PUSH)]


class Crowded:
    """Many events of few kinds at few moments. Drawn by a seed: the lists that Hypothesis makes itself are too short
    for two events of one kind to lie on both sides of a window's edge."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def moment(self) -> datetime:
        return self.random.choice(CORNERS) + self.random.choice(NEAR)

    def row(self) -> MessageEventRow:
        orchestration, step, channel = self.random.choice(TARGETS)
        return MessageEventRow(
            id=uuid.uuid4(),
            profile_id=self.random.randint(1, 3),
            orchestration_id=orchestration,
            step_id=step,
            journey_id=None,
            channel=CHANNEL_CODES[channel],
            event=EVENT_CODES[self.random.choice([Interaction.SENT, Interaction.OPENED])],
            machine=self.random.random() < 0.3,
            occurred_at=self.moment(),
        )

    def rows(self) -> list[MessageEventRow]:
        return [self.row() for _ in range(self.random.choice([0, 5, 40, 80]))]

    def question(self) -> tuple[Selector, Window, int, int | None]:
        selector = Selector(
            event=self.random.choice([Interaction.SENT, Interaction.OPENED]),
            machine=self.random.choice([None, True, False]),
            orchestrations=self.random.choice([None, (1,), (2, 3), ()]),
            steps=self.random.choice([None, None, (1,), (1, 2)]),
            channels=self.random.choice([None, (Channel.EMAIL,), (Channel.PUSH, Channel.EMAIL)]),
        )
        window = Window(*(self.random.choice([None, self.moment(), self.moment()]) for _ in range(2)))
        low = self.random.choice([1, 1, 2, 3, 5])
        return selector, window, low, self.random.choice([None, low, low + 2])


@pytest.fixture
def targets(db):
    """Steps are looked up by their orchestration."""
    for id, step, channel in TARGETS:
        Orchestration.objects.get_or_create(id=id, kind="automation", name=f"automation {id}")
        MessageStep.objects.create(id=step, orchestration_id=id, key=f"step {step}", channel=channel)


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


def totals(
    history: list[MessageEventRow], column: str, machine: bool | None
) -> dict[tuple[int, Interaction], tuple[int, int]]:
    found: dict[tuple[int, Interaction], list[int]] = {}
    for row in history:
        if getattr(row, column) in (1, 2) and machine in (None, row.machine):
            found.setdefault((getattr(row, column), EVENTS_BY_CODE[row.event]), []).append(row.profile_id)
    return {key: (len(set(ids)), len(ids)) for key, ids in found.items()}


@given(
    seed=st.integers(0, 2**32),
    folds=st.lists(st.tuples(st.booleans(), st.sampled_from([0, 1, 30, 800])), max_size=4),
    start=st.sampled_from([NOW - timedelta(days=90), NOW - timedelta(days=34), NOW - timedelta(days=2), NOW]),
)
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_a_window_holds_exactly_its_events(targets, seed, folds, start):
    crowd = Crowded(seed)
    history: list[MessageEventRow] = []
    try:
        with transaction.atomic():
            for number, (folded, hours) in enumerate(folds, start=1):
                piece = crowd.rows()
                record_message_events(piece)
                history += piece
                if folded:
                    with time_machine.travel(start, tick=False):
                        fold_what_is_there(number)
                    close(start := start + timedelta(hours=hours))
            with snapshot() as events:
                for selector, window, low, high in (crowd.question() for _ in range(20)):
                    found = set(events.people_with(selector, window, low=low, high=high))
                    assert found == expected(history, selector, window, low, high), (selector, window, low, high)
                for column, machine in itertools.product(("orchestration_id", "step_id"), (None, False)):
                    asked = {"events": [Interaction.SENT, Interaction.OPENED], "machine": machine}
                    assert events.totals(column, [1, 2], **asked) == totals(history, column, machine)
            assert [str(difference) for difference in checking.differences()] == []
            raise RolledBack
    except RolledBack:
        pass
