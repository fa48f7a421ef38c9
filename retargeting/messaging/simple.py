"""Templates that only name values, filled in without the template engine: most messages, and most of the time of one.

A template qualifies when all its tags are outputs of a name, with or without a default in quotes:
`{{ first_name | default: "there" }}`, `{{ profile.language }}`. A value that is missing without a default, that is no
text or whole number, or that cannot be found in a plain way is left to the engine, so that both always give the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from markupsafe import escape

OUTPUT = re.compile(
    r"""\{\{\s*([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)\s*(?:\|\s*default:\s*(?:"([^"{}]*)"|'([^'{}]*)')\s*)?\}\}"""
)
# Words that mean something else than a value of that name to the engine.
RESERVED = {
    "nil",
    "null",
    "true",
    "false",
    "empty",
    "blank",
    "and",
    "or",
    "not",
    "contains",
    "in",
    "if",
    "else",
    "with",
}
SPECIAL = {"size", "first", "last"}  # of any value, to the engine

Filler = Callable[[Mapping[str, Any]], str | None]
"""Gives the text, or None where the engine has to see to it."""


@lru_cache(maxsize=512)
def filler(source: str, *, html: bool, strict: bool = False) -> Filler | None:
    """How to fill in `source`, or None where it is not that simple. `strict` leaves empty values to the engine."""
    parts: list[str | tuple[list[str], str | None]] = []
    end = 0
    for match in OUTPUT.finditer(source):
        path, double, single = match.groups()
        names = path.split(".")
        if RESERVED.intersection(names) or SPECIAL.intersection(names[1:]):
            return None
        parts += [source[end : match.start()], (names, single if double is None else double)]
        end = match.end()
    parts.append(source[end:])
    if any("{" in part or "}" in part for part in parts if isinstance(part, str)):
        return None
    return _Filler(parts, html, strict)


class _Filler:
    __slots__ = ("html", "parts", "strict")

    def __init__(self, parts: list[str | tuple[list[str], str | None]], html: bool, strict: bool) -> None:
        self.parts, self.html, self.strict = parts, html, strict

    def __call__(self, values: Mapping[str, Any]) -> str | None:
        filled = []
        for part in self.parts:
            if isinstance(part, str):
                filled.append(part)
                continue
            names, default = part
            value: Any = values
            for name in names:
                if type(value) is not dict:
                    return None
                value = value.get(name)
                if value is None:
                    break
            if (value is None or value == "") and default is not None:
                filled.append(default)  # the author's own text, markup and all
            elif value == "" and self.strict:
                return None
            elif type(value) is str or type(value) is int:
                filled.append(str(escape(value)) if self.html else str(value))
            else:
                return None
        return "".join(filled)
