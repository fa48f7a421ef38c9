"""Makes a posted row consistent: controls that a choice has just brought in get their defaults, and the first
control says what the row has become ("opened" with "Occurred: no" reads "was sent and did not open").

A row that came from a tree is already settled; settling it changes nothing.
"""

from __future__ import annotations

from retargeting.audiences.builder.draft import Draft, DraftRow, Fields
from retargeting.audiences.builder.kinds import (
    ATTRIBUTE,
    ENTRY,
    EVENT,
    KINDS,
    LAST,
    MESSAGE,
    NEGATIVES,
    TARGETS,
    TESTS,
    WINDOWS,
    kind_of,
)
from retargeting.audiences.builder.literals import (
    BOOLEAN,
    DATE,
    NUMBER,
    TEXT,
    Unreadable,
    literal_of,
    read_scalar,
    scalar_line,
    scalar_of,
    text_of,
)
from retargeting.audiences.builder.suggestions import Suggestions
from retargeting.conditions.nodes import Among, CountOperator, Opens, Unit, ValueOperator
from retargeting.conditions.operators import VALUE_OPERATORS, Operand


def settle(draft: Draft, known: Suggestions) -> None:
    for place in draft.places():
        if isinstance(place.item, DraftRow):
            settle_row(place.item, known)
        elif place.item.match == "at_least" and not place.item.at_least:
            place.item.at_least = "1"


def settle_row(row: DraftRow, known: Suggestions) -> None:
    if row.one("what") not in KINDS:
        row.put("what", "sent")
    form = kind_of(row.one("what")).form
    if form == MESSAGE:
        _message(row)
    elif form == EVENT:
        _choice(row, "test", TESTS)
        _test(row)
        for one in row.filters:
            property_ = text_of(one.one("property"))
            _comparison(one, one.one("property"), known.property_type(text_of(row.one("event")), property_))
    elif form == ATTRIBUTE:
        _comparison(row, row.one("attribute"), known.attribute_type(text_of(row.one("attribute"))))
        _unset(row)
    elif form == ENTRY:
        _comparison(row, row.one("property"), known.any_property_type(text_of(row.one("property"))))
        _unset(row)
    elif form.startswith("reach"):
        row.default("channel", "push")
    if form != EVENT:
        row.filters = []
    row.put("was", row.one("what"))


def _choice(fields: Fields, name: str, options: object) -> None:
    """The first option stands where none, or none of these, was chosen."""
    values = [str(option) for option in options]  # type: ignore[attr-defined]  # a mapping or an enumeration
    if fields.one(name) not in values:
        fields.put(name, values[0])


def _message(row: DraftRow) -> None:
    _choice(row, "target", TARGETS)
    _choice(row, "test", TESTS)
    _choice(row, "opens", Opens)
    _negative(row)
    _test(row)
    if len(row.all("automation")) != 1:
        row.drop("step")


def _negative(row: DraftRow) -> None:
    """Keeps "was sent and did not open" and "opened, Occurred: no" one and the same row, whichever was changed."""
    what, was = row.one("what"), row.one("was")
    kind = KINDS[what]
    everyone = row.one("among") == Among.EVERYONE
    if kind.negative:
        if was != what:
            row.put("test", "occurred_no")
            row.drop("among")
        elif row.one("test") != "occurred_no" or everyone:
            row.put("what", kind.plain)
    elif what in NEGATIVES and row.one("test") == "occurred_no" and not everyone:
        if was == NEGATIVES[what]:
            row.put("test", "occurred_yes")
        else:
            row.put("what", NEGATIVES[what])


def _test(row: DraftRow) -> None:
    test = row.one("test")
    if test == "last_event":
        _choice(row, "last", LAST)
        if row.one("last").endswith("_ago"):
            _duration(row, "7")
    if test in ("count", "count_since"):
        _choice(row, "count", [CountOperator.AT_LEAST, *CountOperator])
        if row.one("count") == "between":
            row.default("low", "1")
            row.default("high", "3")
        else:
            row.default("n", "2")
    if test == "count_since":
        _choice(row, "window", WINDOWS)
        if row.one("window") == "in_last":
            _duration(row, "30")


def _duration(fields: Fields, amount: str) -> None:
    fields.default("amount", amount)
    _choice(fields, "unit", [Unit.DAY, *Unit])


def _comparison(fields: Fields, name: str, known_type: str) -> None:
    """`name` is the attribute or property; with a new one comes the type that its values have."""
    _choice(fields, "compare", ValueOperator)
    operand = VALUE_OPERATORS[ValueOperator(fields.one("compare"))].operand
    types = [NUMBER, DATE] if operand is Operand.RANGE else [TEXT, NUMBER, BOOLEAN]
    if fields.one("typed_for") != name and known_type in types:
        fields.put("type", known_type)
    _choice(fields, "type", types)
    fields.put("typed_for", name)
    if operand in (Operand.SCALAR, Operand.ELEMENT):
        _single(fields)
    elif operand is Operand.SCALARS:
        _several(fields)
    elif operand is Operand.DURATION:
        _duration(fields, "7")


def _single(fields: Fields) -> None:
    if fields.all("values") and "value" not in fields.values:
        try:
            line, type_ = scalar_line(scalar_of(fields.all("values")[0]))
        except Unreadable:
            return
        fields.put("value", line)
        fields.put("type", type_)
    fields.drop("values")
    if fields.one("type") == BOOLEAN and fields.one("value") not in ("true", "false"):
        fields.put("value", "true")


def _several(fields: Fields) -> None:
    """A single value from before the operator was changed begins the list, one typed into "add" joins it."""
    for name in ("value", "add"):
        line = fields.one(name)
        if line == "" or (name == "value" and fields.all("values")):
            continue
        try:
            literal = literal_of(read_scalar(line, fields.one("type")))
        except Unreadable:
            continue
        if literal not in fields.all("values"):
            fields.put("values", *fields.all("values"), literal)
        fields.drop(name)


def _unset(row: DraftRow) -> None:
    """A change from "is" to "is not" takes the switch for people without a value to the new operator's default."""
    now = VALUE_OPERATORS[ValueOperator(row.one("compare"))].negation
    before = row.one("compared")
    if before in VALUE_OPERATORS and not row.one("explicit"):
        was = VALUE_OPERATORS[ValueOperator(before)].negation
        if was != now and (row.one("unset") == "include") == was:
            row.put("unset", "include" if now else "exclude")
    row.default("unset", "include" if now else "exclude")
    row.put("compared", row.one("compare"))
