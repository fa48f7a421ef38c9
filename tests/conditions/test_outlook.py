"""The one missing thing: what is named is tried out on the person, and a moment is evaluated on both of its sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retargeting.conditions.codec import decode
from retargeting.conditions.edits import Events, Listing, Reaching, Value
from retargeting.conditions.facts import Context, KnownMessage, Person
from retargeting.conditions.nodes import (
    AgeOperator,
    AttributeCondition,
    Channel,
    Comparison,
    CountSince,
    Duration,
    EventCondition,
    Group,
    Interaction,
    LastEventAge,
    Match,
    MessageCondition,
    Occurred,
    PropertyFilter,
    ReachableCondition,
    Unit,
    ValueOperator,
)
from retargeting.conditions.operators import VALUE_OPERATORS
from retargeting.conditions.outlook import Outlook, outlook
from retargeting.conditions.person import evaluate, verdicts_by_path
from retargeting.conditions.saying import SUPPOSED
from tests.conditions.cast import NAMES, NO, NOW, TICK, YES, did, group, happened, message, with_interactions
from tests.conditions.strategies import (
    AUTOMATIONS,
    Vocabulary,
    counts,
    event_properties,
    groups,
    labellings,
    people,
    targets,
    trees,
)
from tests.conditions.strategies import NOW as MOMENT

WITH_SEGMENTS = Vocabulary(segments=(1,))
SPRING = KnownMessage(12, "campaign", None, Channel.PUSH)
PUSH = {"type": "channel", "channels": ["push"]}
PROMO = {"type": "label", "codes": ["promo"]}
FRENCH = {"kind": "attribute", "attribute": "country", "operator": "is", "value": "France"}


def known(labels: Mapping[int, frozenset[str]]) -> tuple[KnownMessage, ...]:
    """The messages that the strategies draw events of, each on its channel."""
    steps = [(id, key) for id, keys in AUTOMATIONS.items() for key in keys]
    sources: list[tuple[int, str | None]] = [*((id, None) for id in (1, 2, 3)), *steps]
    channels = tuple(Channel)
    return tuple(
        KnownMessage(id, "campaign" if step is None else "automation", step, channels[index % 4], labels[id])
        for index, (id, step) in enumerate(sources)
    )


@st.composite
def situations(draw: st.DrawFn) -> tuple[Group, Person, Context]:
    labels = draw(labellings())
    tree, person = draw(trees(WITH_SEGMENTS, in_automation=True)), draw(people(WITH_SEGMENTS, labels))
    context = Context(MOMENT, {1: draw(trees(depth=2))}, messages=known(labels))
    if draw(st.booleans()):
        context = replace(context, journey=1, automation=7, entry=draw(event_properties()))
    return tree, person, context


AGES = st.sampled_from((Duration(90, Unit.MINUTE), Duration(5, Unit.HOUR), Duration(1, Unit.DAY)))
AGED = st.sampled_from((ValueOperator.LESS_THAN_AGO, ValueOperator.MORE_THAN_AGO))
AGE_TESTS = st.one_of(
    st.builds(LastEventAge, st.sampled_from(AgeOperator), AGES), st.builds(CountSince, counts(), window=AGES)
)
AGEING = st.one_of(
    st.builds(MessageCondition, st.sampled_from((Interaction.SENT, Interaction.OPENED)), targets(), AGE_TESTS),
    st.builds(
        EventCondition,
        st.just("bought"),
        st.one_of(AGE_TESTS, st.builds(Occurred, st.booleans())),
        st.lists(st.builds(PropertyFilter, st.just("day"), st.builds(Comparison, AGED, ago=AGES)), max_size=1).map(
            tuple
        ),
    ),
    st.builds(AttributeCondition, st.just("joined"), st.builds(Comparison, AGED, ago=AGES)),
)


@st.composite
def ageing(draw: st.DrawFn) -> tuple[Group, Person, Context]:
    """Conditions and facts that grow old within days."""
    moments = st.builds(lambda minutes: MOMENT - timedelta(minutes=minutes), st.integers(0, 1_500))
    days = st.builds(lambda minutes: (MOMENT + timedelta(minutes=minutes)).isoformat(), st.integers(-1_500, 1_500))
    events = (Interaction.SENT, Interaction.OPENED)
    message = st.builds(
        lambda event, moment: happened(event, NOW - moment, orchestration=1), st.sampled_from(events), moments
    )
    bought = st.builds(lambda moment, day: did("bought", NOW - moment, day=day), moments, days)
    person = Person({"joined": draw(days)}, tuple(draw(st.lists(message))), tuple(draw(st.lists(bought))))
    return draw(groups(st.one_of(AGEING, groups(AGEING)))), person, Context(MOMENT)


def past_of(person: Person, moment: Any) -> Person:
    """Nothing happens after the moment."""
    return replace(
        person,
        interactions=tuple(fact for fact in person.interactions if fact.occurred_at <= moment),
        events=tuple(fact for fact in person.events if fact.occurred_at <= moment),
    )


@settings(max_examples=600, deadline=None)
@given(st.one_of(situations(), ageing()))
def test_what_is_named_turns_the_verdict(situation: tuple[Group, Person, Context]) -> None:
    tree, person, context = situation
    before = evaluate(tree, person, context)
    found = outlook(tree, person, context)
    assert found.member is before.met
    assert (found.missing == 0) is before.met
    if found.at is not None:
        waiting = past_of(person, context.now)
        assert evaluate(tree, waiting, replace(context, now=found.at - TICK)).met is before.met
        assert evaluate(tree, waiting, replace(context, now=found.at)).met is not before.met
    elif found.change is not None:
        assert not before.met
        assert found.after is not None
        after = evaluate(tree, found.after, context)
        assert after.met
        assert_one_thing_differs(past_of(person, context.now), found)
        assert found.path is not None
        assert verdicts_by_path(after)[found.path] != verdicts_by_path(before)[found.path]
    if not before.met:
        assert found.sentence()
    assert (found.path is None) is (found.at is None and found.change is None)


def assert_one_thing_differs(before: Person, found: Outlook) -> None:
    after, change = found.after, found.change
    assert after is not None
    differs = [name for name in Person.__dataclass_fields__ if getattr(before, name) != getattr(after, name)]
    # For Python True is 1, but not for a condition.
    if {key: type(value) for key, value in before.attributes.items()} != {
        key: type(value) for key, value in after.attributes.items()
    }:
        differs = sorted({*differs, "attributes"})
    match change:
        case Events():
            [history] = differs
            assert history in ("interactions", "events")
            assert change.came is None or change.came.occurred_at <= MOMENT
        case Value(attribute):
            assert differs == ["attributes"]
            rest = [{**person.attributes, attribute: None} for person in (before, after)]
            assert rest[0] == rest[1]
        case Listing(id):
            assert before.lists ^ after.lists == {id}
            assert differs == ["lists"]
        case Reaching(channel):
            assert before.reachable ^ after.reachable == {channel}
            assert differs == ["reachable"]


@settings(max_examples=150, deadline=None)
@given(ageing())
def test_no_moment_comes_earlier(situation: tuple[Group, Person, Context]) -> None:
    tree, person, context = situation
    before, found = evaluate(tree, person, context).met, outlook(tree, person, context)
    waiting = past_of(person, context.now)
    for minutes in range(0, 3_100, 7):
        moment = context.now + timedelta(minutes=minutes)
        if found.at is None or moment < found.at:
            assert evaluate(tree, waiting, replace(context, now=moment)).met is before


@settings(max_examples=300, deadline=None)
@given(situations())
def test_a_list_or_channel_that_would_do_is_not_overlooked(situation: tuple[Group, Person, Context]) -> None:
    tree, person, context = situation
    if evaluate(tree, person, context).met:
        return
    toggled = [replace(person, lists=person.lists ^ {id}) for id in (1, 2)]
    toggled += [replace(person, reachable=person.reachable ^ {channel}) for channel in Channel]
    if any(evaluate(tree, other, context).met for other in toggled):
        found = outlook(tree, person, context)
        assert found.change is not None or found.at is not None


@settings(max_examples=300, deadline=None)
@given(st.lists(st.booleans(), min_size=4, max_size=4), st.data())
def test_the_number_missing_is_the_fewest_that_have_to_be_otherwise(on: list[bool], data: st.DataObject) -> None:
    nodes: list[Any] = [ReachableCondition(channel) for channel in Channel]
    for _ in range(2):
        match, size = data.draw(st.sampled_from(Match)), data.draw(st.integers(1, len(nodes)))
        least = data.draw(st.integers(1, size)) if match is Match.AT_LEAST else None
        nodes = [Group(match, tuple(nodes[:size]), least), *nodes[size:]]
    tree, channels = Group(Match.ALL, tuple(nodes)), list(Channel)
    reached = frozenset(channel for channel, is_on in zip(channels, on, strict=True) if is_on)
    subsets = [frozenset(channels[i] for i in range(4) if number >> i & 1) for number in range(16)]
    distances = [
        len(reached ^ other) for other in subsets if evaluate(tree, Person(reachable=other), Context(MOMENT)).met
    ]
    found = outlook(tree, Person(reachable=reached), Context(MOMENT))
    if distances:
        assert found.missing == min(distances)


# In words.


def said(*conditions: dict[str, Any], person: Person, context: Context | None = None, **options: Any) -> str:
    tree = decode(group(*conditions, **options))
    return outlook(tree, person, context or Context(NOW, names=NAMES, messages=(SPRING,))).sentence()


def count(operator: str, value: int) -> dict[str, Any]:
    return {"type": "count", "operator": operator, "value": value}


def age(operator: str, amount: int, unit: str) -> dict[str, Any]:
    return {"type": "last_event", "operator": operator, "amount": amount, "unit": unit}


def test_once_more_is_said_of_who_did_it_before() -> None:
    opened = with_interactions(happened("sent"), happened("opened"))
    assert said(message("opened", count("at_least", 2)), person=opened) == (
        "Would be in if they had opened Spring sale once more."
    )
    assert said(message("opened", count("at_least", 4)), person=opened) == (
        "Would be in if they had opened Spring sale 3 more times."
    )
    assert said(message("opened", YES), person=Person()) == "Would be in if they had opened Spring sale."
    assert said(message("sent", YES), person=Person()) == "Would be in if they had been sent Spring sale."
    since = {"type": "count_since", "operator": "at_least", "value": 2, "amount": 5, "unit": "hour"}
    assert said(message("opened", since, PROMO), person=opened) == (
        "Would be in if they had opened messages labelled Promo 2 times in the last 5 hours."
    )


def test_time_alone_comes_with_its_moment_and_reason() -> None:
    pushed = with_interactions(happened("sent", timedelta(hours=7, seconds=12)))
    row = message("sent", age("more_than_ago", 12, "hour"), PUSH)
    assert said(row, person=pushed) == "Would be in at 17:00 UTC today, 12 hours after they were last sent a push."
    titled = with_interactions(happened("opened", timedelta(days=3), title="Spring sale"))
    row = message("opened", age("more_than_ago", 15, "day"))
    assert said(row, person=titled) == (
        "Would be in on 5 Dec 2026 12:00 UTC, 15 days after they last opened Spring sale."
    )


def test_members_are_told_when_they_drop_out() -> None:
    opened = with_interactions(happened("opened", timedelta(days=3)))
    row = message("opened", age("less_than_ago", 15, "day"))
    assert said(row, person=opened) == "Drops out on 5 Dec 2026 12:00 UTC, 15 days after they last opened Spring sale."
    assert said(FRENCH, person=Person({"country": "France"})) == ""


def test_what_happened_can_be_what_is_in_the_way() -> None:
    opened = with_interactions(happened("sent"), happened("opened"), happened("opened"))
    assert said(message("opened", NO), person=opened) == "Would be in if they had not opened Spring sale."
    assert said(message("opened", count("at_most", 1)), person=opened) == (
        "Would be in if they had opened Spring sale only once."
    )


def test_a_message_too_early_is_supposed_to_have_come_earlier() -> None:
    rows = [message("sent", YES), message("sent", age("more_than_ago", 12, "hour"), PUSH)]
    before = with_interactions(happened("sent", timedelta(days=3), orchestration=15))
    assert said(*rows, person=before) == "Would be in if they had been sent Spring sale 12 hours ago."


def test_one_event_can_meet_two_conditions() -> None:
    rows = [message("clicked", YES), message("clicked", YES, PUSH)]
    assert said(*rows, person=Person()) == "Would be in if they had clicked Spring sale."


def test_several_missing_things_are_counted() -> None:
    guests = {"kind": "list", "id": 2, "member": True}
    assert said(message("sent", YES), FRENCH, guests, person=Person()) == (
        "Nothing single would do: 3 conditions are missing."
    )
    tree = decode(group(FRENCH, guests))
    assert outlook(tree, Person(), Context(NOW)).sentence(past=True) == (
        "Nothing single would do: 2 conditions were missing."
    )
    spanish = FRENCH | {"value": "Spain"}
    assert said(FRENCH, spanish, person=Person({"country": "France"})) == (
        "Nothing single would do: no one change meets the condition that is missing."
    )


def test_values_lists_and_channels() -> None:
    assert said(FRENCH, person=Person()) == "Would be in if country were France."
    either = FRENCH | {"operator": "one_of", "value": ["France", "Spain"]}
    other = FRENCH | {"operator": "is_not"}
    assert said(either, other, person=Person()) == "Would be in if country were Spain."
    assert said(FRENCH, person=Person({"country": "France"}), match="none") == (
        "Would be in if country were not France."
    )
    guests = {"kind": "list", "id": 2, "member": False}
    assert said(guests, person=Person(lists=frozenset({2}))) == "Would be in if they were not on the list Gala guests."
    push = {"kind": "reachable", "channel": "push", "value": True}
    assert said(push, person=Person()) == "Would be in if they could be reached by push."


def test_an_event_has_the_properties_that_are_asked_for() -> None:
    where = [{"property": "value", "operator": "at_least", "value": 50}]
    row = {"kind": "event", "event": "added_to_cart", "where": where, "test": YES}
    person = Person(events=(did("added_to_cart", value=20),))
    assert said(row, person=person) == "Would be in if they had done added_to_cart (where value is at least 50)."
    found = outlook(decode(group(row)), person, Context(NOW))
    assert found.change is not None
    assert isinstance(found.change, Events)
    assert found.path == "/conditions/0"


def test_a_segment_is_named() -> None:
    context = Context(NOW, segments={4: decode(group(message("opened", YES)))}, names=NAMES, messages=(SPRING,))
    row = {"kind": "segment", "id": 4, "member": True}
    assert said(row, person=Person(), context=context) == (
        "Would be in if they had opened Spring sale (in the segment Bought this month)."
    )


def test_dates_of_attributes_come_of_age() -> None:
    row = {"kind": "attribute", "attribute": "joined", "operator": "less_than_ago", "amount": 3, "unit": "day"}
    joined = Person({"joined": "2026-11-23T06:00:00Z"})
    assert (
        said(row, person=joined)
        == "Drops out on 26 Nov 2026 06:00 UTC, when joined is no longer less than 3 days ago."
    )


@pytest.mark.parametrize("operator", VALUE_OPERATORS)
def test_every_operator_can_be_supposed(operator: Any) -> None:
    wording = VALUE_OPERATORS[operator].wording
    assert wording.split(" ")[0] in SUPPOSED


def test_a_long_history_is_looked_through_quickly() -> None:
    facts = [happened("opened", timedelta(hours=hours), id=str(hours)) for hours in range(3_000)]
    since = {"type": "count_since", "operator": "at_most", "value": 5, "amount": 20, "unit": "day"}
    rows = [message("opened", since, PUSH)] * 5
    tree = decode(group(*rows, FRENCH))
    found = outlook(tree, with_interactions(*facts), Context(NOW, names=NAMES))
    assert (found.member, found.missing, found.change) == (False, 6, None)
