"""Takes an upload through its file, a batch and a transaction at a time, and puts its people on the list at the end.

1. A worker locks the row of the import; one that finds it locked goes away, since another is at it.
2. It reads a batch from where the row says, and writes down matches, rejections and the new place together. A worker
   that is killed leaves either all of a batch or nothing, so the next one goes on exactly there.
3. At the end of the file the list changes in one transaction that also completes the import. Until then nothing on
   the list has changed: an import that fails or is canceled leaves it as it was.
"""

from __future__ import annotations

import time
from itertools import islice

from django.db import connection, transaction
from django.utils import timezone

from retargeting.accounts.actions import note
from retargeting.profiles import lists
from retargeting.profiles.imports import files, matching
from retargeting.profiles.imports.matching import Value
from retargeting.profiles.imports.reading import FileError
from retargeting.profiles.models import (
    ImportChunk,
    ImportMatch,
    ImportMode,
    ImportRejection,
    ImportStatus,
    ListImport,
    MemberSource,
    RejectionReason,
)
from retargeting.queue import enqueue

BATCH = 5_000
"""Records of one transaction: some hundred milliseconds, for which a person who cancels waits."""
SLICE_SECONDS = 20
"""How long a worker stays at one import before it gives others a turn."""

_LEAVE_OUT = """
WITH out AS (
    DELETE FROM profiles_importmatch AS item USING profiles_listremoval AS removal
    WHERE item.list_import_id = %(import)s AND removal.list_id = %(list)s AND removal.profile_id = item.profile_id
    RETURNING item.line, item.profile_id
)
INSERT INTO profiles_importrejection (list_import_id, line, value, reason, detail)
SELECT %(import)s, line, left(external_id, %(most)s), %(reason)s, ''
FROM out JOIN profiles_profile ON profiles_profile.id = out.profile_id
"""
_FORGET_REMOVALS = """
DELETE FROM profiles_listremoval AS removal USING profiles_importmatch AS item
WHERE removal.list_id = %(list)s AND item.list_import_id = %(import)s AND item.profile_id = removal.profile_id
"""
_ADD = """
INSERT INTO profiles_listmember (list_id, profile_id, source, added_at)
SELECT %(list)s, profile_id, %(source)s, now() FROM profiles_importmatch WHERE list_import_id = %(import)s
ORDER BY profile_id
ON CONFLICT (list_id, profile_id) DO NOTHING
"""
_REMOVE_OTHERS = """
DELETE FROM profiles_listmember AS member
WHERE list_id = %(list)s AND source <> %(by_hand)s AND NOT EXISTS (
    SELECT FROM profiles_importmatch AS item
    WHERE item.list_import_id = %(import)s AND item.profile_id = member.profile_id
)
"""


def run(*, import_id: int, batch: int = BATCH) -> None:
    """Go on with an import until its end, or until it is the turn of others. Being called twice does no harm."""
    deadline = time.monotonic() + SLICE_SECONDS
    while step(import_id=import_id, batch=batch):
        if time.monotonic() > deadline:
            enqueue("retargeting.profiles.tasks.run_import", import_id)
            return


def step(*, import_id: int, batch: int = BATCH) -> bool:
    """One batch, or the end; whether there is more to do."""
    try:
        with transaction.atomic():
            list_import = (
                ListImport.objects.under_way().filter(pk=import_id).select_for_update(skip_locked=True).first()
            )
            if list_import is None:
                return False
            values = _read(list_import, batch)
            if values:
                outcome = matching.keep(list_import, values)
                list_import.records += len(values)
                list_import.matched += outcome.matched
                list_import.rejected += outcome.rejected
                list_import.touched_at = timezone.now()
                list_import.save(update_fields=["position", "line", "records", "matched", "rejected", "touched_at"])
                return True
            _complete(list_import)
    except FileError as error:
        _fail(import_id, str(error))
    return False


def _read(list_import: ListImport, batch: int) -> list[Value]:
    """The next batch of values of the chosen column; notes on `list_import` how far that went."""
    records = files.records(list_import, position=list_import.position, line=list_import.line)
    column = list_import.column
    values = [Value(line, cells[column] if column < len(cells) else "") for line, cells in islice(records, batch)]
    list_import.position, list_import.line = records.position, records.line
    return values


def _complete(list_import: ListImport) -> None:
    """Put the people on the list, count what that changed, and drop the file."""
    profile_list = lists.lock(list_import.list_id)
    names: dict[str, int | str] = {"import": list_import.pk, "list": profile_list.pk}
    left_out = removed = 0
    with connection.cursor() as cursor:
        # The planner has not heard yet of the matches and takes them for few: a loop over a million would not end.
        cursor.execute("SET LOCAL enable_nestloop = off")
        if list_import.put_back:
            cursor.execute(_FORGET_REMOVALS, names)
        else:
            names |= {"reason": str(RejectionReason.TAKEN_OFF), "most": matching.MAX_VALUE}
            cursor.execute(_LEAVE_OUT, names)
            left_out = cursor.rowcount
        if list_import.mode == ImportMode.REPLACE:
            cursor.execute(_REMOVE_OTHERS, {**names, "by_hand": str(MemberSource.MANUAL)})
            removed = cursor.rowcount
        cursor.execute(_ADD, {**names, "source": str(MemberSource.UPLOAD)})
        added = cursor.rowcount
        cursor.execute("SET LOCAL enable_nestloop = on")
    counts = {"added": added, "removed": removed, "left_out": left_out}
    done = ListImport.STATES.transition(
        list_import, ImportStatus.COMPLETED, finished_at=timezone.now(), position=list_import.size, **counts
    )
    assert done, "the row is locked and was under way"
    drop_file(list_import)
    note(actor=list_import.created_by, verb="update", instance=profile_list, summary=_summary(list_import))


def _summary(done: ListImport) -> str:
    verb = "Replaced the members of" if done.mode == ImportMode.REPLACE else "Added to"
    parts = [f"{done.added:,} added"]
    if done.mode == ImportMode.REPLACE:
        parts.append(f"{done.removed:,} taken off")
    if done.left_out:
        parts.append(f"{done.left_out:,} left out, since they were taken off by hand")
    parts.append(f"{done.rejected:,} lines rejected")
    return f"{verb} the list {done.list} from {done.file_name}: {', '.join(parts)}."


def _fail(import_id: int, problem: str) -> None:
    with transaction.atomic():
        list_import = ListImport.objects.select_related("list").get(pk=import_id)
        if ListImport.STATES.transition(
            list_import, ImportStatus.FAILED, problem=problem[:300], finished_at=timezone.now()
        ):
            drop_everything(list_import)
            summary = f"The upload of {list_import.file_name} failed and changed nothing: {problem}"
            note(actor=list_import.created_by, verb="update", instance=list_import.list, summary=summary)


def drop_file(list_import: ListImport) -> None:
    """What was needed on the way."""
    ImportChunk.objects.filter(list_import=list_import).delete()
    ImportMatch.objects.filter(list_import=list_import).delete()


def drop_everything(list_import: ListImport) -> None:
    """For an import that came to nothing: its rejected lines tell of an attempt that did not happen."""
    drop_file(list_import)
    ImportRejection.objects.filter(list_import=list_import).delete()
