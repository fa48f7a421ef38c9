"""State machines: one table per model, and the only way to move along it.

A table maps each state to the states it may go to. `transition` is a compare-and-set: it changes the row only if
that is still in the state it is thought to be in, so of two actors who try the same move exactly one succeeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import models


class StateTable:
    """The moves that a model's `status` can make.

    >>> table = StateTable({"draft": {"running"}, "running": set()})
    >>> table.sources("running")
    ['draft']
    """

    def __init__(self, moves: Mapping[str, Iterable[str]]) -> None:
        self.moves = {str(state): frozenset(map(str, targets)) for state, targets in moves.items()}

    def sources(self, target: str) -> list[str]:
        """The states from which `target` can be reached in one move, in table order."""
        return [state for state, targets in self.moves.items() if str(target) in targets]

    def allows(self, state: str, target: str) -> bool:
        return str(target) in self.moves[str(state)]

    def is_final(self, state: str) -> bool:
        return not self.moves[str(state)]

    def transition(
        self,
        instance: models.Model,
        target: str,
        *,
        sources: Iterable[str] | None = None,
        where: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> bool:
        """Move `instance` to `target` and set `fields` with it; True if this call did it.

        `sources` narrows the states to start from; a move that the table does not have is a programming error.
        `where` adds conditions on columns of this very row. It must not reach across a relation: PostgreSQL checks
        the row anew after waiting for another writer, but not what was joined to it, and both would win.
        """
        starts = [str(state) for state in sources] if sources is not None else self.sources(target)
        if not starts or not all(self.allows(state, target) for state in starts):
            raise ValueError(f"{type(instance).__name__} has no move from {starts} to {target}")
        manager = type(instance)._base_manager
        changed = manager.filter(pk=instance.pk, status__in=starts, **(where or {})).update(
            status=str(target), **fields
        )
        if changed:
            for name, value in {"status": str(target), **fields}.items():
                setattr(instance, name, value)
        return bool(changed)
