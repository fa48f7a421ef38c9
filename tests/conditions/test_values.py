"""Attributes and properties: by type, as typed, and what happens without a value."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from retargeting.conditions.facts import Person
from retargeting.conditions.nodes import ValueOperator
from retargeting.conditions.operators import VALUE_OPERATORS, Operand
from retargeting.conditions.values import JSON, parse_date
from tests.conditions.cast import NOW, TICK, YES, did, met

OPERANDS: dict[Operand, dict[str, Any]] = {
    Operand.NONE: {},
    Operand.SCALAR: {"value": "Paris"},
    Operand.SCALARS: {"value": ["Paris", 3]},
    Operand.TEXT: {"value": "Paris"},
    Operand.NUMBER: {"value": 3},
    Operand.DATE: {"value": "2026-11-03"},
    Operand.RANGE: {"from": 1, "to": 3},
    Operand.DURATION: {"amount": 3, "unit": "day"},
    Operand.ELEMENT: {"value": "Paris"},
}


def holds(city: JSON, operator: str, **options: Any) -> bool:
    condition = {"kind": "attribute", "attribute": "city", "operator": operator, **options}
    return met(condition, Person(attributes={"city": city}))


@pytest.mark.parametrize(
    ("value", "operand", "same"),
    [
        ("10", 10, False),
        (10, "10", False),
        (True, 1, False),
        (1, True, False),
        (False, 0, False),
        (1, 1.0, True),
        (0.1, 0.1, True),
        (0.1 + 0.2, 0.3, False),
        (1e23, 10**18, False),
        (2**53 + 1, float(2**53), False),
        ("Paris", "paris", False),
        ("Paris", "Paris", True),
        ("é", "e\u0301", False),
        (["Paris"], "Paris", False),
        (True, True, True),
    ],
)
def test_values_compare_by_type_and_as_typed(value: JSON, operand: JSON, same: bool) -> None:
    assert holds(value, "is", value=operand) is same
    assert holds(value, "is_not", value=operand) is not same
    assert holds(value, "one_of", value=["other", operand]) is same
    assert holds(value, "none_of", value=["other", operand]) is not same
    assert holds([value], "has", value=operand) is same
    assert holds([value], "has_not", value=operand) is not same


@pytest.mark.parametrize("operator", ValueOperator)
@pytest.mark.parametrize("empty", [None, "", []])
def test_without_a_value_only_negations_hold_unless_told_otherwise(operator: ValueOperator, empty: JSON) -> None:
    row = VALUE_OPERATORS[operator]
    operand = OPERANDS[row.operand]
    assert holds(empty, operator, **operand) is row.negation
    if row.operand is not Operand.NONE:
        assert holds(empty, operator, unset="include", **operand) is True
        assert holds(empty, operator, unset="exclude", **operand) is False


@pytest.mark.parametrize("operator", ValueOperator)
def test_a_comparison_that_does_not_fit_the_type_is_false_and_its_negation_true(operator: ValueOperator) -> None:
    row = VALUE_OPERATORS[operator]
    if row.operand is not Operand.NONE:
        assert holds({"a": 1}, operator, **OPERANDS[row.operand]) is row.negation


def test_an_attribute_nobody_has_is_no_error() -> None:
    assert not met({"kind": "attribute", "attribute": "nothing", "operator": "is_set"}, Person())
    assert met({"kind": "attribute", "attribute": "nothing", "operator": "is_not_set"}, Person())


@pytest.mark.parametrize("value", [0, False, {}, " ", "0"])
def test_zero_false_and_blank_are_values(value: JSON) -> None:
    assert holds(value, "is_set")
    assert not holds(value, "is_not_set")


def test_texts_are_searched_as_typed() -> None:
    assert holds("Parisian", "contains", value="isi")
    assert holds("100%_a", "contains", value="%_")
    assert not holds("100", "contains", value="%")
    assert not holds("Parisian", "contains", value="ISI")
    assert holds("Parisian", "not_contains", value="ISI")
    assert holds("Parisian", "starts_with", value="Par")
    assert holds("Parisian", "ends_with", value="ian")
    assert not holds(100, "contains", value="1")


def test_numbers_are_compared_as_numbers_only() -> None:
    assert holds(10, "greater_than", value=9)
    assert not holds("10", "greater_than", value=9)
    assert not holds(True, "at_least", value=1)
    assert holds(1.0, "at_least", value=1)
    assert holds(1, "at_most", value=1.0)
    assert not holds(1, "less_than", value=1)
    assert not holds("z", "greater_than", value=1)


def test_between_numbers_includes_both_ends() -> None:
    assert [holds(n, "between", **{"from": 1, "to": 2.5}) for n in (0.9, 1, 2.5, 2.6)] == [False, True, True, False]


def test_dates_are_from_inclusive_and_to_exclusive() -> None:
    period = {"from": "2026-11-03", "to": "2026-11-05"}
    assert holds("2026-11-03", "between", **period)
    assert holds("2026-11-04T23:59:59.999999Z", "between", **period)
    assert not holds("2026-11-05", "between", **period)
    assert not holds("2026-11-03T00:30+01:00", "between", **period)
    assert not holds("2026-11-03", "before", value="2026-11-03")
    assert holds("2026-11-03", "after", value="2026-11-03")


@pytest.mark.parametrize(
    ("ago", "less", "more"),
    [
        (timedelta(days=3) - TICK, True, False),
        (timedelta(days=3), False, True),
        (timedelta(0), True, False),
        (-TICK, False, False),
    ],
)
def test_a_date_ages_like_an_event_and_a_future_one_is_not_ago(ago: timedelta, less: bool, more: bool) -> None:
    value = (NOW - ago).isoformat()
    assert holds(value, "less_than_ago", amount=3, unit="day") is less
    assert holds(value, "more_than_ago", amount=3, unit="day") is more


DATES = [
    "2026-11-03",
    "2026-11-03T10:02Z",
    "2026-11-03T10:02:05+05:30",
    "9999-12-31T23:59:59.999999-14:00",
    "1900-01-01",
    "2026-11-03T00:00-00:00",
    "2026-11-03T10:02:05.1Z",
    "2024-02-29",
]
NO_DATES = [
    "2026-11-03T10:02",
    "2026-02-30",
    "2025-02-29",
    "2026-11-03T24:00Z",
    "2026-11-03T10:02:60Z",
    "2026-11-03t10:02z",
    "2026-W45-2",
    "1899-12-31",
    "2026-11-03T10:02:05.1234567Z",
    "2026-11-03T10:02+14:01",
    "2026-11-03T10Z",
    "20261103",
    "10000-01-01",
    "٢٠٢٦-11-03",
]


@pytest.mark.parametrize("text", DATES)
def test_these_texts_are_dates(text: str) -> None:
    moment = parse_date(text)
    assert moment is not None
    assert moment.tzinfo is not None


@pytest.mark.parametrize("text", [*NO_DATES, "", " 2026-11-03", "2026-11-03\n", "2026-11-03 10:02Z"])
def test_these_texts_are_not(text: str) -> None:
    assert parse_date(text) is None


def test_a_fraction_of_a_second_is_read_as_written() -> None:
    moment = parse_date("2026-11-03T10:02:05.25Z")
    assert moment is not None
    assert moment.microsecond == 250_000


def test_properties_are_compared_like_attributes() -> None:
    person = Person(events=(did("bought", colour="red"),))
    where = {"property": "size", "operator": "is_not", "value": "XL"}
    assert met({"kind": "event", "event": "bought", "where": [where], "test": YES}, person)
    assert not met({"kind": "event", "event": "bought", "where": [where | {"operator": "is"}], "test": YES}, person)
