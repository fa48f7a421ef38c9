"""Reads a row of the draft as a condition, or says which control is missing what.

The JSON form of the language is made of the controls' texts and then decoded, so that the builder can accept nothing
that the language refuses. Messages go to the control they are about.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from retargeting.audiences.builder.draft import DraftRow, Fields
from retargeting.audiences.builder.kinds import ATTRIBUTE, ENTRY, EVENT, LIST, MESSAGE, REACHABLE, kind_of
from retargeting.audiences.builder.literals import (
    DATE,
    Unreadable,
    read_moment,
    read_number,
    read_scalar,
    read_whole,
    scalar_of,
    text_of,
)
from retargeting.conditions import codec
from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.nodes import Among, Condition, Group, Opens, ValueOperator
from retargeting.conditions.operators import INTERACTIONS, VALUE_OPERATORS, Operand


@dataclass
class Reading:
    """`condition` is None where there are problems: by the name of the control, what it needs."""

    condition: Condition | None = None
    problems: dict[str, str] = field(default_factory=dict)


def read_row(row: DraftRow, *, in_automation: bool = False) -> Reading:
    reader = _RowReader(row)
    data = reader.condition()
    if reader.problems:
        return Reading(None, reader.problems)
    try:
        tree = codec.decode({"match": "all", "conditions": [data]}, in_automation=in_automation)
    except ConditionErrors as errors:
        return Reading(
            None, {control_at(row, error.path.removeprefix("/conditions/0")): error.message for error in errors.errors}
        )
    [condition] = tree.conditions
    assert not isinstance(condition, Group)
    return Reading(condition)


_CONTROLS = {
    "/event": "what",
    "/target/ids": "campaign",
    "/target/automation": "automation",
    "/target/keys": "step",
    "/target/codes": "label",
    "/target/channels": "channel",
    "/test/value": "n",
    "/test/from": "low",
    "/test/to": "high",
    "/test/amount": "amount",
    "/test/date": "date",
    "/test/since": "date",
    "/attribute": "attribute",
    "/value": "value",
    "/from": "low",
    "/to": "high",
    "/amount": "amount",
    "/channel": "channel",
}


def control_at(row: DraftRow, path: str) -> str:
    """The control that a JSON pointer within the row's condition is about."""
    if path.startswith("/where/"):
        index, _, rest = path.removeprefix("/where/").partition("/")
        if index.isdigit() and int(index) < len(row.filters):
            one = row.filters[int(index)]
            return f"{one.id}-{_comparison_control(one, f'/{rest}') if rest else 'property'}"
        return "event"
    form = kind_of(row.one("what")).form
    if form in (ATTRIBUTE, ENTRY):
        return _comparison_control(row, path)
    if path.startswith("/target/ids"):
        return row.one("target")
    if path == "/id" or (form == EVENT and path == "/event"):
        return form
    if path in ("/test/from", "/test/to") and row.one("test") == "last_event":
        return path.removeprefix("/test/")
    return next((name for start, name in _CONTROLS.items() if path.startswith(start)), "what")


def _comparison_control(fields: Fields, path: str) -> str:
    operand = VALUE_OPERATORS[ValueOperator(fields.one("compare"))].operand
    if path.startswith("/value"):
        return {Operand.SCALARS: "values", Operand.DATE: "date"}.get(operand, "value")
    if path in ("/from", "/to") and fields.one("type") == DATE:
        return path.removeprefix("/")
    return {"/property": "property", "/attribute": "attribute", "/from": "low", "/to": "high"}.get(path, "amount")


class _RowReader:
    """Turns texts into JSON; what a control lacks is noted, and the JSON is then not used."""

    def __init__(self, row: DraftRow) -> None:
        self.row = row
        self.kind = kind_of(row.one("what"))
        self.problems: dict[str, str] = {}

    def condition(self) -> dict[str, Any]:
        row = self.row
        match self.kind.form:
            case "message":
                return self.message()
            case "event":
                where = [self.filter(one) for one in row.filters]
                data = {"kind": EVENT, "event": self.name(row, "event", "name an event"), "test": self.test()}
                return data | ({"where": where} if where else {})
            case "attribute":
                return self.valued("attribute", "name an attribute")
            case "entry":
                return self.valued("property", "name a property")
            case "reachable":
                return {"kind": REACHABLE, "channel": row.one("channel"), "value": self.kind.holds}
        what = "choose a list" if self.kind.form == LIST else "choose a segment"
        return {"kind": self.kind.form, "id": self.chosen(self.kind.form, what), "member": self.kind.holds}

    def note(self, control: str, message: str) -> None:
        self.problems.setdefault(control, message)

    def message(self) -> dict[str, Any]:
        row, event = self.row, self.kind.event
        assert event is not None
        table = INTERACTIONS[event]
        data: dict[str, Any] = {"kind": MESSAGE, "event": str(event), "target": self.target(), "test": self.test()}
        if table.opens and row.one("opens") != Opens.HUMAN:
            data["opens"] = row.one("opens")
        if table.among and row.one("among") == Among.EVERYONE:
            data["among"] = str(Among.EVERYONE)
        if row.one("scope") and data["target"]["type"] == "step":
            data["scope"] = row.one("scope")
        return data

    def target(self) -> dict[str, Any]:
        row = self.row
        match row.one("target"):
            case "campaign":
                return {"type": "campaign", "ids": self.ids("campaign", "choose a campaign")}
            case "automation":
                ids = self.ids("automation", "choose an automation")
                steps = [text_of(line) for line in row.all("step")]
                if steps and len(ids) == 1:
                    return {"type": "step", "automation": ids[0], "keys": steps}
                return {"type": "automation", "ids": ids}
            case "channel":
                return {"type": "channel", "channels": self.several("channel", "choose a channel")}
            case "label":
                codes = self.several("label", "choose a label")
                return {"type": "label", "codes": [text_of(line) for line in codes]}
        return {"type": "any"}

    def several(self, control: str, wanted: str) -> list[str]:
        if not self.row.all(control):
            self.note(control, wanted)
        return self.row.all(control)

    def ids(self, control: str, wanted: str) -> list[int]:
        found = self.several(control, wanted)
        if not all(_is_id(id) for id in found):
            self.note(control, wanted)
            return []
        return [int(id) for id in found]

    def chosen(self, control: str, wanted: str) -> int:
        id = self.row.one(control)
        if not _is_id(id):
            self.note(control, wanted)
            return 0
        return int(id)

    def name(self, fields: Fields, control: str, wanted: str) -> str:
        text = text_of(fields.one(control))
        if not text:
            self.note(self.called(fields, control), wanted)
        return text

    def called(self, fields: Fields, control: str) -> str:
        return control if fields is self.row else f"{fields.id}-{control}"

    # Tests.

    def test(self) -> dict[str, Any]:
        row = self.row
        match row.one("test"):
            case "occurred_yes":
                return {"type": "occurred", "value": True}
            case "occurred_no":
                return {"type": "occurred", "value": False}
            case "last_event":
                return {"type": "last_event", "operator": row.one("last")} | self.last()
            case "count_since":
                window = {"since": self.moment(row, "date")} if row.one("window") == "since" else self.duration(row)
                return {"type": "count_since"} | self.count() | window
        return {"type": "count"} | self.count()

    def last(self) -> dict[str, Any]:
        operator = self.row.one("last")
        if operator == "between":
            return {"from": self.moment(self.row, "from"), "to": self.moment(self.row, "to")}
        if operator.endswith("_ago"):
            return self.duration(self.row)
        return {"date": self.moment(self.row, "date")}

    def count(self) -> dict[str, Any]:
        operator = self.row.one("count")
        if operator == "between":
            numbers = {"from": self.whole(self.row, "low"), "to": self.whole(self.row, "high")}
        else:
            numbers = {"value": self.whole(self.row, "n")}
        return {"operator": operator, **numbers}

    # Operands.

    def whole(self, fields: Fields, control: str) -> int:
        try:
            return read_whole(fields.one(control))
        except Unreadable as reason:
            self.note(self.called(fields, control), str(reason))
            return 0

    def duration(self, fields: Fields) -> dict[str, Any]:
        return {"amount": self.whole(fields, "amount"), "unit": fields.one("unit")}

    def moment(self, fields: Fields, control: str) -> str:
        try:
            return read_moment(fields.one(control), fields.one(f"{control}_time"))
        except Unreadable as reason:
            self.note(self.called(fields, control), str(reason))
            return ""

    def valued(self, key: str, missing: str) -> dict[str, Any]:
        """A condition on the value under a name, which `key` gives."""
        row = self.row
        data = {"kind": self.kind.form, key: self.name(row, key, missing)}
        data |= self.comparison(row)
        operator = VALUE_OPERATORS[ValueOperator(row.one("compare"))]
        include = row.one("unset") == "include"
        if operator.operand is not Operand.NONE and (row.one("explicit") or include != operator.negation):
            data["unset"] = "include" if include else "exclude"
        return data

    def filter(self, one: Fields) -> dict[str, Any]:
        return {"property": self.name(one, "property", "name a property")} | self.comparison(one)

    def comparison(self, fields: Fields) -> dict[str, Any]:
        operator = ValueOperator(fields.one("compare"))
        try:
            return {"operator": operator.value} | self.operand(fields, VALUE_OPERATORS[operator].operand)
        except Unreadable as reason:
            many = VALUE_OPERATORS[operator].operand is Operand.SCALARS
            self.note(self.called(fields, "values" if many else "value"), str(reason))
            return {}

    def operand(self, fields: Fields, operand: Operand) -> dict[str, Any]:
        match operand:
            case Operand.NONE:
                return {}
            case Operand.DURATION:
                return self.duration(fields)
            case Operand.DATE:
                return {"value": self.moment(fields, "date")}
            case Operand.RANGE if fields.one("type") == DATE:
                return {"from": self.moment(fields, "from"), "to": self.moment(fields, "to")}
            case Operand.RANGE:
                return {"from": self.number(fields, "low"), "to": self.number(fields, "high")}
            case Operand.SCALARS:
                return {"value": self.values(fields)}
            case Operand.NUMBER:
                return {"value": read_number(fields.one("value"))}
            case Operand.TEXT:
                return {"value": read_scalar(fields.one("value"), "text")}
        return {"value": read_scalar(fields.one("value"), fields.one("type"))}

    def number(self, fields: Fields, control: str) -> int | float:
        try:
            return read_number(fields.one(control))
        except Unreadable as reason:
            self.note(self.called(fields, control), str(reason))
            return 0

    def values(self, fields: Fields) -> list[Any]:
        if fields.one("add"):
            read_scalar(fields.one("add"), fields.one("type"))
        if not fields.all("values"):
            raise Unreadable("choose a value")
        return [scalar_of(literal) for literal in fields.all("values")]


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20
