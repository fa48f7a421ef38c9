"""What the buttons do to a draft, and what rows turn into when one of their controls is changed."""

from __future__ import annotations

import pytest

from retargeting.audiences.builder.draft import Draft, DraftGroup, DraftRow, from_json, to_json
from retargeting.audiences.builder.operations import operate
from retargeting.audiences.builder.reading import read_row
from retargeting.audiences.builder.settling import settle_row
from retargeting.audiences.builder.suggestions import Known, Suggestions
from retargeting.conditions.codec import encode


def group(id: str, *items, match: str = "all") -> DraftGroup:
    return DraftGroup(id, match, items=list(items))


def row(id: str, **values: str) -> DraftRow:
    return DraftRow(id, {name: [value] for name, value in ({"what": "sent"} | values).items()})


def shape(item) -> object:
    return item.id if isinstance(item, DraftRow) else [item.id, *map(shape, item.items)]


def after(operation: str, root: DraftGroup) -> Draft:
    draft = Draft(root)
    operate(draft, operation)
    return draft


def test_a_condition_is_added_to_the_group_whose_button_was_pressed():
    draft = after("add:b", group("a", row("x"), group("b", row("y"))))
    [_, _, added] = shape(draft.root)[2]
    assert draft.focus == f"{added}-what"


def test_a_new_group_has_a_condition_and_matches_any():
    draft = after("group:a", group("a", row("x")))
    assert draft.root.items[1].match == "any"
    assert len(draft.root.items[1].items) == 1


def test_no_group_is_made_below_the_fourth():
    deep = group("a", group("b", group("c", group("d", row("x")))))
    draft = after("group:d", deep)
    assert shape(draft.root) == ["a", ["b", ["c", ["d", "x"]]]]
    assert "4 deep" in draft.notice


def test_a_hundred_conditions_are_the_most():
    full = group("a", *(row(f"r{number}") for number in range(100)))
    for operation in ("add:a", "group:a", "duplicate:r5"):
        draft = after(operation, full)
        assert draft.conditions == 100
        assert "100 conditions" in draft.notice


def test_a_copy_stands_after_its_original_under_ids_of_its_own():
    draft = after("duplicate:b", group("a", group("b", row("x", test="count")), row("y")))
    [_, original, copy, last] = shape(draft.root)
    assert (original, last) == (["b", "x"], "y")
    assert not {"b", "x"} & set(copy)
    assert draft.root.items[1].items[0].values["test"] == ["count"]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("down:x", ["a", "y", "x", ["b", "z"]]),
        ("up:y", ["a", "y", "x", ["b", "z"]]),
        ("down:y", ["a", "x", ["b", "y", "z"]]),
        ("up:z", ["a", "x", "y", "z", ["b"]]),
        ("down:z", ["a", "x", "y", ["b"], "z"]),
        ("up:b", ["a", "x", ["b", "z"], "y"]),
        ("up:x", ["a", "x", "y", ["b", "z"]]),
        ("up:a", ["a", "x", "y", ["b", "z"]]),
    ],
)
def test_a_node_moves_one_place_in_and_out_of_groups(operation, expected):
    assert shape(after(operation, group("a", row("x"), row("y"), group("b", row("z")))).root) == expected


@pytest.mark.parametrize(("deleted", "neighbour"), [("x", "y-what"), ("y", "x-what")])
def test_after_a_deletion_the_neighbour_has_the_focus(deleted, neighbour):
    assert after(f"delete:{deleted}", group("a", row("x"), row("y"))).focus == neighbour


def test_after_the_last_deletion_the_groups_button_has_the_focus():
    assert after("delete:x", group("a", row("x"))).focus == "a-add"


def test_what_was_deleted_comes_back_where_it_was():
    draft = after("delete:b", group("a", row("x"), group("b", row("z", n="3")), row("y")))
    draft.deleted = from_json(to_json(draft.deleted))
    operate(draft, "undo")
    assert shape(draft.root) == ["a", "x", ["b", "z"], "y"]
    assert draft.root.items[1].items[0].values["n"] == ["3"]
    assert draft.deleted is None


def test_what_was_deleted_comes_back_although_its_group_is_gone():
    draft = Draft(group("a", row("x")), deleted=from_json('["gone", 3, ["z", {"what": ["sent"]}, []]]'))
    operate(draft, "undo")
    assert shape(draft.root) == ["a", "x", "z"]


@pytest.mark.parametrize(
    "text",
    ["", "{}", "null", "[]", "[1,2,3]", '["a",0,[]]', '["a",-1,["x",{},[]]]', '["a",0,["X Y",{},[]]]', "[" * 100_000],
)
def test_a_made_up_deletion_is_none(text):
    assert from_json(text) is None


@pytest.mark.parametrize(
    "operation", ["", ":", "add", "add:", "add:nobody", "delete:a", "filter:a", "explode:x", "undo"]
)
def test_an_operation_that_makes_no_sense_changes_nothing(operation):
    assert shape(after(operation, group("a", row("x"))).root) == ["a", "x"]


# Rows.

KNOWN = Suggestions({"points": Known("number", [1, 2]), "joined": Known("date")})


def settled(**values: str) -> DraftRow:
    made = row("x", **values)
    settle_row(made, KNOWN)
    return made


def test_sent_and_not_opened_is_one_choice():
    made = settled(what="not_opened", was="sent", campaign="4", test="occurred_yes")
    assert encode(read_row(made).condition) == {
        "kind": "message",
        "event": "opened",
        "target": {"type": "campaign", "ids": [4]},
        "test": {"type": "occurred", "value": False},
    }


def test_opened_turned_to_no_reads_was_sent_and_did_not_open():
    assert settled(what="opened", was="opened", test="occurred_no").one("what") == "not_opened"


def test_opened_chosen_after_not_opened_asks_who_did():
    assert settled(what="opened", was="not_opened", test="occurred_no").one("test") == "occurred_yes"


def test_another_test_makes_a_plain_row_of_not_opened():
    assert settled(what="not_opened", was="not_opened", test="count").one("what") == "opened"


def test_with_people_who_never_got_it_the_row_does_not_say_was_sent():
    made = settled(what="not_opened", was="not_opened", test="occurred_no", among="everyone")
    assert made.one("what") == "opened"


def test_the_type_of_a_value_follows_the_data():
    assert settled(what="attribute", attribute="points", value="7").one("type") == "number"
    assert settled(what="attribute", attribute="joined", compare="between").one("type") == "date"
    assert settled(what="attribute", attribute="points", typed_for="points", type="text").one("type") == "text"


def test_a_negative_operator_takes_people_without_a_value_in_until_told_otherwise():
    made = settled(what="attribute", attribute="city", compare="is_not", compared="is", unset="exclude", value="Rome")
    assert made.one("unset") == "include"
    assert "unset" not in encode(read_row(made).condition)
    made.put("unset", "exclude")
    settle_row(made, KNOWN)
    assert encode(read_row(made).condition)["unset"] == "exclude"


def test_one_value_becomes_the_first_of_several():
    made = settled(what="attribute", attribute="city", compare="one_of", value="Rome", add="Bonn")
    assert encode(read_row(made).condition)["value"] == ["Rome", "Bonn"]


@pytest.mark.parametrize(
    ("values", "control"),
    [
        ({"what": "sent"}, "campaign"),
        ({"target": "label", "label": ""}, "label"),
        ({"target": "any", "test": "count", "n": ""}, "n"),
        ({"target": "any", "test": "count", "n": "two"}, "n"),
        ({"target": "any", "test": "count", "count": "at_least", "n": "0"}, "n"),
        ({"target": "any", "test": "count", "count": "between", "low": "5", "high": "2"}, "high"),
        ({"target": "any", "test": "last_event", "amount": "9999999"}, "amount"),
        ({"target": "any", "test": "last_event", "last": "before"}, "date"),
        ({"target": "any", "test": "last_event", "last": "between", "from": "2026-02-01", "to": "2026-01-01"}, "to"),
        ({"what": "event"}, "event"),
        ({"what": "attribute", "attribute": "city"}, "value"),
        ({"what": "attribute", "attribute": "city", "value": "a\x00b"}, "value"),
        ({"what": "attribute", "attribute": "city", "compare": "one_of"}, "values"),
        ({"what": "segment"}, "segment"),
        ({"what": "reachable", "channel": "pigeon"}, "channel"),
    ],
)
def test_what_is_missing_is_said_at_its_control(values, control):
    outcome = read_row(settled(**values))
    assert outcome.condition is None
    assert control in outcome.problems
