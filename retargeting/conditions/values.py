"""JSON values as conditions see them: what counts as a value, a number, a date, and when two are the same.

Values compare by type and as typed: "10" is not 10, true is not 1, "Paris" is not "paris"; 1 and 1.0 are one number.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

JSON: TypeAlias = "str | int | float | bool | list[JSON] | dict[str, JSON] | None"

DATE_PATTERN = (
    r"^(?:19|[2-9][0-9])[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"(?:T(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
    r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00)))?$"
)
"""The one text shape that is a date: `YYYY-MM-DD`, or `YYYY-MM-DDTHH:MM[:SS[.ffffff]]` with `Z` or an offset.

Years 1900 to 9999 as written, offsets up to 14:00; no 24:00, no second 60, no other separator than a capital T.
A bare date is its midnight in UTC; a time without a zone is not a date. The expression means the same in Python
(`fullmatch`) and in PostgreSQL (`~`). It lets 30 February through: a reader must still ask its calendar.
"""

_DATE = re.compile(DATE_PATTERN)


def has_value(value: JSON) -> bool:
    """null, "" and [] are no value; 0, false and {} are."""
    return value is not None and value != "" and value != []


def number(value: object) -> Decimal | None:
    """The exact decimal a JSON number was written as, as PostgreSQL's numeric reads it; None for the rest."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else None
    return Decimal(value)


def parse_date(value: object) -> datetime | None:
    """The aware moment a text stands for, in the zone it was written in; None if it is not a date (DATE_PATTERN)."""
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        return None
    try:
        return datetime.fromisoformat(value if "T" in value else f"{value}T00:00Z")
    except ValueError:
        return None


def comparable(value: object) -> tuple[str, object] | None:
    """A hashable stand-in for a scalar: equal for two scalars that are the same value of the same type."""
    if isinstance(value, str):
        return "text", str(value)
    if isinstance(value, bool):
        return "boolean", value
    exact = number(value)
    return None if exact is None else ("number", exact)


def same(left: object, right: object) -> bool:
    """Whether two scalars are equal, by type and as typed."""
    key = comparable(left)
    return key is not None and key == comparable(right)
