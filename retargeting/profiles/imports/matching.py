"""Who a batch of values means, and what is wrong with those that mean nobody."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.db import connection

from retargeting.conditions.nodes import Channel
from retargeting.conditions.reading import printable
from retargeting.profiles import lists
from retargeting.profiles.models import ImportKey, ListImport, RejectionReason
from retargeting.profiles.validation import is_external_id

MAX_VALUE = 300
"""Characters of a value that the report shows; the column has room for as many."""

_KEEP_MATCHES = """
INSERT INTO profiles_importmatch (list_import_id, profile_id, line)
SELECT %s, profile_id, line FROM unnest(%s::integer[], %s::bigint[]) AS item (profile_id, line) ORDER BY profile_id
ON CONFLICT (list_import_id, profile_id) DO NOTHING
"""
_FIRST_LINES = """
SELECT profile_id, line FROM profiles_importmatch WHERE list_import_id = %s AND profile_id = ANY(%s)
"""
_KEEP_REJECTIONS = """
INSERT INTO profiles_importrejection (list_import_id, line, value, reason, detail)
SELECT %s, line, value, reason, detail
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) AS item (line, value, reason, detail)
"""


class Value(NamedTuple):
    line: int
    text: str


class Rejection(NamedTuple):
    line: int
    value: str
    reason: str
    detail: str = ""


class Outcome(NamedTuple):
    matched: int
    rejected: int


def keep(list_import: ListImport, values: list[Value]) -> Outcome:
    """Write down whom these lines of the file mean, and which of them mean nobody; call it in a transaction."""
    filled = [value for value in values if value.text.strip()]
    rejections = [Rejection(value.line, "", RejectionReason.EMPTY) for value in values if not value.text.strip()]
    if list_import.key == ImportKey.EMAIL:
        found, unfound = _by_email(filled)
    else:
        found, unfound = _by_external_id(filled)
    rejections += unfound
    first_lines = _first_lines(list_import, found)
    fresh: dict[int, int] = {}
    for value, profile_id in found:
        if (earlier := first_lines.setdefault(profile_id, value.line)) != value.line:
            detail = f"first in line {earlier:,}"
            rejections.append(Rejection(value.line, value.text, RejectionReason.DUPLICATE, detail))
        else:
            fresh[profile_id] = value.line
    with connection.cursor() as cursor:
        cursor.execute(_KEEP_MATCHES, [list_import.pk, list(fresh), list(fresh.values())])
    _keep_rejections(list_import, rejections)
    return Outcome(len(fresh), len(rejections))


def _first_lines(list_import: ListImport, found: Iterable[tuple[Value, int]]) -> dict[int, int]:
    """Where those who were met in earlier batches were met."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_LINES, [list_import.pk, list({profile_id for _, profile_id in found})])
        return dict(cursor.fetchall())


def _keep_rejections(list_import: ListImport, rejections: list[Rejection]) -> None:
    columns: list[list[Any]] = [
        [rejection.line for rejection in rejections],
        [printable(rejection.value.strip(), MAX_VALUE) for rejection in rejections],
        [str(rejection.reason) for rejection in rejections],
        [rejection.detail for rejection in rejections],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_KEEP_REJECTIONS, [list_import.pk, *columns])


def _by_external_id(values: list[Value]) -> tuple[list[tuple[Value, int]], list[Rejection]]:
    """As written, or else without the blanks around it: sheets leave these behind, and ids may have them."""
    wanted = {text for value in values for text in (value.text, value.text.strip()) if is_external_id(text)}
    ids = lists.held_ids(wanted)
    found, unfound = [], []
    for value in values:
        profile_id = ids.get(value.text) or ids.get(value.text.strip())
        if profile_id is None:
            unfound.append(Rejection(value.line, value.text, RejectionReason.UNKNOWN))
        else:
            found.append((value, profile_id))
    return found, unfound


def _by_email(values: list[Value]) -> tuple[list[tuple[Value, int]], list[Rejection]]:
    owners = lists.held_owners(Channel.EMAIL, {as_kept(value.text) for value in values})
    found, unfound = [], []
    for value in values:
        people = owners.get(as_kept(value.text), [])
        if len(people) == 1:
            found.append((value, people[0]))
        elif people:
            detail = f"{len(people):,} people have it"
            unfound.append(Rejection(value.line, value.text, RejectionReason.AMBIGUOUS, detail))
        else:
            unfound.append(Rejection(value.line, value.text, RejectionReason.UNKNOWN))
    return found, unfound


def as_kept(text: str) -> str:
    """An email address in the form in which addresses are kept; NUL, which no address has, is out of the way."""
    return text.strip().lower().replace("\x00", "�").encode("utf-8", "replace").decode()
