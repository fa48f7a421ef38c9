"""Every rule of the language that others get wrong, asked of one person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from retargeting.conditions.codec import decode
from retargeting.conditions.facts import Context, Person
from retargeting.conditions.nodes import EVERYONE, Channel
from retargeting.conditions.person import evaluate
from tests.conditions.cast import NO, NOW, SPRING, TICK, YES, did, group, happened, message, met, with_interactions

NOBODY = Person()
RECIPIENT = with_interactions(happened("sent"))
OPENER = with_interactions(happened("sent"), happened("opened"))
DAYS_15 = timedelta(days=15)


def count(operator: str, value: int, **options: Any) -> dict[str, Any]:
    return {"type": "count", "operator": operator, "value": value, **options}


def last(operator: str, **options: Any) -> dict[str, Any]:
    return {"type": "last_event", "operator": operator, **options}


def since(operator: str, value: int, **options: Any) -> dict[str, Any]:
    return {"type": "count_since", "operator": operator, "value": value, **options}


# Targets.


def test_several_ids_in_one_target_are_one_pool() -> None:
    both = {"type": "campaign", "ids": [12, 15]}
    person = with_interactions(happened("opened"), happened("opened", orchestration=15))
    assert met(message("opened", count("exactly", 2), both), person)
    assert not met(message("opened", count("exactly", 2)), person)


def test_a_recipient_of_one_message_of_a_pool_is_a_recipient_of_the_pool() -> None:
    both = {"type": "campaign", "ids": [12, 15]}
    assert met(message("opened", NO, both), with_interactions(happened("sent", orchestration=15)))


def test_a_step_is_a_message_of_its_automation() -> None:
    person = with_interactions(happened("opened", orchestration=3, kind="automation", step="welcome"))
    assert met(message("opened", YES, {"type": "step", "automation": 3, "keys": ["welcome"]}), person)
    assert not met(message("opened", YES, {"type": "step", "automation": 3, "keys": ["later"]}), person)
    assert met(message("opened", YES, {"type": "automation", "ids": [3]}), person)
    assert not met(message("opened", YES, {"type": "campaign", "ids": [3]}), person)
    assert met(message("opened", YES, {"type": "any"}), person)


def test_a_channel_and_a_label_reach_across_orchestrations() -> None:
    person = with_interactions(
        happened("opened", channel=Channel.EMAIL, labels=frozenset({"promo"})),
        happened("opened", channel=Channel.EMAIL, orchestration=15, labels=frozenset({"promo", "news"})),
    )
    assert met(message("opened", count("exactly", 2), {"type": "channel", "channels": ["email"]}), person)
    assert met(message("opened", count("exactly", 2), {"type": "label", "codes": ["promo", "news"]}), person)
    assert met(message("opened", count("exactly", 1), {"type": "label", "codes": ["news"]}), person)


# Zero counts, recipients, negation.

ZERO_TESTS = [NO, count("at_most", 1), count("fewer_than", 2), count("exactly", 0), count("not", 3)]
ZERO_TESTS += [
    {"type": "count", "operator": "between", "from": 0, "to": 2},
    since("at_most", 1, amount=1, unit="hour"),
]


@pytest.mark.parametrize("test", ZERO_TESTS)
def test_zero_counts_hold_for_recipients_without_the_event(test: dict[str, Any]) -> None:
    assert met(message("opened", test), RECIPIENT)


@pytest.mark.parametrize("test", ZERO_TESTS)
def test_zero_counts_do_not_hold_for_people_who_were_never_sent_it(test: dict[str, Any]) -> None:
    assert not met(message("opened", test), NOBODY)
    assert met(message("opened", test, among="everyone"), NOBODY)


@pytest.mark.parametrize("event", ["sent", "skipped"])
def test_sent_and_skipped_are_among_everyone(event: str) -> None:
    assert met(message(event, NO), NOBODY)
    assert met(message(event, count("at_most", 1)), NOBODY)


def test_a_recipient_of_another_message_is_not_one_of_this() -> None:
    assert not met(message("opened", NO), with_interactions(happened("sent", orchestration=15)))


def test_having_been_sent_it_at_any_time_makes_a_recipient_whatever_the_window() -> None:
    long_ago = with_interactions(happened("sent", timedelta(days=900)))
    assert met(message("opened", since("exactly", 0, amount=1, unit="hour")), long_ago)


def test_having_been_sent_it_after_the_moment_of_evaluation_makes_no_recipient() -> None:
    assert not met(message("opened", NO), with_interactions(happened("sent", -TICK)))
    assert met(message("opened", NO), with_interactions(happened("sent", timedelta(0))))


def test_an_opener_without_a_recorded_send_passes_a_positive_test_only() -> None:
    person = with_interactions(happened("opened"))
    assert met(message("opened", YES), person)
    assert met(message("opened", count("at_least", 1)), person)
    assert not met(message("opened", count("at_most", 3)), person)


def test_negation_is_about_the_person() -> None:
    person = with_interactions(happened("sent"), happened("sent"), happened("opened"))
    assert not met(message("opened", NO), person)


def test_machine_opens_are_left_out_unless_asked_for() -> None:
    person = with_interactions(happened("sent"), happened("opened", machine=True))
    assert met(message("opened", NO), person)
    assert met(message("opened", YES, opens="machine"), person)
    assert met(message("opened", YES, opens="all"), person)
    assert not met(message("opened", YES, opens="machine"), OPENER)


def test_whether_a_machine_did_it_matters_for_opens_and_clicks_only() -> None:
    assert met(message("delivered", YES), with_interactions(happened("delivered", machine=True)))


@pytest.mark.parametrize(
    ("operator", "value", "passing"),
    [
        ("exactly", 2, {2}),
        ("not", 2, {0, 1, 3, 4}),
        ("at_least", 2, {2, 3, 4}),
        ("at_most", 2, {0, 1, 2}),
        ("more_than", 2, {3, 4}),
        ("fewer_than", 2, {0, 1}),
    ],
)
def test_counts_compare_as_they_say(operator: str, value: int, passing: set[int]) -> None:
    people = [with_interactions(*[happened("sent")] * n) for n in range(5)]
    assert {n for n in range(5) if met(message("sent", count(operator, value)), people[n])} == passing


def test_count_between_includes_both_ends() -> None:
    between = {"type": "count", "operator": "between", "from": 1, "to": 3}
    people = [with_interactions(*[happened("sent")] * n) for n in range(5)]
    assert [met(message("sent", between), person) for person in people] == [False, True, True, True, False]


# Edges.


@pytest.mark.parametrize(
    ("ago", "less", "more"),
    [
        (DAYS_15 - TICK, True, False),
        (DAYS_15, False, True),
        (DAYS_15 + TICK, False, True),
        (timedelta(0), True, False),
        (-TICK, False, False),
    ],
)
def test_less_and_more_than_15_days_ago_meet_at_the_microsecond(ago: timedelta, less: bool, more: bool) -> None:
    person = with_interactions(happened("opened", ago))
    assert met(message("opened", last("less_than_ago", amount=15, unit="day")), person) is less
    assert met(message("opened", last("more_than_ago", amount=15, unit="day")), person) is more


def test_last_event_more_than_15_days_ago_needs_a_last_event() -> None:
    test = last("more_than_ago", amount=15, unit="day")
    assert not met(message("opened", test), RECIPIENT)
    assert not met(message("sent", test), NOBODY)


def test_the_last_event_decides_and_no_earlier_one() -> None:
    person = with_interactions(happened("opened", timedelta(hours=1)), happened("opened", timedelta(days=30)))
    assert not met(message("opened", last("more_than_ago", amount=15, unit="day")), person)


@pytest.mark.parametrize(
    ("offset", "before", "after"), [(-TICK, True, False), (TICK * 0, False, True), (TICK, False, True)]
)
def test_before_is_exclusive_and_after_inclusive(offset: timedelta, before: bool, after: bool) -> None:
    person = with_interactions(happened("opened", timedelta(days=1) - offset))
    date = (NOW - timedelta(days=1)).isoformat()
    assert met(message("opened", last("before", date=date)), person) is before
    assert met(message("opened", last("after", date=date)), person) is after


@pytest.mark.parametrize(("moment", "inside"), [(0, True), (1, True), (-1, False)])
def test_between_dates_includes_from_and_excludes_to(moment: int, inside: bool) -> None:
    start, end = NOW - timedelta(days=2), NOW - timedelta(days=1)
    test = last("between", **{"from": start.isoformat(), "to": end.isoformat()})
    assert met(message("opened", test), with_interactions(happened("opened", NOW - start - moment * TICK))) is inside
    assert not met(message("opened", test), with_interactions(happened("opened", NOW - end)))
    assert met(message("opened", test), with_interactions(happened("opened", NOW - end + TICK)))


@pytest.mark.parametrize(("ago", "inside"), [(timedelta(hours=5), False), (timedelta(hours=5) - TICK, True)])
def test_in_the_last_5_hours_leaves_out_its_far_end(ago: timedelta, inside: bool) -> None:
    test = since("at_least", 1, amount=5, unit="hour")
    assert met(message("opened", test), with_interactions(happened("opened", ago))) is inside


def test_since_a_date_includes_it() -> None:
    person = with_interactions(happened("opened", timedelta(days=1)))
    assert met(message("opened", since("at_least", 1, since=(NOW - timedelta(days=1)).isoformat())), person)
    assert not met(message("opened", since("at_least", 1, since=(NOW - timedelta(days=1) + TICK).isoformat())), person)


def test_a_bare_date_is_its_midnight_in_utc() -> None:
    test = last("after", date="2026-11-03")
    midnight = NOW - datetime(2026, 11, 3, tzinfo=UTC)
    assert met(message("opened", test), with_interactions(happened("opened", midnight)))
    assert not met(message("opened", test), with_interactions(happened("opened", midnight + TICK)))


def test_later_events_do_not_exist_and_one_at_exactly_now_does() -> None:
    assert met(message("opened", YES), with_interactions(happened("opened", timedelta(0))))
    assert not met(message("opened", YES), with_interactions(happened("opened", -TICK)))
    assert not met({"kind": "event", "event": "bought", "test": YES}, Person(events=(did("bought", -TICK),)))


# Journeys.

STEP = {"type": "step", "automation": 3, "keys": ["welcome"]}


def test_a_step_of_the_same_automation_looks_at_this_journey_only_unless_told_otherwise() -> None:
    other = happened("opened", orchestration=3, kind="automation", step="welcome", journey=1)
    person = with_interactions(other)
    here = Context(NOW, journey=2, automation=3)
    assert not met(message("opened", YES, STEP), person, here)
    assert not met(message("opened", YES, STEP, scope="journey"), person, here)
    assert met(message("opened", YES, STEP, scope="ever"), person, here)
    assert met(message("opened", YES, STEP), person)


def test_recipients_of_a_step_are_those_of_this_journey() -> None:
    sent = happened("sent", orchestration=3, kind="automation", step="welcome", journey=1)
    assert met(message("opened", NO, STEP), with_interactions(sent), Context(NOW, journey=1, automation=3))
    assert not met(message("opened", NO, STEP), with_interactions(sent), Context(NOW, journey=2, automation=3))


def test_a_step_of_another_automation_is_looked_at_in_full() -> None:
    sent = happened("opened", orchestration=3, kind="automation", step="welcome", journey=1)
    assert met(message("opened", YES, STEP), with_interactions(sent), Context(NOW, journey=2, automation=9))


def test_a_segment_means_the_same_inside_a_journey() -> None:
    tree = decode(group(message("opened", YES, STEP)))
    person = with_interactions(happened("opened", orchestration=3, kind="automation", step="welcome", journey=1))
    context = Context(NOW, segments={4: tree}, journey=2, automation=3)
    assert met({"kind": "segment", "id": 4, "member": True}, person, context)


def test_a_journey_comes_with_its_automation() -> None:
    with pytest.raises(ValueError, match="together"):
        Context(NOW, journey=2)


# Custom events.


def test_all_of_where_holds_on_one_and_the_same_event() -> None:
    where = [
        {"property": "value", "operator": "at_least", "value": 50},
        {"property": "colour", "operator": "is", "value": "red"},
    ]
    condition = {"kind": "event", "event": "bought", "where": where, "test": YES}
    split = Person(events=(did("bought", value=60, colour="blue"), did("bought", value=10, colour="red")))
    assert not met(condition, split)
    assert met(condition, Person(events=(*split.events, did("bought", value=50, colour="red"))))


def test_the_last_event_is_the_last_one_that_fits() -> None:
    person = Person(events=(did("bought", timedelta(days=20), value=60), did("bought", timedelta(days=1), value=10)))
    test = last("more_than_ago", amount=15, unit="day")
    filters = [{"property": "value", "operator": "at_least", "value": 50}]
    assert met({"kind": "event", "event": "bought", "where": filters, "test": test}, person)
    assert not met({"kind": "event", "event": "bought", "where": [], "test": test}, person)


def test_custom_events_are_among_everyone() -> None:
    assert met({"kind": "event", "event": "bought", "test": NO}, NOBODY)


# Lists, segments, reachability, groups.


def test_lists_and_reachability_can_be_asked_both_ways() -> None:
    person = Person(lists=frozenset({2}), reachable=frozenset({Channel.PUSH}))
    assert met({"kind": "list", "id": 2, "member": True}, person)
    assert not met({"kind": "list", "id": 2, "member": False}, person)
    assert met({"kind": "reachable", "channel": "sms", "value": False}, person)
    assert met({"kind": "reachable", "channel": "push", "value": True}, person)


def test_a_segment_is_evaluated_at_the_same_moment() -> None:
    context = Context(NOW, segments={4: decode(group(message("opened", YES)))})
    opener = with_interactions(happened("opened", timedelta(hours=1)))
    assert met({"kind": "segment", "id": 4, "member": True}, opener, context)
    earlier = replace(context, now=NOW - timedelta(hours=2))
    assert met({"kind": "segment", "id": 4, "member": False}, opener, earlier)


def test_an_empty_all_is_everyone() -> None:
    assert evaluate(EVERYONE, NOBODY, Context(NOW)).met


@pytest.mark.parametrize(("match", "passing"), [("all", {3}), ("any", {1, 2, 3}), ("none", {0}), ("at_least", {2, 3})])
def test_groups_match_as_they_say(match: str, passing: set[int]) -> None:
    lists = [{"kind": "list", "id": id, "member": True} for id in (1, 2, 3)]
    options = {"at_least": 2} if match == "at_least" else {}
    tree = decode(group(*lists, match=match, **options))
    people = {n: Person(lists=frozenset(range(1, n + 1))) for n in range(4)}
    assert {n for n, person in people.items() if evaluate(tree, person, Context(NOW)).met} == passing


def test_the_rules_hold_on_the_guides_example() -> None:
    assert met(message("opened", YES, SPRING), OPENER)
    assert met(message("opened", NO, SPRING), RECIPIENT)
    assert not met(message("opened", NO, SPRING), OPENER)
