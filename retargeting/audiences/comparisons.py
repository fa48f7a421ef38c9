"""Comparisons of attributes and properties, as SQL on a jsonb object.

Values compare by type and as typed; jsonb does so by itself ('"10"' is not '10', 1 equals 1.0). Each operator gives
the SQL of its positive form; a negation is its complement, which also holds for values of another type.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from retargeting.conditions.nodes import Comparison, Duration, Unit, ValueOperator
from retargeting.conditions.operators import DATE_PATTERN
from retargeting.interactions.reading import PropertyTest

Sql = tuple[str, list[Any]]

HAS_VALUE = "coalesce({value} NOT IN ('null', '\"\"', '[]'), false)"
TEXT = "jsonb_typeof({value}) = 'string' AND "
NUMBER = "jsonb_typeof({value}) = 'number' AND "
# The pattern lets through the shape, PostgreSQL the calendar: together only real moments.
DATE = (
    "CASE WHEN jsonb_typeof({value}) = 'string' AND {value} #>> '{{}}' ~ %s"
    " AND pg_input_is_valid({value} #>> '{{}}', 'timestamptz') THEN ({value} #>> '{{}}')::timestamptz END"
)
NEGATIONS = {
    ValueOperator.IS_NOT: ValueOperator.IS,
    ValueOperator.NONE_OF: ValueOperator.ONE_OF,
    ValueOperator.NOT_CONTAINS: ValueOperator.CONTAINS,
    ValueOperator.HAS_NOT: ValueOperator.HAS,
}
INEQUALITIES = {
    ValueOperator.GREATER_THAN: ">",
    ValueOperator.AT_LEAST: ">=",
    ValueOperator.LESS_THAN: "<",
    ValueOperator.AT_MOST: "<=",
    ValueOperator.BEFORE: "<",
    ValueOperator.AFTER: ">=",
}
SECONDS = {Unit.MINUTE: 60, Unit.HOUR: 3600, Unit.DAY: 86_400, Unit.WEEK: 604_800}


def span(duration: Duration) -> timedelta:
    return timedelta(seconds=duration.amount * SECONDS[duration.unit])


def attribute_sql(attribute: str, comparison: Comparison, unset: bool | None, now: datetime) -> Sql:
    """A condition on profiles_profile. `unset` decides for people without a value; None leaves it to the operator."""
    # The key is repeated in the SQL, so it travels as a quoted literal rather than as many parameters.
    return _compared(f"(attributes -> {_literal(attribute)})", comparison, unset, now)


def property_test(name: str, comparison: Comparison, now: datetime, *, unset: bool | None = None) -> PropertyTest:
    """A condition on the `value` of one property of custom events."""
    sql, params = _compared("value", comparison, unset, now)
    return PropertyTest(name, sql, tuple(params))


def _compared(value: str, comparison: Comparison, unset: bool | None, now: datetime) -> Sql:
    has_value = HAS_VALUE.format(value=value)
    operator = comparison.operator
    if operator is ValueOperator.IS_SET:
        return has_value, []
    if operator is ValueOperator.IS_NOT_SET:
        return f"NOT {has_value}", []
    negated = operator in NEGATIONS
    holds, params = _positive(NEGATIONS.get(operator, operator), value, comparison, now)
    holds = f"coalesce({holds}, false)"
    test = f"NOT {holds}" if negated else holds
    without = negated if unset is None else unset
    return f"CASE WHEN {has_value} THEN {test} ELSE {'true' if without else 'false'} END", params


def _positive(operator: ValueOperator, value: str, comparison: Comparison, now: datetime) -> Sql:
    operand = comparison.value
    match operator:
        case ValueOperator.IS:
            return f"{value} = %s::jsonb", [json.dumps(operand)]
        case ValueOperator.ONE_OF:
            options = operand if isinstance(operand, tuple) else (operand,)
            return f"{value} = ANY(%s::jsonb[])", [[json.dumps(option) for option in options]]
        case ValueOperator.CONTAINS:
            return (TEXT + "strpos({value} #>> '{{}}', %s) > 0").format(value=value), [operand]
        case ValueOperator.STARTS_WITH:
            return (TEXT + "starts_with({value} #>> '{{}}', %s)").format(value=value), [operand]
        case ValueOperator.ENDS_WITH:
            return (TEXT + "right({value} #>> '{{}}', length(%s::text)) = %s").format(value=value), [operand, operand]
        case ValueOperator.HAS:
            return f"jsonb_typeof({value}) = 'array' AND {value} @> %s::jsonb", [json.dumps([operand])]
        case ValueOperator.BEFORE | ValueOperator.AFTER:
            return f"{DATE.format(value=value)} {INEQUALITIES[operator]} %s", [DATE_PATTERN, operand]
        case ValueOperator.LESS_THAN_AGO | ValueOperator.MORE_THAN_AGO:
            return _aged(operator, value, comparison.ago, now)
        case ValueOperator.BETWEEN:
            return _between(value, comparison)
    inequality = INEQUALITIES[operator]
    return (NUMBER + "{value} " + inequality + " %s::jsonb").format(value=value), [json.dumps(operand)]


def _between(value: str, comparison: Comparison) -> Sql:
    """Numbers include both ends, dates the first only."""
    low, high = comparison.low, comparison.high
    if isinstance(low, datetime):
        date = DATE.format(value=value)
        pattern = DATE_PATTERN
        return f"{date} >= %s AND {date} < %s", [pattern, low, pattern, high]
    numbers = (NUMBER + "{value} >= %s::jsonb AND {value} <= %s::jsonb").format(value=value)
    return numbers, [json.dumps(low), json.dumps(high)]


def _aged(operator: ValueOperator, value: str, ago: Duration | None, now: datetime) -> Sql:
    """A date after now is not "ago" at all, neither less nor more."""
    assert ago is not None
    date, pattern = DATE.format(value=value), DATE_PATTERN
    edge = now - span(ago)
    if operator is ValueOperator.LESS_THAN_AGO:
        return f"{date} > %s AND {date} <= %s", [pattern, edge, pattern, now]
    return f"{date} <= %s AND {date} <= %s", [pattern, edge, pattern, now]


def _literal(text: str) -> str:
    """A SQL string literal, with % doubled because parameters are filled in later.

    The codec has refused what PostgreSQL cannot store; quotes are doubled, and a backslash is no escape in it.
    """
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"
