"""What a control is to the template that draws it: its shape, its name, what it holds and what it offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class Option:
    value: str
    label: str
    chosen: bool = False
    section: str = ""
    channel: str = ""
    colour: str = ""
    note: str = ""


@dataclass
class Control:
    """`shape` is how it is drawn: select, text, day, clock, words, picker, switch, hidden, button."""

    shape: str
    name: str = ""
    label: str = ""
    value: str = ""
    css: str = ""
    options: Sequence[Option] = ()
    problem: str = ""
    offers: Sequence[str] = ()
    offered_by: str = ""
    """The id of a list of offers that several controls share."""
    numeric: bool = False
    chosen: bool = False
    open: bool = False
    searchable: bool = False
    search: str = ""
    rest: str = ""
    more: int = 0
    face: Sequence[Option] = ()
    extra: Sequence[Control] = ()
    icon: str = ""
    operation: str = ""
    id: str = ""
    focused: bool = False

    @property
    def waits(self) -> bool:
        """Whether it is an offer that the sentence can do without."""
        return (self.shape == "switch" and not self.chosen) or self.operation.startswith("filter:")

    @property
    def sections(self) -> list[tuple[str, list[Option]]]:
        found: dict[str, list[Option]] = {}
        for option in self.options:
            found.setdefault(option.section, []).append(option)
        return list(found.items())
