"""What is pointed out before saving, and what is left in peace."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from retargeting.conditions.codec import decode
from retargeting.conditions.facts import Context, Person
from retargeting.conditions.hints import warnings
from retargeting.conditions.nodes import Group
from retargeting.conditions.person import evaluate
from tests.conditions.cast import NO, YES, group, message
from tests.conditions.strategies import NOW, Vocabulary, people, trees


def country(operator: str, value: object, **options: Any) -> dict[str, Any]:
    return {"kind": "attribute", "attribute": "country", "operator": operator, "value": value, **options}


def entry(operator: str, value: object) -> dict[str, Any]:
    return {"kind": "entry", "property": "country", "operator": operator, "value": value}


def bought(value: bool) -> dict[str, Any]:
    return {"kind": "event", "event": "bought", "test": YES if value else NO}


MEMBER = {"kind": "segment", "id": 4, "member": True}


@pytest.mark.parametrize(
    ("match", "first", "second"),
    [
        ("any", country("is_not", "FR"), country("is_not", "IT")),
        ("any", country("is_not", 1), country("is_not", "1", unset="exclude")),
        ("any", country("is", "FR"), country("is_not", "FR")),
        ("any", bought(True), bought(False)),
        ("any", message("opened", YES, among="everyone"), message("opened", NO, among="everyone")),
        ("none", MEMBER, MEMBER | {"member": False}),
        ("all", country("is", "FR"), country("is", "IT")),
        ("all", message("opened", YES), message("opened", NO)),
        ("all", MEMBER, group(MEMBER, match="none")),
        ("all", group(bought(True), match="none"), bought(True)),
        ("all", MEMBER, MEMBER),
        ("all", entry("is", "FR"), entry("is", "IT")),
    ],
)
def test_these_pairs_are_pointed_out_at_the_later_one(
    match: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    found = warnings(decode(group(first, second, match=match), in_automation=True))
    assert [path for path, message in found] == ["/conditions/1"]


@pytest.mark.parametrize(
    ("match", "first", "second"),
    [
        ("all", country("is_not", "FR"), country("is_not", "IT")),
        ("any", country("is", "FR"), country("is", "IT")),
        ("any", country("is_not", "FR", unset="exclude"), country("is_not", "IT", unset="exclude")),
        ("all", country("is", "FR", unset="include"), country("is", "IT", unset="include")),
        ("any", message("opened", YES), message("opened", NO)),
        ("all", country("is", "FR"), entry("is", "IT")),
        ("all", country("is", 1), country("is", True) | {"attribute": "vip"}),
        ("all", message("opened", NO), message("opened", NO, among="everyone")),
    ],
)
def test_these_pairs_are_left_in_peace(match: str, first: dict[str, Any], second: dict[str, Any]) -> None:
    assert warnings(decode(group(first, second, match=match), in_automation=True)) == []


def test_inner_groups_are_looked_at_too() -> None:
    inner = group(country("is_not", "FR"), country("is_not", "IT"), match="any")
    found = warnings(decode(group(MEMBER, inner)))
    assert found == [
        ("/conditions/1/conditions/1", "Everyone matches this or a condition before it: did you mean “all of these”?")
    ]


SMALL = Vocabulary(
    campaigns=(1,), automations={}, labels=(), lists=(1,), attributes=("country",), event_names=("bought",)
)


@settings(max_examples=300, deadline=None)
@given(trees(SMALL, depth=1), people(SMALL))
def test_what_is_said_about_everyone_and_nobody_is_true(tree: Group, person: Person) -> None:
    met = evaluate(tree, person, Context(NOW)).met
    for _, said in warnings(tree):
        if said.startswith("Everyone"):
            assert met
        if said.startswith("Nobody"):
            assert not met
