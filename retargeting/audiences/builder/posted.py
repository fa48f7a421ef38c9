"""Reads a posted form back into a draft, whatever it holds: what makes no sense is left out, nothing fails."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from retargeting.audiences.builder.draft import (
    ID,
    MAX_NODES,
    Draft,
    DraftFilter,
    DraftGroup,
    DraftRow,
    Fields,
    from_json,
    new_id,
)
from retargeting.audiences.builder.kinds import LISTS
from retargeting.conditions.codec import MAX_DEPTH
from retargeting.conditions.nodes import Match

NODE = re.compile(r"([1-9]):([gr]):([a-z0-9]{1,16})")
MAX_LISTED = 2_000
MATCHES = {match.value for match in Match}


def posted_draft(data: Mapping[str, Any], name: str) -> Draft | None:
    """The draft under the field name `name`; None if the form does not hold one."""
    listed = _all(data, f"{name}-node")
    if not listed:
        return None
    held = _held(data, name)
    draft = Draft(_tree(listed, held))
    draft.person = _one(data, f"{name}-person").strip()[:255]
    draft.operation = _one(data, f"{name}-op")[:100]
    draft.deleted = from_json(_one(data, f"{name}-undo"))
    before = _one(data, f"{name}-before")
    if before.isascii() and before.isdigit() and len(before) < 12:
        draft.before = int(before)
    return draft


def _all(data: Mapping[str, Any], key: str) -> list[str]:
    if hasattr(data, "getlist"):
        return [str(value) for value in data.getlist(key)]
    value = data.get(key, [])
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]


def _one(data: Mapping[str, Any], key: str) -> str:
    return (_all(data, key) or [""])[-1]


def _held(data: Mapping[str, Any], name: str) -> dict[str, dict[str, list[str]]]:
    """What the controls hold, by node or "node-filter", then by control."""
    held: dict[str, dict[str, list[str]]] = {}
    for key in data:
        if not isinstance(key, str) or not key.startswith(f"{name}-"):
            continue
        owner, dash, control = key.removeprefix(f"{name}-").rpartition("-")
        if dash and control:
            held.setdefault(owner, {})[control] = _all(data, key)
    return held


def _tree(listed: list[str], held: dict[str, dict[str, list[str]]]) -> DraftGroup:
    """Builds the groups from the nodes in document order, each with its depth; a depth that cannot be is corrected."""
    root: DraftGroup | None = None
    open_groups: list[DraftGroup] = []
    seen: set[str] = set()
    for entry in listed[:MAX_NODES]:
        parsed = NODE.fullmatch(entry)
        if parsed is None or parsed[3] in seen:
            continue
        depth, kind, id = int(parsed[1]), parsed[2], parsed[3]
        seen.add(id)
        values = held.get(id, {})
        if root is None:
            root = _group(id, values) if kind == "g" else DraftGroup(new_id())
            open_groups = [root]
            if kind == "g":
                continue
        del open_groups[max(depth - 1, 1) :]
        parent = open_groups[-1]
        if kind == "r":
            parent.items.append(_row(id, values, held))
        elif len(open_groups) < MAX_DEPTH:
            group = _group(id, values)
            parent.items.append(group)
            open_groups.append(group)
    return root or DraftGroup(new_id())


def _group(id: str, values: dict[str, list[str]]) -> DraftGroup:
    fields = Fields(id, values)
    match = fields.one("match")
    return DraftGroup(id, match if match in MATCHES else "all", fields.one("at_least")[:10])


def _row(id: str, values: dict[str, list[str]], held: dict[str, dict[str, list[str]]]) -> DraftRow:
    row = DraftRow(id, _joined(values))
    for filter_id in row.values.pop("filter", [])[:MAX_LISTED]:
        if ID.fullmatch(filter_id) and not any(one.id == filter_id for one in row.filters):
            row.filters.append(DraftFilter(filter_id, _joined(held.get(f"{id}-{filter_id}", {}))))
    return row


def _joined(values: dict[str, list[str]]) -> dict[str, list[str]]:
    """Long lists show their beginning as checkboxes and keep the rest in one hidden field."""
    found = {name: held for name, held in values.items() if not name.endswith("_rest")}
    for name in LISTS:
        chosen = [*found.get(name, []), *_rest(values.get(f"{name}_rest", []))]
        found.pop(name, None)
        if chosen:
            found[name] = list(dict.fromkeys(chosen))[:MAX_LISTED]
    return found


def _rest(held: list[str]) -> list[str]:
    try:
        rest = json.loads(held[-1]) if held else []
    except (ValueError, RecursionError):
        return []
    return [one for one in rest if isinstance(one, str)] if isinstance(rest, list) else []
