"""Batches: many items in one call, the good ones stored, the others reported one by one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from retargeting.api.errors import Unprocessable
from retargeting.conditions.reading import show, step_into

MAX_ITEMS = 10_000


def items_of(data: object, name: str) -> list[Any]:
    """The items of a body `{name: […]}`. What is wrong with the body as a whole stops the whole call."""
    if not isinstance(data, dict):
        raise Unprocessable([("", f'Expected an object with the list "{name}", got {show(data)}.')])
    if unknown := [key for key in data if key != name]:
        raise Unprocessable((step_into("", key), f'Unknown key. Allowed here: "{name}".') for key in unknown[:100])
    if name not in data:
        raise Unprocessable([(f"/{name}", f'"{name}" is missing.')])
    items = data[name]
    if not isinstance(items, list):
        raise Unprocessable([(f"/{name}", f"Expected a list, got {show(items)}.")])
    if len(items) > MAX_ITEMS:
        raise Unprocessable([(f"/{name}", f"Expected at most {MAX_ITEMS:,} items, got {len(items):,}.")])
    return items


def reported(errors: Iterable[tuple[int, str, str]], name: str) -> list[dict[str, Any]]:
    """Mistakes (index, path from the item, message) as the answer shows them: with paths from the body."""
    return [{"index": index, "path": f"/{name}/{index}{path}", "message": message} for index, path, message in errors]
