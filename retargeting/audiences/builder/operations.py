"""What the builder's buttons do to a draft. A button's value is its verb and the node it stands at: "add:3f2a9c1e"."""

from __future__ import annotations

from collections.abc import Callable

from retargeting.audiences.builder.draft import (
    Deleted,
    Draft,
    DraftFilter,
    DraftGroup,
    DraftItem,
    DraftRow,
    Place,
    copied,
    height,
    new_id,
    places_in,
)
from retargeting.conditions.codec import MAX_CONDITIONS, MAX_DEPTH

FULL = f"An audience can have {MAX_CONDITIONS} conditions."
DEEP = f"Groups can be nested {MAX_DEPTH} deep."


def operate(draft: Draft, operation: str) -> None:
    """Do what the button says; one that makes no sense here (an old page, a made-up request) changes nothing."""
    draft.operation = operation
    verb, _, rest = operation.partition(":")
    id, _, detail = rest.partition(":")
    if verb in _ON_GROUPS or verb in _ON_MEMBERS:
        draft.deleted = None
    if verb == "undo":
        _undo(draft)
        return
    place = draft.place(id)
    if place is None:
        return
    if verb in _ON_GROUPS and isinstance(place.item, DraftGroup):
        _ON_GROUPS[verb](draft, place.item, place.depth)
    elif verb in _ON_ROWS and isinstance(place.item, DraftRow):
        _ON_ROWS[verb](draft, place.item, detail)
    elif verb in _ON_MEMBERS and place.parent is not None:
        _ON_MEMBERS[verb](draft, place, place.parent)


def new_row(what: str = "sent") -> DraftRow:
    return DraftRow(new_id(), {"what": [what]})


# On groups.


def _add(draft: Draft, group: DraftGroup, depth: int) -> None:
    if draft.conditions >= MAX_CONDITIONS:
        draft.notice = FULL
        return
    row = new_row()
    group.items.append(row)
    draft.focus = f"{row.id}-what"


def _group(draft: Draft, group: DraftGroup, depth: int) -> None:
    if depth >= MAX_DEPTH or draft.conditions >= MAX_CONDITIONS:
        draft.notice = DEEP if depth >= MAX_DEPTH else FULL
        return
    row = new_row()
    group.items.append(DraftGroup(new_id(), "any", items=[row]))
    draft.focus = f"{row.id}-what"


# On rows.


def _filter(draft: Draft, row: DraftRow, detail: str) -> None:
    added = DraftFilter(new_id())
    row.filters.append(added)
    draft.focus = f"{row.id}-{added.id}-property"


def _unfilter(draft: Draft, row: DraftRow, detail: str) -> None:
    row.filters = [one for one in row.filters if one.id != detail]
    draft.focus = f"{row.id}-event"


def _take(draft: Draft, row: DraftRow, detail: str) -> None:
    """Add the value typed into a list of values; that happens by itself when the row is read."""
    draft.focus = f"{row.id}-{detail}" if detail else ""


# On rows and groups within a group.


def _duplicate(draft: Draft, place: Place, parent: DraftGroup) -> None:
    twin = copied(place.item)
    if draft.conditions + _conditions(twin) > MAX_CONDITIONS:
        draft.notice = FULL
        return
    parent.items.insert(place.index + 1, twin)
    draft.focus = _face(twin)


def _delete(draft: Draft, place: Place, parent: DraftGroup) -> None:
    draft.deleted = Deleted(parent.id, place.index, parent.items.pop(place.index))
    if parent.items:
        draft.focus = _face(parent.items[min(place.index, len(parent.items) - 1)])
    else:
        draft.focus = f"{parent.id}-add"


def _up(draft: Draft, place: Place, parent: DraftGroup) -> None:
    """One place up; out of the group at its upper end, into the group above it."""
    _move(draft, place, parent, -1)


def _down(draft: Draft, place: Place, parent: DraftGroup) -> None:
    _move(draft, place, parent, 1)


def _move(draft: Draft, place: Place, parent: DraftGroup, step: int) -> None:
    draft.focus = f"{place.item.id}-{'up' if step < 0 else 'down'}"
    target = place.index + step
    if 0 <= target < len(parent.items):
        parent.items.pop(place.index)
        neighbour = parent.items[min(place.index, target)]
        if isinstance(neighbour, DraftGroup) and isinstance(place.item, DraftRow):
            neighbour.items.insert(len(neighbour.items) if step < 0 else 0, place.item)
        else:
            parent.items.insert(target, place.item)
        return
    around = draft.place(parent.id)
    if around is not None and around.parent is not None:
        parent.items.pop(place.index)
        around.parent.items.insert(around.index + (step > 0), place.item)


def _undo(draft: Draft) -> None:
    """Put back what was deleted last, where it was or, if that place is gone, at the end of the whole."""
    if draft.deleted is None:
        return
    place = draft.place(draft.deleted.parent)
    parent, depth = draft.root, 1
    if place is not None and isinstance(place.item, DraftGroup):
        parent, depth = place.item, place.depth
    item = draft.deleted.item
    taken = {place.item.id for place in draft.places()}
    if {inner.item.id for inner in places_in(item)} & taken:
        item = copied(item)
    if depth + height(item) > MAX_DEPTH or draft.conditions + _conditions(item) > MAX_CONDITIONS:
        draft.notice = DEEP if depth + height(item) > MAX_DEPTH else FULL
        return
    parent.items.insert(min(draft.deleted.index, len(parent.items)), item)
    draft.deleted = None
    draft.focus = _face(item)


def _conditions(item: DraftItem) -> int:
    return sum(map(_conditions, item.items)) if isinstance(item, DraftGroup) else 1


def _face(item: DraftItem) -> str:
    """The first control of a node."""
    return f"{item.id}-match" if isinstance(item, DraftGroup) else f"{item.id}-what"


_ON_GROUPS: dict[str, Callable[[Draft, DraftGroup, int], None]] = {"add": _add, "group": _group}
_ON_ROWS: dict[str, Callable[[Draft, DraftRow, str], None]] = {
    "filter": _filter,
    "unfilter": _unfilter,
    "take": _take,
}
_ON_MEMBERS: dict[str, Callable[[Draft, Place, DraftGroup], None]] = {
    "duplicate": _duplicate,
    "delete": _delete,
    "up": _up,
    "down": _down,
}
