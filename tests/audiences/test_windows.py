"""The edges of windows, one event at a time: by the engine, and by the evaluation for one person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from retargeting.audiences.engine import evaluate
from retargeting.conditions.codec import decode
from retargeting.conditions.nodes import Channel, Interaction
from retargeting.conditions.person import Context, InteractionFact, Person
from retargeting.conditions.person import evaluate as verdict
from tests.audiences.world import build_targets, insert_people
from tests.conditions.strategies import DEFAULT

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 3, 10, 2, tzinfo=UTC)
TICK = timedelta(microseconds=1)
DAYS = timedelta(days=15)
DATE = datetime(2026, 10, 20, tzinfo=UTC)
END = datetime(2026, 11, 3, 10, tzinfo=UTC)

AGO = {"amount": 15, "unit": "day"}
YOUNGER = {"type": "last_event", "operator": "less_than_ago", **AGO}
OLDER = {"type": "last_event", "operator": "more_than_ago", **AGO}
BEFORE = {"type": "last_event", "operator": "before", "date": DATE.isoformat()}
AFTER = {"type": "last_event", "operator": "after", "date": DATE.isoformat()}
BETWEEN = {"type": "last_event", "operator": "between", "from": DATE.isoformat(), "to": END.isoformat()}
ROLLING = {"type": "count_since", "operator": "at_least", "value": 1, **AGO}
SINCE = {"type": "count_since", "operator": "at_least", "value": 1, "since": DATE.isoformat()}
NONE_SINCE = {"type": "count_since", "operator": "exactly", "value": 0, "since": DATE.isoformat()}
OCCURRED = {"type": "occurred", "value": True}
NOT_OCCURRED = {"type": "occurred", "value": False}


@pytest.mark.parametrize(
    ("test", "at", "met"),
    [
        (YOUNGER, NOW - DAYS, False),
        (YOUNGER, NOW - DAYS + TICK, True),
        (YOUNGER, NOW, True),
        (YOUNGER, NOW + TICK, False),
        (OLDER, NOW - DAYS, True),
        (OLDER, NOW - DAYS + TICK, False),
        (OLDER, NOW + TICK, False),
        (BEFORE, DATE, False),
        (BEFORE, DATE - TICK, True),
        (AFTER, DATE, True),
        (AFTER, DATE - TICK, False),
        (BETWEEN, DATE - TICK, False),
        (BETWEEN, DATE, True),
        (BETWEEN, END - TICK, True),
        (BETWEEN, END, False),
        (ROLLING, NOW - DAYS, False),
        (ROLLING, NOW - DAYS + TICK, True),
        (ROLLING, NOW, True),
        (ROLLING, NOW + TICK, False),
        (SINCE, DATE, True),
        (SINCE, DATE - TICK, False),
        (NONE_SINCE, DATE, False),
        (NONE_SINCE, DATE - TICK, True),
        (OCCURRED, NOW, True),
        (OCCURRED, NOW + TICK, False),
        (NOT_OCCURRED, NOW, False),
        (NOT_OCCURRED, NOW + TICK, True),
    ],
)
def test_an_event_on_the_edge_of_a_window_is_where_the_language_puts_it(test, at, met):
    target = {"type": "campaign", "ids": [1]}
    condition = {"kind": "message", "event": "sent", "target": target, "test": test}
    tree = decode({"match": "all", "conditions": [condition]})
    fact = InteractionFact(Interaction.SENT, 1, "campaign", None, Channel.PUSH, frozenset(), False, at)
    person = Person(interactions=(fact,))
    [id] = insert_people([person], build_targets(DEFAULT))
    assert (id in evaluate(tree, as_of=NOW).members) is met
    assert verdict(tree, person, Context(NOW)).met is met
