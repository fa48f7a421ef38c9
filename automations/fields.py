"""Fields of the canvas' forms that hold more than one control: a length of time, an event, names with values."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from retargeting.conditions.nodes import Unit, ValueOperator
from retargeting.conditions.operators import VALUE_OPERATORS

UNITS = [(str(unit), f"{unit}s") for unit in Unit]
SPARE_ROWS = 2
"""Empty rows at the end of a list, for what somebody adds."""

FILTERS = [
    ValueOperator.IS,
    ValueOperator.IS_NOT,
    ValueOperator.AT_LEAST,
    ValueOperator.AT_MOST,
    ValueOperator.GREATER_THAN,
    ValueOperator.LESS_THAN,
    ValueOperator.CONTAINS,
    ValueOperator.STARTS_WITH,
    ValueOperator.IS_SET,
    ValueOperator.IS_NOT_SET,
]
"""Those that the canvas offers for a property; others, made through the API, stay as they are."""
WITHOUT_VALUE = {ValueOperator.IS_SET, ValueOperator.IS_NOT_SET}


class LengthWidget(forms.MultiWidget):
    template_name = "automations/widgets/length.html"

    def __init__(self) -> None:
        number = forms.NumberInput(attrs={"min": 1, "class": "form-control"})
        super().__init__([number, forms.Select(choices=UNITS, attrs={"class": "form-select"})])

    def decompress(self, value: Any) -> list[Any]:
        return [value["amount"], value["unit"]] if isinstance(value, dict) else [None, str(Unit.DAY)]


class LengthField(forms.MultiValueField):
    """A length of time as {"amount", "unit"}; None for none."""

    widget = LengthWidget

    def __init__(self, **kwargs: Any) -> None:
        fields = [forms.IntegerField(min_value=1, max_value=10_000, required=False), forms.ChoiceField(choices=UNITS)]
        super().__init__(fields, require_all_fields=False, **kwargs)
        self.widget.widgets[0].attrs["aria-label"] = f"{self.label}: how many"
        self.widget.widgets[1].attrs["aria-label"] = f"{self.label}: minutes, hours, days or weeks"

    def compress(self, data: list[Any]) -> dict[str, Any] | None:
        if not data or data[0] is None:
            return None
        return {"amount": data[0], "unit": data[1]}


class RowsWidget(forms.Widget):
    """Rows of two or three controls, with some empty ones at the end. Their names end in the number of the row."""

    template_name = "automations/widgets/rows.html"
    keys: tuple[str, ...] = ("name", "value")
    labels: tuple[str, ...] = ("Name", "Value")
    lists: tuple[str, ...] = ("", "")
    choices: dict[str, list[tuple[str, str]]] = {}

    def rows(self, value: Any) -> list[list[str]]:
        return [[str(cell) for cell in row] for row in value or []]

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        filled = self.rows(value)
        table = [*filled, *([[""] * len(self.keys)] * SPARE_ROWS)]
        context["widget"]["rows"] = [
            [
                {
                    "name": f"{name}-{index}-{key}",
                    "id": f"id_{name}-{index}-{key}",
                    "label": f"{label} {index + 1}",
                    "placeholder": label,
                    "value": cell,
                    "list": options,
                    "choices": self.choices.get(key, []),
                }
                for key, label, options, cell in zip(self.keys, self.labels, self.lists, row, strict=True)
            ]
            for index, row in enumerate(table)
        ]
        return context

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[list[str]]:
        rows = []
        for index in range(100):
            cells = [data.get(f"{name}-{index}-{key}") for key in self.keys]
            if all(cell is None for cell in cells):
                break
            rows.append([(cell or "").strip() for cell in cells])
        return [row for row in rows if row[0]]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return f"{name}-0-{self.keys[0]}" not in data


class ValuesField(forms.Field):
    """Names with values as an object; numbers and true or false are such, and a value in quotes is text."""

    widget = RowsWidget

    def __init__(self, *, nulls: bool = False, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.nulls = nulls

    def prepare_value(self, value: Any) -> Any:
        return [[name, written(each)] for name, each in value.items()] if isinstance(value, dict) else value

    def clean(self, value: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, text in value or []:
            if name in found:
                raise ValidationError(f"{name} is there twice.")
            if text or self.nulls:
                found[name] = meant(text) if text else None
        return found


class FiltersWidget(RowsWidget):
    keys = ("property", "operator", "value")
    labels = ("Property", "Comparison", "Value")
    lists = ("event-properties", "", "")
    choices = {"operator": [(str(one), VALUE_OPERATORS[one].label) for one in FILTERS]}


class FiltersField(forms.Field):
    """Filters on the properties of an event, as the language has them."""

    widget = FiltersWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if not value or not isinstance(value[0], dict):
            return value
        return [[row["property"], row["operator"], written(row.get("value"))] for row in value if offered(row)]

    def clean(self, value: Any) -> list[dict[str, Any]]:
        found = []
        for name, operator, text in value or []:
            if operator in WITHOUT_VALUE:
                found.append({"property": name, "operator": operator})
            elif text:
                found.append({"property": name, "operator": operator, "value": meant(text)})
        return found


def offered(row: dict[str, Any]) -> bool:
    """Whether the canvas can show this filter."""
    return row["operator"] in FILTERS and not isinstance(row.get("value"), list)


def meant(text: str) -> Any:
    """What somebody typed: a number, true or false, or text; text in quotes is text in any case."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str | int | float | bool) else text


def written(value: Any) -> str:
    """As it is typed, so that `meant` gives it again."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return json.dumps(value)
    return value if meant(value) == value else json.dumps(value, ensure_ascii=False)
