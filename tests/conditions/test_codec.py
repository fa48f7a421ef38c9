"""What is refused, where and in which words; and that nothing else ever comes out of reading a tree."""

from __future__ import annotations

import json
import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retargeting.conditions.codec import decode, encode
from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.nodes import (
    EVERYONE,
    AttributeCondition,
    CampaignTarget,
    Channel,
    Comparison,
    Group,
    Interaction,
    MessageCondition,
)
from retargeting.conditions.operators import INTERACTIONS
from tests.conditions.cast import NO, SPRING, YES, group, message
from tests.conditions.strategies import trees

LIST = {"kind": "list", "id": 2, "member": True}


def refused(data: object, **options: Any) -> dict[str, str]:
    """The mistakes by path."""
    with pytest.raises(ConditionErrors) as caught:
        decode(data, **options)
    return {error.path: error.message for error in caught.value.errors}


def attribute(operator: str, **options: Any) -> dict[str, Any]:
    return {"kind": "attribute", "attribute": "country", "operator": operator, **options}


def count(operator: str, **options: Any) -> dict[str, Any]:
    return {"type": "count", "operator": operator, **options}


# Round trips.


@settings(max_examples=200)
@given(trees(in_automation=True))
def test_every_valid_tree_survives_being_written_and_read(tree: Group) -> None:
    written = encode(tree)
    again = decode(json.loads(json.dumps(written)), in_automation=True)
    assert again == tree
    assert json.dumps(encode(again)) == json.dumps(written)


def test_the_empty_all_is_everyone() -> None:
    assert decode({"match": "all", "conditions": []}) == EVERYONE


def test_what_has_its_default_is_left_out() -> None:
    explicit = message("opened", NO, opens="human", among="recipients")
    assert encode(decode(group(explicit))) == group(message("opened", NO))


def test_member_and_value_are_true_unless_said() -> None:
    tree = decode(group({"kind": "segment", "id": 1}, {"kind": "reachable", "channel": "push"}))
    assert encode(tree) == group(
        {"kind": "segment", "id": 1, "member": True}, {"kind": "reachable", "channel": "push", "value": True}
    )


def test_repeats_in_a_list_are_dropped_and_types_kept_apart() -> None:
    tree = decode(group(message("sent", YES, {"type": "campaign", "ids": [12, 15, 12]})))
    assert isinstance(tree.conditions[0], MessageCondition)
    assert tree.conditions[0].target == CampaignTarget((12, 15))
    tree = decode(group(attribute("one_of", value=[1, True, "1", 1.0, "1"])))
    assert isinstance(tree.conditions[0], AttributeCondition)
    assert json.dumps(encode(tree)["conditions"]).count("1") == 2
    assert len(tree.conditions[0].comparison.value) == 3  # type: ignore[arg-type]  # it is a tuple


def test_dates_are_written_in_utc() -> None:
    condition = attribute("before", value="2026-11-03T10:02:00.5+02:00")
    assert encode(decode(group(condition))) == group(attribute("before", value="2026-11-03T08:02:00.500000Z"))


# Shape and limits.


def test_all_mistakes_are_told_at_once_with_their_paths() -> None:
    errors = refused(
        group(message("opened", {"type": "occurred", "value": 1}), {"kind": "segment", "id": 0}, {"kind": "what"}),
        path="/audience",
    )
    assert list(errors) == [
        "/audience/conditions/0/test/value",
        "/audience/conditions/1/id",
        "/audience/conditions/2/kind",
    ]
    assert errors["/audience/conditions/0/test/value"] == "Expected true or false, got 1."


@pytest.mark.parametrize("data", [None, [], "all", 3, {}, LIST, {"match": "all"}, {"conditions": []}])
def test_the_root_is_a_whole_group(data: object) -> None:
    assert refused(data)


def test_unknown_keys_are_named_with_what_is_allowed() -> None:
    errors = refused({"match": "all", "conditions": [LIST | {"a/b~": 1}], "color": 1})
    assert errors["/color"] == 'Unknown key "color". Allowed here: "match", "conditions".'
    assert "/conditions/0/a~1b~0" in errors


@pytest.mark.parametrize("match", ["any", "none"])
def test_empty_groups_are_refused(match: str) -> None:
    assert "add a condition or remove the group" in refused({"match": match, "conditions": []})["/conditions"]


def test_an_empty_all_below_the_root_is_refused() -> None:
    assert "/conditions/0/conditions" in refused(group(group()))


@pytest.mark.parametrize("least", [0, 3, -1, True, 1.0, "1", None])
def test_at_least_lies_between_one_and_the_number_of_conditions(least: object) -> None:
    assert "/at_least" in refused(group(LIST, LIST, match="at_least", at_least=least))


def test_at_least_belongs_to_its_match_only() -> None:
    assert "/at_least" in refused(group(LIST, at_least=1))
    assert "/at_least" in refused(group(LIST, match="at_least"))


def nested(depth: int) -> dict[str, Any]:
    tree: dict[str, Any] = LIST
    for _ in range(depth):
        tree = group(tree)
    return tree


def test_groups_nest_four_deep() -> None:
    assert decode(nested(4))
    assert list(refused(nested(5))) == ["/conditions/0/conditions/0/conditions/0/conditions/0"]


def test_bottomless_nesting_is_one_plain_mistake() -> None:
    assert len(refused(nested(100_000))) == 1


def test_a_tree_that_contains_itself_is_refused() -> None:
    tree: dict[str, Any] = {"match": "all", "conditions": []}
    tree["conditions"].append(tree)
    assert refused(tree)


def test_a_tree_holds_100_conditions_in_all_its_groups() -> None:
    assert decode(group(group(*[LIST] * 50), *[LIST] * 50))
    assert list(refused(group(group(*[LIST] * 50), *[LIST] * 60))) == ["/conditions/51"]


def test_a_condition_holds_1000_values() -> None:
    assert decode(group(attribute("one_of", value=list(range(1000)))))
    assert "/conditions/0/value" in refused(group(attribute("one_of", value=list(range(1001)))))
    ids = {"type": "campaign", "ids": list(range(1, 1002))}
    assert "/conditions/0/target/ids" in refused(group(message("sent", YES, ids)))


def test_the_filters_of_an_event_share_the_1000_values() -> None:
    half = {"property": "size", "operator": "one_of", "value": list(range(501))}
    condition = {"kind": "event", "event": "bought", "where": [half, half], "test": YES}
    assert "/conditions/0/where" in refused(group(condition))


@pytest.mark.parametrize("ids", [[], [0], [-1], [True], ["1"], [1.0], [2**63], 1, None, {}])
def test_ids_are_a_filled_list_of_positive_numbers(ids: object) -> None:
    assert refused(group(message("sent", YES, {"type": "campaign", "ids": ids})))


def test_there_is_an_end_to_the_mistakes() -> None:
    with pytest.raises(ConditionErrors) as caught:
        decode(group(*[{"a": 1, "b": 2, "kind": "list", "id": 0}] * 100))
    assert len(caught.value.errors) == 100


# Tests and operands.


@pytest.mark.parametrize(
    "test",
    [
        count("at_least", value=0),
        count("fewer_than", value=0),
        count("exactly", value=-1),
        count("more_than", value=-1),
        count("exactly", value=1.5),
        count("exactly", value=True),
        count("exactly", value="2"),
        count("exactly", value=2**31),
        count("exactly", value=10**5000),
        count("exactly"),
        count("exactly", value=1, to=3),
        count("between", value=1),
        count("between", **{"from": 3, "to": 1}),
        count("often", value=1),
        {"type": "count", "value": 1},
        {"type": "occurred"},
        {"type": "occurred", "value": "yes"},
        {"type": "sometimes"},
        {"type": []},
        {},
        None,
        {"type": "last_event", "operator": "less_than_ago", "amount": 0, "unit": "day"},
        {"type": "last_event", "operator": "less_than_ago", "amount": -1, "unit": "day"},
        {"type": "last_event", "operator": "less_than_ago", "amount": 36_501, "unit": "day"},
        {"type": "last_event", "operator": "less_than_ago", "amount": 1, "unit": "month"},
        {"type": "last_event", "operator": "less_than_ago", "date": "2026-11-03"},
        {"type": "last_event", "operator": "before", "date": "2026-11-03T10:02"},
        {"type": "last_event", "operator": "before", "date": "1899-12-31"},
        {"type": "last_event", "operator": "before", "date": "1900-01-01T00:00+01:00"},
        {"type": "last_event", "operator": "before", "date": "9999-12-31T23:00-05:00"},
        {"type": "last_event", "operator": "before", "date": 1_700_000_000},
        {"type": "last_event", "operator": "between", "from": "2026-11-03", "to": "2026-11-03"},
        {"type": "count_since", "operator": "exactly", "value": 1},
        {"type": "count_since", "operator": "exactly", "value": 1, "amount": 1},
        {"type": "count_since", "operator": "exactly", "value": 1, "amount": 1, "unit": "day", "since": "2026-11-03"},
        {"type": "count_since", "operator": "at_least", "value": 0, "amount": 1, "unit": "day"},
    ],
)
def test_broken_tests_are_refused(test: object) -> None:
    assert refused(group(message("sent", test)))  # type: ignore[arg-type]  # broken on purpose


def test_a_test_that_everyone_passes_says_so() -> None:
    errors = refused(group(message("sent", count("at_least", value=0))))
    assert errors == {"/conditions/0/test/value": 'Everyone passes "at_least" 0: use 1 or more.'}


def test_an_amount_too_large_is_told_the_largest() -> None:
    test = {"type": "last_event", "operator": "more_than_ago", "amount": 10**9, "unit": "week"}
    assert "5,214" in refused(group(message("sent", test)))["/conditions/0/test/amount"]


@pytest.mark.parametrize(
    "options",
    [
        {"operator": "is"},
        {"operator": "is", "value": ""},
        {"operator": "is", "value": None},
        {"operator": "is", "value": []},
        {"operator": "is", "value": "a\x00b"},
        {"operator": "is", "value": "\ud800"},
        {"operator": "is", "value": math.nan},
        {"operator": "is", "value": -math.inf},
        {"operator": "is", "value": 2**63},
        {"operator": "is", "value": Decimal(1)},
        {"operator": "is", "value": 1, "amount": 2},
        {"operator": "one_of", "value": []},
        {"operator": "one_of", "value": "FR"},
        {"operator": "one_of", "value": [["FR"]]},
        {"operator": "contains", "value": 1},
        {"operator": "at_least", "value": "1"},
        {"operator": "at_least", "value": True},
        {"operator": "between", "from": 2, "to": 1},
        {"operator": "between", "from": 2, "to": "2026-11-03"},
        {"operator": "between", "from": "2026-11-05", "to": "2026-11-03"},
        {"operator": "between", "value": 1},
        {"operator": "before", "value": "yesterday"},
        {"operator": "before", "value": datetime(2026, 11, 3)},  # noqa: DTZ001  # no JSON value
        {"operator": "before", "value": date(2026, 11, 3)},
        {"operator": "less_than_ago", "value": 3},
        {"operator": "is_set", "value": True},
        {"operator": "is_set", "unset": "include"},
        {"operator": "is_not", "value": 1, "unset": True},
        {"operator": "like", "value": "a"},
        {},
    ],
)
def test_broken_comparisons_are_refused(options: dict[str, Any]) -> None:
    assert refused(group({"kind": "attribute", "attribute": "country", **options}))


# What has no meaning where it stands.


def test_opens_and_among_and_scope_are_refused_where_they_mean_nothing() -> None:
    errors = refused(group(message("sent", YES, opens="human", among="everyone", scope="ever")))
    assert set(errors) == {"/conditions/0/opens", "/conditions/0/among", "/conditions/0/scope"}
    assert set(refused(group(message("bounced", YES, opens="all")))) == {"/conditions/0/opens"}
    assert set(refused(group(message("skipped", YES, among="recipients")))) == {"/conditions/0/among"}


def test_scope_is_for_steps_inside_an_automation() -> None:
    step = {"type": "step", "automation": 3, "keys": ["welcome"]}
    assert decode(group(message("opened", YES, step, scope="ever")), in_automation=True)
    assert refused(group(message("opened", YES, step, scope="ever")))
    assert refused(group(message("opened", YES, SPRING, scope="ever")), in_automation=True)
    assert refused(group(LIST | {"scope": "ever"}), in_automation=True)


def test_the_entry_event_is_asked_about_inside_an_automation_only() -> None:
    entry = {"kind": "entry", "property": "value", "operator": "at_least", "value": 50}
    assert decode(group(entry), in_automation=True)
    assert set(refused(group(entry))) == {"/conditions/0/kind"}
    assert set(refused(group({"kind": "entry", "attribute": "x", "operator": "is_set"}), in_automation=True)) == {
        "/conditions/0/attribute",
        "/conditions/0/property",
    }


EXISTING = {
    Channel.PUSH: "sent delivered opened clicked skipped",
    Channel.EMAIL: "sent delivered opened clicked bounced unsubscribed complained skipped",
    Channel.SMS: "sent delivered clicked unsubscribed skipped",
    Channel.IN_APP: "sent opened clicked skipped",
}


@pytest.mark.parametrize("channel", Channel)
@pytest.mark.parametrize("event", Interaction)
def test_events_are_refused_on_a_channel_that_has_none(channel: Channel, event: Interaction) -> None:
    tree = group(message(event, YES, {"type": "channel", "channels": [channel, channel]}))
    exists = event in EXISTING[channel].split()
    assert (channel in INTERACTIONS[event].channels) is exists
    if exists:
        assert decode(tree)
    else:
        assert "/conditions/0/event" in refused(tree)


def test_several_channels_are_not_held_to_what_one_of_them_has() -> None:
    assert decode(group(message("bounced", YES, {"type": "channel", "channels": ["push", "email"]})))


# Anything at all.

ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**5000, max_value=10**5000 + 9)
    | st.floats()
    | st.text()
    | st.characters(categories=["Cs"])
    | st.binary()
    | st.decimals()
    | st.datetimes()
)
JSONLIKE = st.recursive(
    ODD,
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers() | st.none(), inner),
)


def mistakes(data: object) -> list[tuple[str, str]]:
    """The mistakes in the tree, none if there is none; any other exception comes through."""
    try:
        decode(data, in_automation=True)
    except ConditionErrors as errors:
        return [(error.path, error.message) for error in errors.errors]
    return []


@given(JSONLIKE)
def test_anything_that_is_no_tree_is_a_list_of_mistakes_that_can_be_sent(data: object) -> None:
    found = mistakes(data)
    assert found
    json.dumps(found, ensure_ascii=False).encode()


@settings(max_examples=200)
@given(trees(in_automation=True), st.data())
def test_a_valid_tree_with_anything_put_anywhere_is_a_tree_or_a_list_of_mistakes(tree: Group, data: Any) -> None:
    written: Any = json.loads(json.dumps(encode(tree)))
    place = written
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if isinstance(place[key], dict | list) and data.draw(st.booleans()):
            place = place[key]
            continue
        if isinstance(place, dict) and data.draw(st.booleans()):
            del place[key]
        else:
            place[key] = data.draw(JSONLIKE | st.sampled_from(["is", "between", "all", "count", "push", 0, -1]))
        break
    found = mistakes(written)
    json.dumps(found, ensure_ascii=False).encode()
    if not found:
        again = decode(written, in_automation=True)
        assert decode(encode(again), in_automation=True) == again


def test_numbers_keep_their_type() -> None:
    for value in (1, 1.0, True):
        tree = decode(group(attribute("is", value=value)))
        assert isinstance(tree.conditions[0], AttributeCondition)
        assert isinstance(tree.conditions[0].comparison, Comparison)
        assert type(tree.conditions[0].comparison.value) is type(value)
