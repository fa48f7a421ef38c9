"""A row as the list of its controls, in the order of the sentence: what happened, target, which, test, value, window.

Only the controls that mean something in the row as it stands are there; `templates/audiences/builder/control.html`
draws them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from retargeting.audiences.builder.choices import Choice, Choices
from retargeting.audiences.builder.draft import DraftFilter, DraftRow, Fields
from retargeting.audiences.builder.kinds import (
    ENTRY,
    KINDS,
    LAST,
    MESSAGE,
    TARGETS,
    TESTS,
    WINDOWS,
    Kind,
    kind_of,
)
from retargeting.audiences.builder.literals import (
    BOOLEAN,
    DATE,
    NUMBER,
    TEXT,
    Unreadable,
    line_of,
    literal_of,
    scalar_line,
    scalar_of,
    text_of,
)
from retargeting.audiences.builder.shapes import Control, Option
from retargeting.audiences.builder.suggestions import Known, Suggestions
from retargeting.conditions.nodes import Among, CountOperator, ValueOperator
from retargeting.conditions.operators import CHANNELS, COUNT_OPERATORS, INTERACTIONS, UNITS, VALUE_OPERATORS, Operand
from retargeting.conditions.phrases import value_words

CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,3})?)?")
SHOWN = 40
"""Chosen values that a picker shows as checkboxes; further ones travel in one hidden field."""


@dataclass
class Setting:
    """What rows are drawn with."""

    choices: Choices
    known: Suggestions
    in_automation: bool = False
    entry_event: str = ""
    operation: str = ""
    attributes_id: str = ""
    events_id: str = ""
    prefix: str = ""
    focus: str = ""


def row_controls(row: DraftRow, setting: Setting, problems: Mapping[str, str]) -> list[Control]:
    drawn = _Row(row, setting)
    drawn.draw()
    for control in drawn.controls:
        for one in (control, *control.extra):
            one.problem = problems.get(one.name, "") if one.name else ""
            one.id = f"{setting.prefix}-{row.id}-{one.name or one.operation.replace(':', '-')}"
            one.focused = one.id == setting.focus
    placed = {one.name for control in drawn.controls for one in (control, *control.extra) if one.shape != "hidden"}
    # What is about no control that is there is said at the first one.
    lost = [message for name, message in problems.items() if name not in placed]
    if lost and not drawn.controls[0].problem:
        drawn.controls[0].problem = lost[0]
    return drawn.controls


def _options(labels: Mapping[str, str], value: str) -> list[Option]:
    return [Option(str(name), label, str(name) == value) for name, label in labels.items()]


@dataclass
class _Row:
    row: DraftRow
    setting: Setting
    controls: list[Control] = field(default_factory=list)

    def draw(self) -> None:
        row = self.row
        kind = kind_of(row.one("what"))
        self.put(Control("select", "what", "What happened", css="lead", options=self.kinds(kind.form)))
        match kind.form:
            case "message":
                self.message()
            case "event":
                self.event()
            case "attribute":
                self.attribute()
            case "entry":
                self.entry()
            case "segment":
                self.picked("segment", "Segment", self.setting.choices.segments)
            case "list":
                self.picked("list", "List", self.setting.choices.lists)
            case "reachable":
                labels = {str(name): channel.label for name, channel in CHANNELS.items()}
                self.select(row, "channel", "Channel", labels)
        self.hide("was", row.one("was"))

    def put(self, control: Control) -> None:
        self.controls.append(control)

    def hide(self, name: str, value: str) -> None:
        self.put(Control("hidden", name, value=value))

    def words(self, text: str) -> None:
        self.put(Control("words", value=text))

    def called(self, fields: Fields, name: str) -> str:
        return name if fields is self.row else f"{fields.id}-{name}"

    def select(self, fields: Fields, name: str, label: str, labels: Mapping[str, str], css: str = "") -> None:
        options = _options(labels, fields.one(name))
        self.put(Control("select", self.called(fields, name), label, css=css, options=options))

    def line(self, fields: Fields, name: str, label: str, css: str = "", **more: object) -> None:
        control = Control("text", self.called(fields, name), label, fields.one(name), css)
        for key, value in more.items():
            setattr(control, key, value)
        self.put(control)

    def kinds(self, form: str) -> list[Option]:
        """Events that the target's channel does not have are not offered."""
        channels = self.setting.choices.channels_of(self.row) if form == MESSAGE else set()
        chosen = self.row.one("what")
        return [
            Option(what, kind.label, what == chosen, kind.section)
            for what, kind in KINDS.items()
            if what == chosen or self.offered(kind, channels)
        ]

    def offered(self, kind: Kind, channels: set[str]) -> bool:
        if kind.form == ENTRY:
            return self.setting.in_automation
        return not channels or kind.event is None or bool(channels & set(INTERACTIONS[kind.event].channels))

    # Messages.

    def message(self) -> None:
        row = self.row
        self.select(row, "target", "Target", TARGETS)
        self.target()
        self.select(row, "test", "Condition", TESTS)
        self.test()
        event = kind_of(row.one("what")).event
        assert event is not None
        table = INTERACTIONS[event]
        if table.opens:
            noun = "opens" if event == "opened" else "clicks"
            labels = {"human": f"human {noun}", "all": f"all {noun}", "machine": f"machine {noun}"}
            self.select(row, "opens", f"Whose {noun} count", labels, css="chip")
        if table.among:
            self.among()
        self.scope()

    def among(self) -> None:
        everyone = self.row.one("among") == Among.EVERYONE
        if self.counts_zero():
            label = "also people who never got it"
            self.put(Control("switch", "among", label, str(Among.EVERYONE), chosen=everyone))
        elif everyone:
            self.hide("among", str(Among.EVERYONE))

    def counts_zero(self) -> bool:
        """Whether somebody without the event could pass; half-typed numbers count as what they are so far."""
        row = self.row
        if row.one("test") in ("occurred_yes", "last_event"):
            return False
        if row.one("test") == "occurred_no":
            return True
        operator = CountOperator(row.one("count"))
        numbers = [row.one("low"), row.one("high")] if operator is CountOperator.BETWEEN else [row.one("n")] * 2
        if not all(number.isascii() and number.isdigit() for number in numbers):
            return False
        return COUNT_OPERATORS[operator].holds(0, int(numbers[0][:12]), int(numbers[1][:12]))

    def scope(self) -> None:
        row = self.row
        if not row.all("step"):
            return
        if self.setting.in_automation:
            labels = {"": "this journey", "ever": "any journey"}
            if row.one("scope") == "journey":
                labels = {"journey": "this journey", "ever": "any journey"}
            self.select(row, "scope", "Which journeys count", labels, css="chip")
        elif row.one("scope"):
            self.hide("scope", row.one("scope"))

    def target(self) -> None:
        row, choices = self.row, self.setting.choices
        match row.one("target"):
            case "campaign":
                control = self.picker(row, "campaign", "Campaign", choices.campaigns, choices.offered_campaigns(row))
                control.searchable, control.search = True, row.one("campaign_search")
            case "automation":
                self.picker(row, "automation", "Automation", choices.automations, choices.automations.values())
                if len(row.all("automation")) == 1:
                    steps = choices.steps.get(row.one("automation"), [])
                    known = {step.value: step for step in steps}
                    control = self.picker(row, "step", "Step", known, steps)
                    if not control.face:
                        control.face = [Option("", "any step")]
            case "channel":
                channels = {str(name): Choice(str(name), each.label, str(name)) for name, each in CHANNELS.items()}
                self.picker(row, "channel", "Channel", channels, channels.values())
            case "label":
                self.picker(row, "label", "Label", choices.labels, choices.labels.values())

    def picker(
        self, fields: Fields, name: str, label: str, known: Mapping[str, Choice], offered: Iterable[Choice]
    ) -> Control:
        """Several of many: the chosen ones first, in their order, then what is offered."""
        chosen = fields.all(name)
        offers = list(offered)
        first = [*chosen[:SHOWN], *(choice.value for choice in offers if choice.value in set(chosen[SHOWN:]))]
        rest = [value for value in chosen if value not in set(first)]
        known = {**{choice.value: choice for choice in offers}, **known}
        options = [_option(known.get(value) or _gone(label, value), chosen=True) for value in dict.fromkeys(first)]
        options += [_option(choice) for choice in offers if choice.value not in set(first)]
        control = Control("picker", self.called(fields, name), label, options=options)
        control.face = [option for option in options if option.chosen][:2]
        control.more = max(len(chosen) - 2, 0)
        control.rest = json.dumps(rest) if rest else ""
        control.open = self.setting.operation.startswith(f"search:{self.row.id}:{control.name}")
        self.put(control)
        return control

    def picked(self, name: str, label: str, known: Mapping[str, Choice]) -> None:
        """One of a few: a plain select, with what is gone still in it."""
        value = self.row.one(name)
        labels = {"": "choose…"} if value == "" else {}
        labels |= {choice.value: choice.label for choice in known.values()}
        if value not in labels:
            labels[value] = f"{label.lower()} {value} (not there)"
        self.select(self.row, name, label, labels)

    # Tests.

    def test(self) -> None:
        row = self.row
        match row.one("test"):
            case "last_event":
                self.select(row, "last", "When the last one was", LAST)
                if row.one("last").endswith("_ago"):
                    self.duration(row)
                    self.words("ago")
                elif row.one("last") == "between":
                    self.period(row)
                else:
                    self.moment(row, "date", "Date")
            case "count":
                self.count()
            case "count_since":
                self.count()
                self.select(row, "window", "Counted", WINDOWS)
                if row.one("window") == "since":
                    self.moment(row, "date", "Since")
                else:
                    self.duration(row)

    def count(self) -> None:
        row = self.row
        self.select(row, "count", "How often", {str(name): each.label for name, each in COUNT_OPERATORS.items()})
        if row.one("count") == "between":
            self.line(row, "low", "From", "number", numeric=True)
            self.words("and")
            self.line(row, "high", "To", "number", numeric=True)
        else:
            self.line(row, "n", "Number of times", "number", numeric=True)
        self.words("time" if row.one("count") != "between" and row.one("n").strip() == "1" else "times")

    def duration(self, fields: Fields) -> None:
        self.line(fields, "amount", "How long", "number", numeric=True)
        single = fields.one("amount").strip() == "1"
        self.select(
            fields, "unit", "Unit", {str(u): each.label if single else each.plural for u, each in UNITS.items()}
        )

    def moment(self, fields: Fields, name: str, label: str) -> None:
        """A day and a time; both in UTC, as the sentence says them."""
        self.put(Control("day", self.called(fields, name), label, fields.one(name)))
        clock = fields.one(f"{name}_time")
        # A browser's time field knows milliseconds only, and drops what it does not understand.
        css = "time" if not clock or CLOCK.fullmatch(clock) else "text"
        self.put(Control("clock", self.called(fields, f"{name}_time"), f"{label}: time", clock, css))
        self.words("UTC")

    def period(self, fields: Fields) -> None:
        self.moment(fields, "from", "From")
        self.words("to before")
        self.moment(fields, "to", "To before")

    # Events and attributes.

    def event(self) -> None:
        row = self.row
        self.line(row, "event", "Name of the event", "name", offered_by=self.setting.events_id)
        known = self.setting.known.events.get(text_of(row.one("event")), {})
        for index, one in enumerate(row.filters):
            self.put(Control("hidden", "filter", value=one.id))
            self.words("and its" if index else "whose")
            self.filter(one, known)
        add = Control("button", label="Narrow down by a property", value="property", icon="plus")
        add.operation = f"filter:{row.id}"
        self.put(add)
        self.select(row, "test", "Condition", TESTS)
        self.test()

    def filter(self, one: DraftFilter, known: Mapping[str, Known]) -> None:
        self.line(one, "property", "Property", "name", offers=[line_of(name) for name in known])
        self.comparison(one, known.get(text_of(one.one("property"))))
        remove = Control("button", label="Remove this property", icon="x")
        remove.operation = f"unfilter:{self.row.id}:{one.id}"
        self.put(remove)

    def attribute(self) -> None:
        row = self.row
        self.line(row, "attribute", "Name of the attribute", "name lead", offered_by=self.setting.attributes_id)
        self.comparison(row, self.setting.known.attributes.get(text_of(row.one("attribute"))))
        self.unset("people with no", text_of(row.one("attribute")))

    def entry(self) -> None:
        row, known = self.row, self.setting.known.events.get(self.setting.entry_event, {})
        self.line(row, "property", "Name of the property", "name lead", offers=[line_of(name) for name in known])
        self.comparison(row, known.get(text_of(row.one("property"))))
        self.unset("journeys with no", text_of(row.one("property")))

    def unset(self, who: str, name: str) -> None:
        row = self.row
        if VALUE_OPERATORS[ValueOperator(row.one("compare"))].operand is not Operand.NONE:
            label, include = f"include {who} {name or 'value'}", row.one("unset") == "include"
            self.put(Control("switch", "unset", label, "include", chosen=include, rest="exclude"))
            if row.one("explicit"):
                self.hide("explicit", row.one("explicit"))
        elif "unset" in row.values:
            self.hide("unset", row.one("unset"))
        self.hide("compared", row.one("compared"))

    def comparison(self, fields: Fields, known: Known | None) -> None:
        operator = ValueOperator(fields.one("compare"))
        operand = VALUE_OPERATORS[operator].operand
        control = Control("select", self.called(fields, "compare"), "Comparison", options=_operators(operator))
        self.put(control)
        values = known.values if known else []
        match operand:
            case Operand.SCALAR | Operand.ELEMENT:
                self.scalar(fields, known)
            case Operand.SCALARS:
                self.scalars(fields, values)
            case Operand.TEXT:
                self.line(fields, "value", "Value", "value", offers=_lines(values, TEXT))
            case Operand.NUMBER:
                self.line(fields, "value", "Value", "number", numeric=True)
            case Operand.DATE:
                self.moment(fields, "date", "Date")
            case Operand.DURATION:
                self.duration(fields)
                self.words("ago")
            case Operand.RANGE:
                self.range(fields, known)
        self.put(Control("hidden", self.called(fields, "typed_for"), value=fields.one("typed_for")))

    def scalar(self, fields: Fields, known: Known | None) -> None:
        type_, values = fields.one("type"), known.values if known else []
        if type_ == BOOLEAN:
            self.select(fields, "value", "Value", {"true": "true", "false": "false"})
        elif type_ == NUMBER:
            self.line(fields, "value", "Value", "number", numeric=True, offers=_lines(values, NUMBER))
        else:
            self.line(fields, "value", "Value", "value", offers=_lines(values, TEXT))
        self.type(fields, {TEXT: "text", NUMBER: "number", BOOLEAN: "true or false"}, known)

    def scalars(self, fields: Fields, values: Sequence[object]) -> None:
        offered = [Choice(literal, words) for literal, words in map(_value_choice, values)]
        chosen = {literal: Choice(literal, _literal_words(literal)) for literal in fields.all("values")}
        control = self.picker(fields, "values", "Values", chosen, offered)
        add = Control("text", self.called(fields, "add"), "Another value", fields.one("add"), "value")
        types = {TEXT: "text", NUMBER: "number", BOOLEAN: "true or false"}
        kept = Control("select", self.called(fields, "type"), "Type of the value", css="chip")
        kept.options = _options(types, fields.one("type"))
        take = Control("button", label="Add the value", value="Add", operation=f"take:{self.row.id}:{add.name}")
        control.extra = (add, kept, take)

    def range(self, fields: Fields, known: Known | None) -> None:
        if fields.one("type") == DATE:
            self.period(fields)
        else:
            self.line(fields, "low", "From", "number", numeric=True)
            self.words("and")
            self.line(fields, "high", "To", "number", numeric=True)
        self.type(fields, {NUMBER: "numbers", DATE: "dates"}, known)

    def type(self, fields: Fields, labels: Mapping[str, str], known: Known | None) -> None:
        """Whether 10 is a number or a text; not asked where all the data is of the one type chosen."""
        if known is not None and set(known.counts) == {fields.one("type")}:
            self.put(Control("hidden", self.called(fields, "type"), value=fields.one("type")))
            return
        self.select(fields, "type", "Type of the value", labels, css="chip")


def _option(choice: Choice, chosen: bool = False) -> Option:
    return Option(choice.value, choice.label, chosen, channel=choice.channel, colour=choice.colour, note=choice.note)


def _gone(label: str, value: str) -> Choice:
    return Choice(value, f"{label.lower()} {value} (not there)")


_SECTIONS = {
    Operand.SCALAR: "Any value",
    Operand.SCALARS: "Any value",
    Operand.NONE: "Any value",
    Operand.TEXT: "Text",
    Operand.NUMBER: "Number",
    Operand.RANGE: "Number or date",
    Operand.DATE: "Date",
    Operand.DURATION: "Date",
    Operand.ELEMENT: "List of values",
}


def _operators(chosen: ValueOperator) -> list[Option]:
    options = []
    for operator, row in VALUE_OPERATORS.items():
        label = row.label.removesuffix(" … ago")
        options.append(Option(operator.value, label, operator is chosen, _SECTIONS[row.operand]))
    return options


def _lines(values: Sequence[object], type_: str) -> list[str]:
    found = [scalar_line(value) for value in values if isinstance(value, str | int | float)]
    return [line for line, found_type in found if found_type == type_]


def _value_choice(value: object) -> tuple[str, str]:
    assert isinstance(value, str | int | float)
    return literal_of(value), value_words(value)


def _literal_words(literal: str) -> str:
    try:
        return value_words(scalar_of(literal))
    except Unreadable:
        return literal
