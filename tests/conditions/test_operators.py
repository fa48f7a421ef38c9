"""The tables are whole: whoever adds a member to the language meets these tests."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

import pytest

from retargeting.conditions import operators
from retargeting.conditions.nodes import (
    AgeOperator,
    Channel,
    Count,
    CountOperator,
    DateOperator,
    Duration,
    Interaction,
    Match,
    Unit,
    ValueOperator,
)
from retargeting.conditions.operators import (
    AGE_OPERATORS,
    CHANNELS,
    COUNT_OPERATORS,
    DATE_OPERATORS,
    INTERACTIONS,
    MATCHES,
    UNITS,
    VALUE_OPERATORS,
    Operand,
    ValueType,
    count_holds,
    length,
)

TABLES: list[tuple[type[StrEnum], object]] = [
    (Unit, UNITS),
    (Channel, CHANNELS),
    (Interaction, INTERACTIONS),
    (Match, MATCHES),
    (AgeOperator, AGE_OPERATORS),
    (DateOperator, DATE_OPERATORS),
    (CountOperator, COUNT_OPERATORS),
    (ValueOperator, VALUE_OPERATORS),
]


@pytest.mark.parametrize(("members", "table"), TABLES)
def test_every_member_has_its_row(members: type[StrEnum], table: dict[StrEnum, object]) -> None:
    assert list(table) == list(members)


def test_every_operand_and_type_is_used() -> None:
    assert {row.operand for row in VALUE_OPERATORS.values()} == set(Operand)
    assert frozenset[ValueType]().union(*(row.types for row in VALUE_OPERATORS.values())) == set(ValueType)


@pytest.mark.parametrize("operator", ValueOperator)
def test_the_wording_of_an_operator_takes_its_operand(operator: ValueOperator) -> None:
    row = VALUE_OPERATORS[operator]
    assert row.label
    assert ("{value}" in row.wording) is (row.operand is not Operand.NONE)
    assert callable(row.holds)


def test_labels_and_wordings_tell_operators_apart() -> None:
    rows = VALUE_OPERATORS.values()
    assert len({row.label for row in rows}) == len(ValueOperator)
    assert len({(row.wording, row.operand) for row in rows}) == len(ValueOperator)


@pytest.mark.parametrize("event", Interaction)
def test_every_event_can_be_said_in_each_way(event: Interaction) -> None:
    row = INTERACTIONS[event]
    assert all("{target}" in template for template in (row.did, row.did_not, row.last_did))
    assert row.channels
    assert row.opens == (event in (Interaction.OPENED, Interaction.CLICKED))
    assert row.among == (event not in (Interaction.SENT, Interaction.SKIPPED))


@pytest.mark.parametrize("operator", CountOperator)
def test_every_count_operator_decides_something(operator: CountOperator) -> None:
    count = Count(operator, low=1, high=2) if operator is CountOperator.BETWEEN else Count(operator, 2)
    assert {count_holds(count, n) for n in range(4)} == {True, False}
    assert "{times}" in COUNT_OPERATORS[operator].wording


def test_a_week_is_seven_days_of_24_hours() -> None:
    assert length(Duration(1, Unit.WEEK)) == 7 * length(Duration(1, Unit.DAY)) == 168 * length(Duration(1, Unit.HOUR))
    assert length(Duration(60, Unit.MINUTE)) == timedelta(hours=1)


def test_the_largest_amounts_stay_within_the_calendar() -> None:
    for row in UNITS.values():
        assert row.most * row.length <= timedelta(days=36_500)


def test_the_date_pattern_is_here_for_the_sql_side() -> None:
    assert operators.DATE_PATTERN.startswith("^")
    assert operators.DATE_PATTERN.endswith("$")
