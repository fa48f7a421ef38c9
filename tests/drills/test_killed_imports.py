"""kill -9 of workers in the middle of an upload: every line is counted once, and everybody is on the list once."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from retargeting.profiles.actions import start_import
from retargeting.profiles.imports.running import BATCH
from retargeting.profiles.models import ImportChunk, ImportMatch, ImportRejection, ListImport, ListMember, Profile
from tests.drills.processes import Process, running, wait_until
from tests.profiles.uploads import new_list, uploaded

PEOPLE = 30_000
LINES = 60_000  # each person once, each second line nobody
KILL_AT = (1, 3, 6, 9)
"""After so many batches."""
LEASE_SECONDS = "5"

pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True)]


def kill_the_busy_one(workers: Process) -> None:
    """Workers of the cluster are its leaves; whichever has the import, it dies in the middle of a batch or between."""
    for process in workers.family():
        try:
            if not process.children():
                os.kill(process.pid, signal.SIGKILL)
        except (psutil.Error, ProcessLookupError):
            continue


def test_an_upload_whose_workers_are_killed_loses_and_doubles_nothing():
    Profile.objects.bulk_create(Profile(external_id=f"p{number}") for number in range(PEOPLE))
    vip = new_list()
    lines = (f"p{number // 2}" if number % 2 else f"nobody{number}" for number in range(LINES))
    going = uploaded(vip, "id\n" + "\n".join(lines))
    chosen = {"column": 0, "key": "external_id", "mode": "add", "has_header": True, "put_back": False}
    start_import(actor=None, list_import=going, **chosen)
    workers, clock = Process("workers"), Process("clock", RETARGETING_LEASE_SECONDS=LEASE_SECONDS)
    kills = list(KILL_AT)

    def meanwhile() -> None:
        if kills and ListImport.objects.get().records >= kills[0] * BATCH:
            kills.pop(0)
            kill_the_busy_one(workers)
        workers.keep()

    with running(workers, clock):
        wait_until(lambda: ListImport.objects.get().status != "running", seconds=280, meanwhile=meanwhile)
    done = ListImport.objects.get()
    assert not kills
    assert (done.status, done.problem) == ("completed", "")
    assert (done.records, done.matched, done.rejected, done.added) == (LINES, PEOPLE, LINES - PEOPLE, PEOPLE)
    assert ListMember.objects.count() == PEOPLE
    rejected = ImportRejection.objects.values_list("line", flat=True)
    assert sorted(rejected) == list(range(2, LINES + 2, 2))
    assert not ImportChunk.objects.exists()
    assert not ImportMatch.objects.exists()
