"""What programs send, late, twice and out of order, is what both evaluations see: each event once, at its own time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retargeting.audiences.engine import evaluate
from retargeting.audiences.explain import explain
from retargeting.conditions.person import Context, InteractionFact, Person, verdicts_by_path
from retargeting.conditions.person import evaluate as verdict
from retargeting.interactions.actions import accept_events, accept_interactions
from retargeting.profiles.models import Profile
from tests.audiences.test_engine_against_oracle import RolledBack
from tests.audiences.world import build_targets, carry_labels, insert_people
from tests.conditions.strategies import DEFAULT, NOW, edges, labellings, people, trees

pytestmark = pytest.mark.django_db
VOCABULARY = replace(DEFAULT, segments=())


@pytest.fixture
def steps(db):
    return build_targets(VOCABULARY)


def interaction_items(person: str, facts: tuple[InteractionFact, ...]) -> Iterator[dict[str, Any]]:
    for fact in facts:
        source = {fact.kind: fact.orchestration} | ({"step": fact.step} if fact.step else {})
        machine = {"machine": fact.machine} if fact.machine else {}
        yield {
            "id": f"{person}-{fact.id}",
            "profile": person,
            "event": str(fact.event),
            "occurred_at": fact.occurred_at.isoformat(),
            **source,
            **machine,
        }


def event_items(name: str, person: Person) -> Iterator[dict[str, Any]]:
    for fact in person.events:
        yield {
            "id": f"{name}-{fact.id}",
            "profile": name,
            "event": fact.event,
            "properties": dict(fact.properties),
            "occurred_at": fact.occurred_at.isoformat(),
        }


def feed(data: st.DataObject, items: list[dict[str, Any]], accept: Any) -> set[str]:
    """Send the items shuffled, some of them twice with another time the second time; returns the ids stored."""
    again = [
        {**item, "occurred_at": data.draw(st.sampled_from(edges(VOCABULARY))).isoformat()}
        for item in items
        if data.draw(st.booleans())
    ]
    first = data.draw(st.permutations(items))
    batches = [first[: len(first) // 2], [*first[len(first) // 2 :], *again]]
    stored: set[str] = set()
    for batch in batches:
        answer = accept(actor=None, items=batch)
        refused = {error.item for error in answer.errors}
        stored |= {item["id"] for index, item in enumerate(batch) if index not in refused}
        assert answer.accepted + answer.duplicates + len(refused) == len(batch)
    return stored


@given(data=st.data())
@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_history_that_came_in_through_the_api_answers_as_it_happened(steps, data):
    labels = data.draw(labellings(VOCABULARY))
    crowd = data.draw(st.lists(people(VOCABULARY, labels), min_size=1, max_size=2))
    tree = data.draw(trees(VOCABULARY))
    try:
        with transaction.atomic(), time_machine.travel(NOW + timedelta(days=30), tick=False):
            carry_labels(labels)
            bare = [replace(person, interactions=(), events=()) for person in crowd]
            ids = list(insert_people(bare, steps))
            names = [f"person-{index}" for index in range(len(crowd))]
            sent = [item for name, person in zip(names, crowd, strict=True)
                    for item in interaction_items(name, person.interactions)]  # fmt: skip
            done = [item for name, person in zip(names, crowd, strict=True) for item in event_items(name, person)]
            stored = feed(data, sent, accept_interactions)
            assert stored == {item["id"] for item in sent}
            stored |= feed(data, done, accept_events)
            evaluation = evaluate(tree, as_of=NOW)
            explained = [explain(tree, Profile.objects.get(pk=id), as_of=NOW).verdicts for id in ids]
            raise RolledBack
    except RolledBack:
        pass
    for index, (id, name, person) in enumerate(zip(ids, names, crowd, strict=True)):
        known = replace(
            person,
            interactions=tuple(replace(fact, journey=None) for fact in person.interactions),
            events=tuple(fact for fact in person.events if f"{name}-{fact.id}" in stored),
        )
        expected = verdicts_by_path(verdict(tree, known, Context(NOW)))
        for path, members in evaluation.nodes.items():
            assert (id in members) == expected[path].met, path
            assert explained[index][path].met == expected[path].met, path
