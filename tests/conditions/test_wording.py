"""What a tree is called: one good English sentence, and no two meanings under one name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retargeting.conditions.codec import decode
from retargeting.conditions.facts import Context
from retargeting.conditions.names import KnownNames
from retargeting.conditions.nodes import Condition, Group, Match
from retargeting.conditions.person import Person, evaluate
from retargeting.conditions.wording import condition_phrase, sentence
from tests.conditions.cast import NAMES, NO, YES, group, message
from tests.conditions.strategies import NOW, Vocabulary, conditions, labellings, people, trees

PROMO = {"type": "label", "codes": ["promo"]}
PUSH = {"type": "channel", "channels": ["push"]}
NOT_OPENED = message("opened", NO)
PROMO_TWICE = message(
    "opened", {"type": "count_since", "operator": "at_least", "value": 2, "amount": 30, "unit": "day"}, PROMO
)
PUSHED = message("sent", {"type": "last_event", "operator": "more_than_ago", "amount": 12, "unit": "hour"}, PUSH)
COUNTRY = {"kind": "attribute", "attribute": "country", "operator": "one_of", "value": ["France", "Belgium"]}
BUYERS = {"kind": "segment", "id": 4, "member": True}


def said(tree: dict[str, Any]) -> str:
    return str(sentence(decode(tree, in_automation=True), NAMES))


def row(condition: dict[str, Any]) -> str:
    return str(condition_phrase(decode(group(condition), in_automation=True).conditions[0], NAMES))


def test_an_audience_reads_as_one_sentence() -> None:
    assert said(group(NOT_OPENED, PROMO_TWICE, PUSHED, COUNTRY, group(BUYERS, match="none"))) == (
        "People who were sent Spring sale and did not open it, and opened messages labelled Promo at least 2 times "
        "in the last 30 days, and were last sent a push more than 12 hours ago, and whose country is France or "
        "Belgium; but not people in Bought this month."
    )


def test_no_condition_is_everyone() -> None:
    assert said(group()) == "Everyone"


def test_any_repeats_the_pronoun() -> None:
    assert said(group(NOT_OPENED, PROMO_TWICE, match="any")) == (
        "People who were sent Spring sale and did not open it, or who opened messages labelled Promo at least 2 times "
        "in the last 30 days."
    )


def test_none_and_at_least_at_the_root() -> None:
    assert said(group(BUYERS, COUNTRY, match="none")) == (
        "Everyone, but not people in Bought this month, or people whose country is France or Belgium."
    )
    assert said(group(BUYERS, COUNTRY, PUSHED, match="at_least", at_least=2)) == (
        "People who match at least 2 of these 3: (who are in Bought this month; whose country is France or Belgium; "
        "who were last sent a push more than 12 hours ago)."
    )


def test_nested_groups_stand_in_brackets() -> None:
    assert said(group(PUSHED, group(COUNTRY, group(BUYERS, PROMO_TWICE), match="any"))) == (
        "People who were last sent a push more than 12 hours ago, and (either whose country is France or Belgium, or "
        "(who are in Bought this month, and opened messages labelled Promo at least 2 times in the last 30 days))."
    )


def count(operator: str, value: int) -> dict[str, Any]:
    return {"type": "count", "operator": operator, "value": value}


STEP = {"type": "step", "automation": 3, "keys": ["welcome"]}


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (NOT_OPENED, "was sent Spring sale and did not open it"),
        (message("opened", NO, PROMO), "was sent messages labelled Promo and did not open any of them"),
        (message("opened", NO, among="everyone"), "did not open Spring sale (also people who never got it)"),
        (message("opened", YES, among="everyone"), "opened Spring sale"),
        (message("opened", count("at_most", 1)), "was sent Spring sale and opened it at most once"),
        (message("opened", count("at_most", 1), PUSH), "was sent push messages and opened them at most once in all"),
        (message("opened", count("not", 2), opens="all"), "was sent Spring sale and opened it not exactly 2 times "
         "(counting machine opens)"),
        (message("clicked", YES, opens="machine"), "clicked Spring sale (only machine clicks)"),
        (message("sent", NO, PUSH), "was not sent any push messages"),
        (message("skipped", YES, {"type": "any"}), "was skipped for any message"),
        (message("bounced", YES), "had Spring sale bounce"),
        (message("opened", YES, STEP), "opened step Welcome of Onboarding"),
        (message("opened", YES, STEP, scope="ever"), "opened step Welcome of Onboarding (in any journey)"),
        (message("opened", YES, {"type": "campaign", "ids": [12, 99]}), "opened Spring sale or campaign 99"),
        (COUNTRY, "country is France or Belgium"),
        ({"kind": "entry", "property": "sum", "operator": "at_most", "value": 10}, "entry event’s sum is at most 10"),
        ({"kind": "list", "id": 2, "member": False}, "is not in the list Gala guests"),
        ({"kind": "reachable", "channel": "in_app", "value": False}, "cannot be reached by in-app message"),
    ],
)  # fmt: skip
def test_rows_say_what_they_do(condition: dict[str, Any], words: str) -> None:
    assert row(condition) == words


@pytest.mark.parametrize(
    ("operator", "options", "words"),
    [
        ("is_not", {"value": "FR"}, "country is not FR (or is not set)"),
        ("is_not", {"value": "FR", "unset": "exclude"}, "country is not FR (and is set)"),
        ("is", {"value": "FR", "unset": "include"}, "country is FR (or is not set)"),
        ("is", {"value": "10"}, "country is “10”"),
        ("is", {"value": 10}, "country is 10"),
        ("is", {"value": "true"}, "country is “true”"),
        ("is", {"value": True}, "country is true"),
        ("is", {"value": "A or B"}, "country is “A or B”"),
        ("between", {"from": 1, "to": 2.5}, "country is between 1 and 2.5"),
        ("between", {"from": "2026-11-03", "to": "2026-11-03T10:02Z"}, "country is from 3 Nov 2026 to before "
         "3 Nov 2026 10:02 UTC"),
        ("after", {"value": "2026-11-03"}, "country is on 3 Nov 2026 or later"),
        ("less_than_ago", {"amount": 1, "unit": "week"}, "country is less than 1 week ago"),
        ("is_not_set", {}, "country is not set"),
    ],
)  # fmt: skip
def test_comparisons_tell_types_and_unset_apart(operator: str, options: dict[str, Any], words: str) -> None:
    assert row({"kind": "attribute", "attribute": "country", "operator": operator, **options}) == words


def test_event_filters_stand_in_brackets_before_the_test() -> None:
    where = [{"property": "value", "operator": "at_least", "value": 50}]
    condition = {"kind": "event", "event": "added_to_cart", "where": where, "test": count("exactly", 2)}
    assert row(condition) == "did added_to_cart (where value is at least 50) exactly 2 times"
    assert row(condition | {"test": NO}) == "did not do added_to_cart (where value is at least 50)"


def test_names_and_joiners_are_marked() -> None:
    parts = sentence(decode(group(NOT_OPENED, COUNTRY, group(BUYERS, match="none"))), NAMES).parts
    assert [part.text for part in parts if part.style == "name"] == ["Spring sale", "Bought this month"]
    assert [part.text for part in parts if part.style == "joiner"] == ["and", "but not"]


@given(trees(Vocabulary(segments=(1, 2)), in_automation=True))
def test_every_tree_has_a_sentence(tree: Group) -> None:
    text = str(sentence(tree, KnownNames()))
    assert text == "Everyone" or text.endswith(".")
    assert "{" not in text.replace("{}", "")
    assert "  " not in text
    assert text.count("(") == text.count(")")
    assert str(condition_phrase(tree, KnownNames())) or not tree.conditions


SMALL = Vocabulary(campaigns=(1,), automations={7: ("a",)}, labels=("promo",), lists=(1,), attributes=("country",))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_conditions_that_read_the_same_mean_the_same(data: st.DataObject) -> None:
    labels = data.draw(labellings(SMALL))
    persons: list[Person] = data.draw(st.lists(people(SMALL, labels), min_size=4, max_size=4))
    drawn: list[Condition] = data.draw(st.lists(conditions(SMALL, in_automation=True), min_size=25, max_size=25))
    context = Context(NOW, journey=1, automation=7)
    meanings: dict[str, list[bool]] = {}
    for condition in drawn:
        meaning = [evaluate(condition, person, context).met for person in persons]
        words = str(sentence(Group(Match.ALL, (condition,)), KnownNames()))
        assert meanings.setdefault(words, meaning) == meaning, words
