"""Changing a definition leaves the rest of it as it was, and always one that can be read."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.graph import codec, editing
from automations.graph.editing import Gone, Spot
from tests.automations.definitions import delay, guide, opened, push

AUTOMATION = 7


def keys(definition: dict[str, Any]) -> list[str]:
    return [step["key"] for step in editing.walk(definition["steps"])]


def test_a_step_is_put_where_the_spot_says():
    definition = guide(AUTOMATION)
    editing.insert(definition, Spot(), push("zero"))
    editing.insert(definition, Spot(after="first"), delay("half"))
    editing.insert(definition, Spot("seen", "yes"), push("thanks"))
    editing.insert(definition, Spot("seen", "no", "again"), delay("later"))
    assert keys(definition) == ["zero", "first", "half", "wait", "seen", "thanks", "again", "later"]
    assert [step["key"] for step in editing.find(definition, "seen")["no"]] == ["again", "later"]


@pytest.mark.parametrize(
    "spot", [Spot("gone", "yes"), Spot("seen", "maybe"), Spot(after="again"), Spot("first", "yes")]
)
def test_a_spot_that_is_gone_is_said(spot):
    definition = guide(AUTOMATION)
    before = copy.deepcopy(definition)
    with pytest.raises(Gone):
        editing.insert(definition, spot, delay("x"))
    assert definition == before


@pytest.mark.parametrize("key", ["first", "again", "seen"])
def test_a_spot_survives_being_written_and_names_where_a_step_is(key):
    definition = guide(AUTOMATION)
    spot = editing.spot_of(definition, key)
    assert Spot.read(str(spot)) == spot
    step = editing.remove(definition, key)
    editing.insert(definition, spot, step)
    assert definition == guide(AUTOMATION)


def test_a_split_goes_with_its_branches_or_leaves_one_of_them():
    whole, dissolved = guide(AUTOMATION), guide(AUTOMATION)
    editing.remove(whole, "seen")
    assert keys(whole) == ["first", "wait"]
    editing.dissolve(dissolved, "seen", "no")
    assert keys(dissolved) == ["first", "wait", "again"]


def test_a_copy_has_keys_of_its_own_and_asks_about_its_own_messages():
    definition = guide(AUTOMATION)
    copied = editing.copies(definition["steps"], AUTOMATION, keys(definition))
    assert [step["key"] for step in editing.walk(copied)] == ["push-1", "delay-1", "split-1", "push-2"]
    assert copied[2]["condition"] == opened(AUTOMATION, "push-1")
    assert editing.copies([definition["steps"][2]], AUTOMATION, keys(definition))[0]["condition"] == opened(
        AUTOMATION, "first"
    )
    assert definition == guide(AUTOMATION)


def test_a_step_is_not_moved_into_itself():
    definition = guide(AUTOMATION)
    for spot in (Spot("seen", "yes"), Spot(after="seen"), Spot("seen", "no", "again")):
        with pytest.raises(Gone):
            editing.move(definition, "seen", spot)
    assert definition == guide(AUTOMATION)
    editing.move(definition, "first", Spot("seen", "yes"))
    assert keys(definition) == ["wait", "seen", "first", "again"]
    editing.shift(definition, "wait", 1)
    assert [step["key"] for step in definition["steps"]] == ["seen", "wait"]
    editing.shift(definition, "wait", 1)
    assert [step["key"] for step in definition["steps"]] == ["seen", "wait"]


def test_branches_come_and_go():
    step = editing.new_step("random_split", [])
    assert editing.add_branch(step) == "c"
    editing.remove_branch(step, "b")
    assert editing.add_branch(step) == "b"
    assert [branch["key"] for branch in step["branches"]] == ["a", "c", "b"]
    for key in "acb":
        editing.remove_branch(step, key)
    assert len(step["branches"]) == 1


@given(seed=st.integers(0, 2**32), changes=st.integers(1, 40))
def test_whatever_is_done_to_a_definition_it_can_be_read(seed, changes):
    choose = random.Random(seed)
    definition: dict[str, Any] = {"trigger": {"type": "api"}, "steps": []}
    for _ in range(changes):
        there = keys(definition)
        spots = [Spot.read(str(spot)) for spot, _ in editing._lists(definition)]
        spots += [
            Spot(spot.parent, spot.branch, step["key"]) for spot, steps in editing._lists(definition) for step in steps
        ]
        spot, key = choose.choice(spots), choose.choice(there or [""])
        try:
            match choose.randrange(7):
                case 0 | 1 | 2:
                    editing.insert(definition, spot, editing.new_step(choose.choice(list(editing.NEW)), there))
                case 3:
                    editing.move(definition, key, spot)
                case 4:
                    editing.shift(definition, key, choose.choice([-1, 1]))
                case 5:
                    editing.remove(definition, key)
                case 6 if there and len(there) < 30:
                    editing.insert(definition, spot, *editing.copies([editing.find(definition, key)], 1, there))
        except Gone:
            assert keys(definition) == there
        depth = _depth(definition["steps"])
        if depth <= 8:
            codec.decode(definition)
        assert len(set(keys(definition))) == len(keys(definition))


def _depth(steps: list[dict[str, Any]]) -> int:
    return 1 + max((_depth(inner) for step in steps for _, _, inner in editing.branches_of(step)), default=0)
