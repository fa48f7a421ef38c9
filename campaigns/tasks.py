"""What the queue and the clock call."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from campaigns.models import Run
from retargeting.audiences.engine import evaluate
from retargeting.bitmaps import pack
from retargeting.conditions import codec
from retargeting.messaging import dispatches
from retargeting.messaging.models import DispatchStatus
from retargeting.queue import backlog, enqueue

FORGOTTEN_AFTER = timedelta(seconds=30)


def prepare_run(run_id: int) -> None:
    """Compute the audience as of now, freeze it on the run and start its dispatch. Being called twice does no harm."""
    run = Run.objects.select_related("dispatch").get(pk=run_id)
    if run.dispatch.status != DispatchStatus.PREPARING:
        return
    evaluation = evaluate(codec.decode(run.audience))
    with transaction.atomic():
        # Of two workers at the same run, one gets past this: `start` moves the dispatch on by compare-and-set.
        if dispatches.start(dispatch=run.dispatch, members=evaluation.members):
            run.as_of = evaluation.as_of
            run.members = pack(evaluation.members)
            run.matched = len(evaluation.members)
            run.save(update_fields=["as_of", "members", "matched"])


def wake_forgotten() -> None:
    """The clock's duty: runs whose preparation was lost with a worker are prepared again."""
    forgotten = Run.objects.filter(
        dispatch__status=DispatchStatus.PREPARING, created_at__lt=timezone.now() - FORGOTTEN_AFTER
    )
    if forgotten.exists() and backlog() == 0:
        for run_id in forgotten.values_list("pk", flat=True):
            enqueue("campaigns.tasks.prepare_run", run_id)
