"""The bulk evaluation gives, for every node of every tree, the people whom the evaluation for one person lets in."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from retargeting.audiences.engine import evaluate
from retargeting.audiences.models import Segment
from retargeting.conditions import codec
from retargeting.conditions.person import Context, EventFact, InteractionFact, Person, verdicts_by_path
from retargeting.conditions.person import evaluate as verdict
from retargeting.interactions.index.closing import close
from tests.audiences.world import (
    NOBODY,
    build_targets,
    carry_labels,
    fold_what_is_there,
    insert_events,
    insert_people,
    store_sets,
)
from tests.conditions.strategies import DEFAULT, NOW, labellings, people, trees

pytestmark = pytest.mark.django_db

VOCABULARY = replace(DEFAULT, segments=(1, 2))
EXAMPLES, PARTS = 5000, 4  # in parts, so that all cores have some of it
TICK = timedelta(microseconds=1)
FOLDED = (NOW, NOW + timedelta(days=20), *(NOW - timedelta(days=days) for days in (1, 3, 12, 34, 36, 70)))
MOMENTS = (NOW, NOW, NOW, NOW + TICK, NOW - TICK, NOW - timedelta(days=14), NOW + timedelta(days=3))


@pytest.fixture
def steps(db):
    return build_targets(VOCABULARY)


class RolledBack(Exception):
    pass


@st.composite
def histories(draw: st.DrawFn, found: dict[int, Person]) -> list[tuple[dict[int, Person], datetime | None]]:
    """All events in up to four pieces, in any order of time, each with the moment at which it was folded.

    What is folded is also closed: hours become days and months up to that moment. None leaves the piece to its rows.
    """
    count = draw(st.integers(1, 4))
    pieces: list[dict[int, list[InteractionFact | EventFact]]] = [{} for _ in range(count)]
    for id, person in found.items():
        for fact in (*person.interactions, *person.events):
            pieces[draw(st.integers(0, count - 1))].setdefault(id, []).append(fact)
    start = draw(st.sampled_from(FOLDED))
    folded = [
        start + draw(st.sampled_from([timedelta(), timedelta(hours=5), timedelta(days=3)])) * n for n in range(count)
    ]
    last = draw(st.booleans())
    return [
        (
            {
                id: replace(
                    found[id],
                    interactions=tuple(fact for fact in facts if isinstance(fact, InteractionFact)),
                    events=tuple(fact for fact in facts if isinstance(fact, EventFact)),
                )
                for id, facts in piece.items()
            },
            moment if last or n < count - 1 else None,
        )
        for n, (piece, moment) in enumerate(zip(pieces, folded, strict=True))
    ]


@pytest.mark.parametrize("part", range(PARTS))
@given(data=st.data())
@settings(
    max_examples=EXAMPLES // PARTS,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_sets_and_single_persons_agree_on_every_node(steps, part, data):
    labels = data.draw(labellings(VOCABULARY))
    crowd = data.draw(st.lists(people(VOCABULARY, labels), min_size=1, max_size=4))
    segments = {id: data.draw(trees(replace(VOCABULARY, segments=()), depth=2)) for id in VOCABULARY.segments}
    tree = data.draw(trees(VOCABULARY))
    now = data.draw(st.sampled_from(MOMENTS))
    context = Context(now, segments)
    try:
        with transaction.atomic():
            carry_labels(labels)
            Segment.objects.bulk_create(
                Segment(id=id, name=f"segment {id}", audience=codec.encode(segment))
                for id, segment in segments.items()
            )
            bare = [replace(person, interactions=(), events=()) for person in crowd]
            known = data.draw(st.integers(0, len(bare)))  # stored in sets, before the others come
            found = insert_people(bare[:known], steps)
            if known:
                store_sets()
            found |= insert_people(bare[known:], steps, first=known)
            pieces = data.draw(histories({NOBODY: crowd[0], **dict(zip(found, crowd, strict=True))}))
            for number, (piece, closed_until) in enumerate(pieces, start=1):
                insert_events(piece, steps)
                if closed_until is not None:
                    with time_machine.travel(closed_until, tick=False):
                        fold_what_is_there(number)
                    close(closed_until)
            evaluation = evaluate(tree, as_of=now)
            raise RolledBack
    except RolledBack:
        pass
    found = dict(zip(found, crowd, strict=True))
    verdicts = {id: verdicts_by_path(verdict(tree, person, context)) for id, person in found.items()}
    for path, members in evaluation.nodes.items():
        expected = {id for id, by_path in verdicts.items() if by_path[path].met}
        event(f"some of them: {0 < len(expected) < len(found)}")
        assert set(members) == expected, path
    reach = {str(channel) for person in found.values() for channel in person.reachable}
    assert {channel for channel, number in evaluation.reach.items() if number} <= reach
