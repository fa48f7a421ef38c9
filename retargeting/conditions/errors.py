"""What is wrong with a condition tree, in words for the person who wrote it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConditionError:
    """One mistake: the JSON pointer of the place, and what is wrong and what is allowed there."""

    path: str
    message: str


class ConditionErrors(ValueError):
    """A tree was refused. `errors` holds every mistake found, in the order of the tree."""

    def __init__(self, errors: Iterable[ConditionError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{error.path or 'the tree'}: {error.message}" for error in self.errors))
