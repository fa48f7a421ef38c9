"""Reads what is tested: how often and when something happened, and what a value is compared with.

Tests that everyone or nobody passes are refused here, with what to do instead.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from retargeting.conditions.nodes import (
    AgeOperator,
    Comparison,
    Count,
    CountOperator,
    CountSince,
    DateOperator,
    Duration,
    LastEventAge,
    LastEventDate,
    Occurred,
    Scalar,
    Test,
    Unit,
    ValueOperator,
)
from retargeting.conditions.operators import TESTS, UNITS, VALUE_OPERATORS, Operand
from retargeting.conditions.reading import Reader, show, spoken

MAX_COUNT = 2**31 - 1

Fields = dict[object, object]


def read_test(reader: Reader, data: object, path: str) -> Test | None:
    fields = reader.mapping(data, path, "a test")
    if fields is None:
        return None
    kind = fields.get("type")
    match kind:
        case "occurred":
            if not reader.keys(fields, path, ("type", "value")):
                return None
            value = reader.flag(fields["value"], f"{path}/value")
            return None if value is None else Occurred(value)
        case "last_event":
            return _last_event(reader, fields, path)
        case "count":
            return _count(reader, fields, path, ("type",))
        case "count_since":
            return _count_since(reader, fields, path)
    reader.refuse(f"{path}/type", f"Expected one of {spoken(TESTS)}, got {show(kind)}.")
    return None


def _last_event(reader: Reader, fields: Fields, path: str) -> LastEventAge | LastEventDate | None:
    operator = fields.get("operator")
    match operator:
        case "less_than_ago" | "more_than_ago":
            if not reader.keys(fields, path, ("type", "operator", "amount", "unit")):
                return None
            ago = _duration(reader, fields, path)
            return None if ago is None else LastEventAge(AgeOperator(operator), ago)
        case "before" | "after":
            if not reader.keys(fields, path, ("type", "operator", "date")):
                return None
            date = reader.date(fields["date"], f"{path}/date")
            return None if date is None else LastEventDate(DateOperator(operator), date=date)
        case "between":
            if not reader.keys(fields, path, ("type", "operator", "from", "to")):
                return None
            period = _period(reader, fields, path)
            return None if period is None else LastEventDate(DateOperator.BETWEEN, start=period[0], end=period[1])
    options = spoken([*AgeOperator, *DateOperator])
    reader.refuse(f"{path}/operator", f"Expected one of {options}, got {show(operator)}.")
    return None


def _count_since(reader: Reader, fields: Fields, path: str) -> CountSince | None:
    if "since" in fields and ("amount" in fields or "unit" in fields):
        reader.refuse(path, 'Give either "since" (a date) or "amount" and "unit", not both.')
        return None
    if "since" in fields:
        count = _count(reader, fields, path, ("type", "since"))
        since = reader.date(fields["since"], f"{path}/since")
        return None if count is None or since is None else CountSince(count, since=since)
    count = _count(reader, fields, path, ("type", "amount", "unit"))
    if "amount" not in fields or "unit" not in fields:
        return None
    window = _duration(reader, fields, path)
    return None if count is None or window is None else CountSince(count, window=window)


def _count(reader: Reader, fields: Fields, path: str, others: Collection[str]) -> Count | None:
    """A count with its number or numbers; `others` are the keys of the test around it."""
    if "operator" not in fields:
        reader.keys(fields, path, (*others, "operator", "value"), ("from", "to"))
        return None
    operator = reader.choice(fields["operator"], f"{path}/operator", CountOperator)
    if operator is None:
        return None
    numbers = ("from", "to") if operator is CountOperator.BETWEEN else ("value",)
    if not reader.keys(fields, path, (*others, "operator", *numbers)):
        return None
    if operator is CountOperator.BETWEEN:
        low = reader.whole(fields["from"], f"{path}/from", 0, MAX_COUNT)
        high = reader.whole(fields["to"], f"{path}/to", 0, MAX_COUNT)
        if low is None or high is None:
            return None
        if low > high:
            reader.refuse(f"{path}/to", f'"to" is less than "from" ({low:,}), so nobody would pass.')
            return None
        return Count(operator, low=low, high=high)
    if operator in (CountOperator.AT_LEAST, CountOperator.FEWER_THAN) and _is_zero(fields["value"]):
        who = "Everyone" if operator is CountOperator.AT_LEAST else "Nobody"
        reader.refuse(f"{path}/value", f'{who} passes "{operator}" 0: use 1 or more.')
        return None
    value = reader.whole(fields["value"], f"{path}/value", 0, MAX_COUNT)
    return None if value is None else Count(operator, value)


def _is_zero(data: object) -> bool:
    return isinstance(data, int) and not isinstance(data, bool) and data == 0


def _duration(reader: Reader, fields: Fields, path: str) -> Duration | None:
    unit = reader.choice(fields["unit"], f"{path}/unit", Unit)
    most = UNITS[unit or Unit.MINUTE].most
    amount = reader.whole(fields["amount"], f"{path}/amount", 1, most)
    return None if unit is None or amount is None else Duration(amount, unit)


def _period(reader: Reader, fields: Fields, path: str) -> tuple[datetime, datetime] | None:
    start = reader.date(fields["from"], f"{path}/from")
    end = reader.date(fields["to"], f"{path}/to")
    if start is None or end is None:
        return None
    if start >= end:
        reader.refuse(f"{path}/to", '"to" is not included and must be later than "from", or nobody would pass.')
        return None
    return start, end


_OPERAND_KEYS: dict[Operand, tuple[str, ...]] = {
    Operand.NONE: (),
    Operand.RANGE: ("from", "to"),
    Operand.DURATION: ("amount", "unit"),
}
_ANY_OPERAND_KEYS = ("value", "from", "to", "amount", "unit")


def read_comparison(
    reader: Reader, fields: Fields, path: str, names: Collection[str], optional: Collection[str] = ()
) -> Comparison | None:
    """The operator and operand among `fields`; `names` and `optional` are the keys of the node around them."""
    if "operator" not in fields:
        reader.keys(fields, path, (*names, "operator"), (*_ANY_OPERAND_KEYS, *optional))
        return None
    operator = reader.choice(fields["operator"], f"{path}/operator", ValueOperator)
    if operator is None:
        reader.keys(fields, path, (*names, "operator"), (*_ANY_OPERAND_KEYS, *optional))
        return None
    operand = VALUE_OPERATORS[operator].operand
    keys = _OPERAND_KEYS.get(operand, ("value",))
    if operand is Operand.NONE:
        optional = ()
    reader.keys(fields, path, (*names, "operator", *keys), optional)
    if any(key not in fields for key in keys):
        return None
    return _with_operand(reader, fields, path, operator, operand)


def _with_operand(
    reader: Reader, fields: Fields, path: str, operator: ValueOperator, operand: Operand
) -> Comparison | None:
    at = f"{path}/value"
    given = fields.get("value")
    match operand:
        case Operand.NONE:
            return Comparison(operator)
        case Operand.RANGE:
            return _range(reader, fields, path, operator)
        case Operand.DURATION:
            ago = _duration(reader, fields, path)
            return None if ago is None else Comparison(operator, ago=ago)
        case Operand.DATE:
            date = reader.date(given, at)
            return None if date is None else Comparison(operator, date)
        case Operand.SCALARS:
            values: tuple[Scalar, ...] | None = reader.items(given, at, reader.scalar, "values")
            return None if values is None else Comparison(operator, values)
        case Operand.TEXT:
            text = reader.text(given, at)
            return None if text is None else Comparison(operator, text)
        case Operand.NUMBER:
            number = reader.number(given, at)
            return None if number is None else Comparison(operator, number)
        case Operand.SCALAR | Operand.ELEMENT:
            scalar = reader.scalar(given, at)
            return None if scalar is None else Comparison(operator, scalar)


def _range(reader: Reader, fields: Fields, path: str, operator: ValueOperator) -> Comparison | None:
    """Two numbers (both included) or two dates (the second excluded)."""
    if isinstance(fields["from"], str) or isinstance(fields["to"], str):
        period = _period(reader, fields, path)
        return None if period is None else Comparison(operator, low=period[0], high=period[1])
    low = reader.number(fields["from"], f"{path}/from")
    high = reader.number(fields["to"], f"{path}/to")
    if low is None or high is None:
        return None
    if low > high:
        reader.refuse(f"{path}/to", f'"to" is less than "from" ({show(low)}), so nobody would pass.')
        return None
    return Comparison(operator, low=low, high=high)
