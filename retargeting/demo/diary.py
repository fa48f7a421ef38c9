"""Who did what in the sample data: Activity lines with times in the past, gathered and written at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model

from retargeting.accounts.models import Activity, User
from retargeting.demo.copying import copy_rows
from retargeting.demo.people import moment_of

COLUMNS = ("at", "user_id", "verb", "object_type", "object_id", "object_name", "summary", "changes")


@dataclass
class Diary:
    author: User
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def note(
        self, at: int, verb: str, instance: Model, summary: str, *, by_system: bool = False, user: User | None = None
    ) -> None:
        who = None if by_system else (user or self.author).pk
        name = str(instance)[:255]
        kind = instance._meta.model_name
        self.rows.append((moment_of(at), who, verb, kind, str(instance.pk), name, summary, "{}"))

    def write(self) -> None:
        """In order of time, so that ids grow with it as they do in life."""
        copy_rows(Activity, COLUMNS, sorted(self.rows, key=lambda row: row[0]))
