"""Takes in events that programs send: finds whom and what they are about, and stores each good one once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from retargeting.accounts.actions import Actor
from retargeting.conditions.reading import show
from retargeting.interactions.ingest import (
    CustomEventRow,
    MessageEventRow,
    record_custom_events,
    record_message_events,
)
from retargeting.interactions.journeys import with_journeys
from retargeting.interactions.targets import Targets
from retargeting.interactions.validation import Batch, digest_of, event_row, interaction_row, is_name
from retargeting.profiles.erasure import hold_off_erasure
from retargeting.profiles.models import Profile
from retargeting.profiles.validation import ItemError, Mistakes

Row = TypeVar("Row", MessageEventRow, CustomEventRow)


class Accepted(NamedTuple):
    accepted: int
    duplicates: int
    errors: list[ItemError]


@transaction.atomic
def accept_events(*, actor: Actor, items: Sequence[object]) -> Accepted:
    """Store custom events. A feed leaves no Activity line: it is not a decision, and would drown those."""
    hold_off_erasure()
    batch = Batch(timezone.now(), _people(items))
    return _store("event", items, batch, event_row, record_custom_events)


@transaction.atomic
def accept_interactions(*, actor: Actor, items: Sequence[object]) -> Accepted:
    """Store message events from elsewhere: history of another tool, reports of apps. They close no address."""
    hold_off_erasure()
    batch = Batch(timezone.now(), _people(items), Targets(items))
    return _store("interaction", items, batch, interaction_row, _record_reported)


def _record_reported(rows: Iterable[MessageEventRow]) -> int:
    return record_message_events(with_journeys(list(rows)))


@transaction.atomic
def record_once(*, rows: Sequence[MessageEventRow]) -> int:
    """Record events whose source chose their ids, each id once for ever; returns how many were new."""
    by_id = {UUID(str(row.id)).hex: row for row in rows}
    new = set(_claim(list(by_id)))
    return record_message_events(row for id, row in by_id.items() if id in new)


def _people(items: Sequence[object]) -> dict[str, int]:
    names = {item["profile"] for item in items if isinstance(item, dict) and is_name(item.get("profile"))}
    return Profile.objects.ids_of(list(names))


def _store(
    kind: str,
    items: Sequence[object],
    batch: Batch,
    check: Callable[[dict[str, Any], str, Batch, Mistakes], Row | None],
    record: Callable[[Iterable[Row]], int],
) -> Accepted:
    """Store each good item whose id is new.

    An id belongs to the first good item that carried it, in this batch or ever; whatever comes under it later is a
    duplicate, good or bad. A bad item claims nothing.
    """
    claims: dict[str, Row] = {}
    refused: list[tuple[int, str, Mistakes]] = []
    duplicates = 0
    for index, item in enumerate(items):
        mistakes = Mistakes()
        if not isinstance(item, dict):
            mistakes.note("", f"Expected an object, got {show(item)}.")
            refused.append((index, "", mistakes))
            continue
        digest = digest_of(kind, item, mistakes) or ""
        if digest in claims:
            duplicates += 1
        elif (row := check(item, digest, batch, mistakes)) is not None:
            claims[digest] = row
        else:
            refused.append((index, digest, mistakes))
    taken = _taken({digest for _, digest, _ in refused if digest})
    new = _claim(list(claims))
    record([claims[digest] for digest in new])
    duplicates += len(claims) - len(new) + sum(digest in taken for _, digest, _ in refused)
    errors = [
        error for index, digest, mistakes in refused if digest not in taken for error in mistakes.in_batch(index)
    ]
    return Accepted(len(new), duplicates, errors)


def _taken(digests: set[str]) -> set[str]:
    """Those of bad items whose id a good one had before."""
    if not digests:
        return set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM interactions_acceptedid WHERE id = ANY(%s::uuid[])", [list(digests)])
        return {id.hex for (id,) in cursor.fetchall()}


def _claim(digests: list[str]) -> list[str]:
    """Those that nobody had before. In order: batches with the same ids wait for one another, and not in a circle."""
    if not digests:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO interactions_acceptedid (id) SELECT unnest(%s::uuid[]) ON CONFLICT DO NOTHING RETURNING id",
            [sorted(digests)],
        )
        if cursor.rowcount == len(digests):
            return digests
        new = {id.hex for (id,) in cursor.fetchall()}
    return [digest for digest in digests if digest in new]
