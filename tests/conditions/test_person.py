"""The reasons a verdict gives, the event it rests on, and where each verdict is found."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retargeting.conditions.codec import decode
from retargeting.conditions.facts import Context, Person
from retargeting.conditions.nodes import Group, Match
from retargeting.conditions.person import evaluate, verdicts_by_path
from tests.conditions.cast import NAMES, NO, NOW, YES, did, group, happened, message, verdict, with_interactions
from tests.conditions.strategies import NOW as MOMENT
from tests.conditions.strategies import Vocabulary, event_properties, people, trees

HOURS_7 = timedelta(hours=7)
PUSH = {"type": "channel", "channels": ["push"]}
PROMO = {"type": "label", "codes": ["promo"]}
MORE_THAN_12_HOURS = {"type": "last_event", "operator": "more_than_ago", "amount": 12, "unit": "hour"}
FIVE = {"type": "count", "operator": "at_least", "value": 5}


def reason(condition: dict[str, Any], person: Person) -> str:
    return verdict(condition, person).reason


def test_the_reason_names_the_event_and_its_time() -> None:
    sent, opened = happened("sent", timedelta(days=1)), happened("opened", HOURS_7, title="Spring sale")
    assert reason(message("opened", NO), with_interactions(sent)) == "sent 22 Nov 2026 12:00 UTC, not opened"
    assert reason(message("opened", YES), with_interactions(sent)) == "sent 22 Nov 2026 12:00 UTC, not opened"
    assert reason(message("opened", NO), with_interactions(sent, opened)) == "opened Spring sale 23 Nov 2026 05:00 UTC"
    assert reason(message("opened", NO), Person()) == "was not sent Spring sale"
    assert reason(message("sent", YES), Person()) == "was not sent Spring sale"


def test_the_reason_says_when_only_machines_opened() -> None:
    person = with_interactions(happened("sent"), happened("opened", machine=True))
    assert reason(message("opened", YES), person) == "sent 22 Nov 2026 12:00 UTC, not opened (machine opens aside)"


def test_the_reason_of_a_no_says_what_is_needed() -> None:
    person = with_interactions(happened("sent", HOURS_7))
    assert (
        reason(message("sent", MORE_THAN_12_HOURS, PUSH), person) == "last push 7 hours ago, needs more than 12 hours"
    )
    assert reason(message("sent", MORE_THAN_12_HOURS), person) == "last sent 7 hours ago, needs more than 12 hours"
    opens = with_interactions(*[happened("opened", labels=frozenset({"promo"}))] * 4)
    assert reason(message("opened", FIVE, PROMO), opens) == "opened messages labelled Promo 4 times, needs at least 5"


def test_an_age_too_short_for_the_unit_is_said_in_a_smaller_one() -> None:
    test = MORE_THAN_12_HOURS | {"unit": "week", "amount": 2}
    assert reason(message("sent", test), with_interactions(happened("sent", timedelta(days=6)))) == (
        "last sent 6 days ago, needs more than 2 weeks"
    )
    assert reason(message("sent", test), with_interactions(happened("sent", timedelta(0)))).startswith(
        "last sent less than a minute ago"
    )


def test_the_entry_event_is_that_of_the_journey_and_means_nothing_inside_a_segment() -> None:
    condition = {"kind": "entry", "property": "value", "operator": "at_least", "value": 50}
    on_a_journey = Context(NOW, names=NAMES, journey=1, automation=7, entry={"value": 20})
    assert verdict(condition, Person(), on_a_journey).reason == (
        "entry event’s value is 20, needs one that is at least 50"
    )
    assert not verdict(condition, Person({"value": 80}), on_a_journey.everywhere).met


def test_attributes_show_what_they_are() -> None:
    condition = {"kind": "attribute", "attribute": "country", "operator": "is", "value": "FR"}
    assert reason(condition, Person({"country": "FR"})) == "country is FR"
    assert reason(condition, Person({"country": "IT"})) == "country is IT, needs one that is FR"
    assert reason(condition, Person()) == "country is not set"


def test_segments_lists_and_addresses_have_reasons() -> None:
    context = Context(NOW, segments={4: decode(group(message("opened", YES)))}, names=NAMES)
    segment = {"kind": "segment", "id": 4, "member": True}
    assert verdict(segment, Person(), context).reason == "not in Bought this month: did not open Spring sale"
    assert reason({"kind": "list", "id": 2, "member": False}, Person()) == "not on the list Gala guests"
    assert reason({"kind": "reachable", "channel": "push", "value": True}, Person()) == "cannot be reached by push"


def test_the_verdict_carries_the_event_that_decided() -> None:
    sent, opened = happened("sent", id="1"), happened("opened", HOURS_7, id="2")
    assert verdict(message("opened", NO), with_interactions(sent)).fact == sent
    assert verdict(message("opened", YES), with_interactions(opened, sent)).fact == opened
    assert verdict(message("opened", YES), Person()).fact is None
    bought = did("bought")
    assert verdict({"kind": "event", "event": "bought", "test": YES}, Person(events=(bought,))).fact == bought


def test_a_group_gives_the_reason_of_the_condition_that_settled_it() -> None:
    tree = decode(group(message("sent", YES), group(message("sent", MORE_THAN_12_HOURS, PUSH), match="any")))
    found = evaluate(tree, with_interactions(happened("sent", HOURS_7)), Context(NOW, names=NAMES))
    assert not found.met
    assert found.reason == "none of 1 met"
    assert found.children[0].met


def test_groups_count_what_is_met() -> None:
    lists = [{"kind": "list", "id": id, "member": True} for id in (1, 2, 3)]
    person = Person(lists=frozenset({1}))
    some = evaluate(decode(group(*lists, match="at_least", at_least=2)), person, Context(NOW))
    assert some.reason == "1 of 3 met, needs at least 2"
    assert evaluate(decode(group(*lists)), person, Context(NOW)).reason == "not on the list number 2"
    assert evaluate(decode(group()), person, Context(NOW)).reason == "everyone is in"


def test_verdicts_are_found_by_the_path_of_their_node() -> None:
    tree = decode(group(message("sent", YES), group(message("opened", NO), message("sent", NO), match="any")))
    found = verdicts_by_path(evaluate(tree, with_interactions(happened("sent")), Context(NOW)))
    assert list(found) == [
        "",
        "/conditions/0",
        "/conditions/1",
        "/conditions/1/conditions/0",
        "/conditions/1/conditions/1",
    ]
    assert [verdict.met for verdict in found.values()] == [True, True, True, True, False]


def test_a_segment_that_is_not_there_is_an_error_and_no_answer() -> None:
    with pytest.raises(KeyError):
        verdict({"kind": "segment", "id": 4, "member": True}, Person())


WITH_SEGMENTS = Vocabulary(segments=(1,))


@settings(max_examples=200, deadline=None)
@given(trees(WITH_SEGMENTS, in_automation=True), trees(), people(WITH_SEGMENTS), st.none() | event_properties())
def test_every_tree_has_a_reasoned_verdict_for_everybody(
    tree: Group, segment: Group, person: Person, entry: dict[str, Any] | None
) -> None:
    context = Context(MOMENT, segments={1: segment})
    if entry is not None:
        context = replace(context, journey=1, automation=7, entry=entry)
    found = verdicts_by_path(evaluate(tree, person, context))
    assert all(verdict.reason for verdict in found.values())
    assert all(verdict.fact is None or verdict.fact.occurred_at <= MOMENT for verdict in found.values())
    opposite = evaluate(Group(Match.NONE, (tree,)), person, context)
    assert opposite.met is not found[""].met


@settings(max_examples=200, deadline=None)
@given(trees(), people(), st.randoms())
def test_facts_may_come_in_any_order_and_later_ones_do_not_exist(tree: Group, person: Person, random: Any) -> None:
    kept = [fact for fact in person.interactions if fact.occurred_at <= MOMENT]
    events = [fact for fact in person.events if fact.occurred_at <= MOMENT]
    random.shuffle(kept)
    random.shuffle(events)
    again = Person(person.attributes, tuple(kept), tuple(events), person.reachable, person.lists)
    assert evaluate(tree, person, Context(MOMENT)) == evaluate(tree, again, Context(MOMENT))
