"""Why somebody is in an audience or not, from what the database holds about them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from retargeting.audiences import engine
from retargeting.audiences.explain import explain, person_facts
from retargeting.conditions.codec import decode
from retargeting.conditions.nodes import Channel
from retargeting.profiles.models import ListMember, Profile, ProfileList, Suppression
from tests.audiences.cast import Cast, set_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db) -> Cast:
    return set_up()


def person(name: str) -> Profile:
    return Profile.objects.get(external_id=name)


def not_opened(cast: Cast):
    target = {"type": "label", "codes": ["promo"]}
    row = {"kind": "message", "event": "opened", "target": target, "test": {"type": "occurred", "value": False}}
    country = {"kind": "attribute", "attribute": "country", "operator": "is", "value": "FR"}
    return decode({"match": "all", "conditions": [row, {"match": "any", "conditions": [country]}]})


def test_the_facts_are_those_of_the_database(cast):
    made = ProfileList.objects.create(name="Guests")
    ListMember.objects.create(list=made, profile=person("ben"))
    facts = person_facts(person("ben"))
    [sent] = facts.interactions
    assert (sent.kind, sent.step, sent.channel, sent.labels) == ("campaign", None, Channel.PUSH, {"promo"})
    assert sent.title == "Spring sale"
    [event] = facts.events
    assert (event.event, event.properties) == ("added_to_cart", {"value": 60})
    assert facts.reachable == {Channel.EMAIL}
    assert facts.lists == {made.pk}


def test_a_suppressed_address_reaches_nobody(cast):
    Suppression.objects.create(channel="email", address="ben@example.org", reason="manual")
    assert person_facts(person("ben")).reachable == frozenset()


def test_every_node_has_its_verdict_and_the_engine_agrees(cast):
    tree = not_opened(cast)
    members = engine.evaluate(tree).members
    for name, expected in {"ana": False, "ben": False, "cleo": True, "dan": False}.items():
        explanation = explain(tree, person(name))
        assert explanation.member is expected
        assert (person(name).pk in members) is expected
        assert set(explanation.verdicts) == {"", "/conditions/0", "/conditions/1", "/conditions/1/conditions/0"}


def test_the_event_that_decided_is_named(cast):
    verdict = explain(not_opened(cast), person("ana")).verdicts["/conditions/0"]
    assert verdict.fact is not None
    assert verdict.fact.title == "Spring sale"
    assert not verdict.met


def test_a_moment_in_the_past_knows_nothing_of_later_events(cast):
    tree = not_opened(cast)
    yesterday = timezone.now() - timedelta(days=1, hours=12)
    assert explain(tree, person("ana"), as_of=yesterday).member


def test_the_number_of_queries_does_not_grow_with_the_history(cast, django_assert_num_queries):
    ana = person("ana")
    with django_assert_num_queries(7):
        person_facts(ana)
