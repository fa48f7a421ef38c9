"""Custom events as columns: whose they are, when they were, and of each property the value as a code.

The events of one name and day lie in pieces. New ones are written as another piece, together with those before it that
are not much larger: so a day has few pieces, and no event is written more often than there are powers of two in their
number. (J. L. Bentley and J. B. Saxe, "Decomposable searching problems I", 1980: the logarithmic method.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from retargeting.bitmaps import binary_cursor

Ids = npt.NDArray[np.uint32]
Codes = npt.NDArray[np.uint32]
Moments = npt.NDArray[np.int64]

ABSENT = 0
"""The code of a property that the event does not have."""

_DENSE, _SPARSE = 0, 1
_KEYS = "unnest(%b::int4[], %b::int4[], %b::int8[]) AS keys (name_id, day, number)"


class Key(NamedTuple):
    """A piece; `day` is its first hour since 1970."""

    name_id: int
    day: int
    number: int


@dataclass(slots=True)
class Piece:
    """A row of each array is an event. `moments` are microseconds since 2000, in UTC."""

    first_at: datetime
    last_at: datetime
    profiles: Ids
    moments: Moments
    codes: dict[str, Codes] = field(default_factory=dict)

    def only(self, chosen: npt.NDArray[np.bool_]) -> Piece:
        """The chosen events alone. They lie between the same moments, if not as closely."""
        codes = {name: column[chosen] for name, column in self.codes.items() if column[chosen].any()}
        return Piece(self.first_at, self.last_at, self.profiles[chosen], self.moments[chosen], codes)


def append(fresh: dict[tuple[int, int], Piece], number: int) -> None:
    """Write events of some names and days, each (name_id, day) as the piece of that number. The caller folds alone."""
    if not fresh:
        return
    joined = _to_be_joined({day: len(piece.profiles) for day, piece in fresh.items()})
    stored = load(joined)
    parts: dict[tuple[int, int], list[Piece]] = {day: [piece] for day, piece in fresh.items()}
    for key in joined:
        parts[key.name_id, key.day].append(stored[key])
    delete(joined)
    save({Key(*day, number): _joined(pieces) for day, pieces in parts.items()})


def _to_be_joined(sizes: dict[tuple[int, int], int]) -> list[Key]:
    with binary_cursor() as db:
        db.execute(
            "SELECT name_id, day, number, events FROM interactions_eventpiece "
            "JOIN unnest(%b::int4[], %b::int4[]) AS days (name_id, day) USING (name_id, day) "
            "ORDER BY name_id, day, number DESC",
            _columns(sizes),
        )
        rows = db.fetchall()
    found, closed = [], set()
    for name_id, day, number, events in rows:
        if (name_id, day) in closed:
            continue
        if events > 2 * sizes[name_id, day]:
            closed.add((name_id, day))
            continue
        sizes[name_id, day] += events
        found.append(Key(name_id, day, number))
    return found


def _joined(pieces: Sequence[Piece]) -> Piece:
    if len(pieces) == 1:
        return pieces[0]
    properties = {name for piece in pieces for name in piece.codes}
    return Piece(
        min(piece.first_at for piece in pieces),
        max(piece.last_at for piece in pieces),
        np.concatenate([piece.profiles for piece in pieces]),
        np.concatenate([piece.moments for piece in pieces]),
        {
            name: np.concatenate(
                [piece.codes.get(name, np.zeros(len(piece.profiles), dtype=np.uint32)) for piece in pieces]
            )
            for name in properties
        },
    )


def load(keys: Collection[Key]) -> dict[Key, Piece]:
    if not keys:
        return {}
    with binary_cursor() as db:
        db.execute(
            "SELECT name_id, day, number, first_at, last_at, profiles, moments "
            f"FROM interactions_eventpiece JOIN {_KEYS} USING (name_id, day, number)",
            _columns(keys),
            binary=True,
        )
        found = {Key(*row[:3]): Piece(row[3], row[4], unpack_ids(row[5]), unpack_moments(row[6])) for row in db}
        db.execute(
            "SELECT name_id, day, number, property, codes "
            f"FROM interactions_eventcolumn JOIN {_KEYS} USING (name_id, day, number)",
            _columns(keys),
            binary=True,
        )
        for *key, name, codes in db:
            piece = found[Key(*key)]
            piece.codes[name] = unpack_codes(codes, len(piece.profiles))
    return found


def save(pieces: dict[Key, Piece]) -> None:
    rows = [
        (*key, piece.first_at, piece.last_at, len(piece.profiles), _packed(piece.profiles), _packed(piece.moments))
        for key, piece in pieces.items()
    ]
    columns = [(*key, name, pack_codes(codes)) for key, piece in pieces.items() for name, codes in piece.codes.items()]
    with binary_cursor() as db:
        db.execute(
            "INSERT INTO interactions_eventpiece (name_id, day, number, first_at, last_at, events, profiles, moments) "
            "SELECT * FROM unnest(%b::int4[], %b::int4[], %b::int8[], %b::timestamptz[], %b::timestamptz[], "
            "%b::int4[], %b::bytea[], %b::bytea[])",
            _columns(rows),
        )
        if columns:
            db.execute(
                "INSERT INTO interactions_eventcolumn (name_id, day, number, property, codes) "
                "SELECT * FROM unnest(%b::int4[], %b::int4[], %b::int8[], %b::text[], %b::bytea[])",
                _columns(columns),
            )


def delete(keys: Collection[Key]) -> None:
    if not keys:
        return
    with binary_cursor() as db:
        for table in ("interactions_eventpiece", "interactions_eventcolumn"):
            db.execute(
                f"DELETE FROM {table} AS piece USING {_KEYS} WHERE piece.name_id = keys.name_id "
                "AND piece.day = keys.day AND piece.number = keys.number",
                _columns(keys),
            )


def _columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _packed(array: npt.NDArray[Any]) -> bytes:
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def unpack_ids(data: bytes) -> Ids:
    return np.frombuffer(data, dtype="<u4")


def unpack_moments(data: bytes) -> Moments:
    return np.frombuffer(data, dtype="<i8")


def pack_codes(codes: Codes) -> bytes:
    """Where most events lack the property, only the places of those that have it, and their codes."""
    places = np.flatnonzero(codes).astype(np.uint32)
    if 2 * len(places) < len(codes):
        return bytes([_SPARSE]) + _packed(places) + _packed(codes[places])
    return bytes([_DENSE]) + _packed(codes)


def unpack_codes(data: bytes | None, events: int) -> Codes:
    """The codes of so many events; None is a property that none of them has."""
    if data is not None and data[0] == _DENSE:
        return np.frombuffer(data, dtype="<u4", offset=1)
    codes = np.zeros(events, dtype=np.uint32)
    if data is not None:
        places, present = np.frombuffer(data, dtype="<u4", offset=1).reshape(2, -1)
        codes[places] = present
    return codes
