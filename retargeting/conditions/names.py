"""The names people know things by: conditions hold ids and codes, sentences and reasons show names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Names(Protocol):
    """Resolves what a tree refers to. None of these fails: what is unknown is named by its id or code.

    A list is always said to be one ("the list Gala guests"), so an unknown one is just "number 2". An automation
    without a name is the one at hand: its steps are said without it.
    """

    def campaign(self, id: int) -> str: ...
    def automation(self, id: int) -> str: ...
    def step(self, automation: int, key: str) -> str: ...
    def label(self, code: str) -> str: ...
    def segment(self, id: int) -> str: ...
    def list(self, id: int) -> str: ...


@dataclass(frozen=True)
class KnownNames:
    """Names looked up beforehand, so that a sentence costs no query of its own."""

    campaigns: Mapping[int, str] = field(default_factory=dict)
    automations: Mapping[int, str] = field(default_factory=dict)
    steps: Mapping[tuple[int, str], str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    segments: Mapping[int, str] = field(default_factory=dict)
    lists: Mapping[int, str] = field(default_factory=dict)

    def campaign(self, id: int) -> str:
        return self.campaigns.get(id, f"campaign {id}")

    def automation(self, id: int) -> str:
        return self.automations.get(id, f"automation {id}")

    def step(self, automation: int, key: str) -> str:
        return self.steps.get((automation, key), key)

    def label(self, code: str) -> str:
        return self.labels.get(code, code)

    def segment(self, id: int) -> str:
        return self.segments.get(id, f"segment {id}")

    def list(self, id: int) -> str:
        return self.lists.get(id, f"number {id}")
