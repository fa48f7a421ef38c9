"""What the queue and the clock call."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from retargeting.profiles import actions
from retargeting.profiles.imports import running
from retargeting.profiles.models import ImportRejection, ImportStatus, ListImport
from retargeting.queue import enqueue

UPLOADS_KEPT = timedelta(days=1)
"""How long a file waits for its column to be chosen."""
REPORTS_KEPT = timedelta(days=30)
"""How long rejected lines can be downloaded: they are what a file said of people."""


def run_import(import_id: int) -> None:
    running.run(import_id=import_id)


def wake_forgotten_imports() -> None:
    """The clock's duty: imports whose task was lost with a worker go on."""
    now = timezone.now()
    with transaction.atomic():
        # One whose row is locked has a worker; the clock must not wait for it.
        silent = (
            ListImport.objects.under_way()
            .filter(touched_at__lt=now - timedelta(seconds=settings.LEASE_SECONDS))
            .select_for_update(skip_locked=True)
        )
        for list_import in silent:
            # Noted, so that one that waits behind other work is not enqueued at each tick.
            ListImport.objects.filter(pk=list_import.pk).update(touched_at=now)
            enqueue("retargeting.profiles.tasks.run_import", list_import.pk)


def forget_old_uploads() -> None:
    """The clock's duty: files that nobody started, and reports that nobody needs any more, are dropped."""
    now = timezone.now()
    for list_import in ListImport.objects.filter(status=ImportStatus.UPLOADED, created_at__lt=now - UPLOADS_KEPT):
        actions.cancel_import(actor=None, list_import=list_import)
    ImportRejection.objects.filter(list_import__finished_at__lt=now - REPORTS_KEPT).delete()
