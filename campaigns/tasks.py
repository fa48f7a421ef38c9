"""What the queue and the clock call."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from pyroaring import BitMap

from campaigns.models import IfPast, Run
from retargeting.audiences.engine import evaluate
from retargeting.bitmaps import pack
from retargeting.conditions import codec
from retargeting.messaging import dispatches
from retargeting.messaging.dispatches import Portion
from retargeting.messaging.models import Dispatch, DispatchStatus
from retargeting.messaging.stopwatch import timed
from retargeting.messaging.zones import moment_at, people_by_zone, zone_of
from retargeting.queue import backlog, enqueue

FORGOTTEN_AFTER = timedelta(seconds=30)
PAST = timedelta(hours=1)


def prepare_run(run_id: int) -> None:
    """Compute the audience as of now, freeze it on the run and start its dispatch. Being called twice does no harm."""
    run = Run.objects.select_related("dispatch").get(pk=run_id)
    held = run.dispatch.held_until
    if run.dispatch.status != DispatchStatus.PREPARING or held is not None:
        return
    with timed("audience"):
        evaluation = evaluate(codec.decode(run.audience))
        portions = own_times(run, evaluation.members, evaluation.as_of)
    with transaction.atomic():
        # Of two workers at the same run, one gets past this: `start` moves the dispatch on by compare-and-set.
        if dispatches.start(dispatch=run.dispatch, members=evaluation.members, portions=portions):
            run.as_of = evaluation.as_of
            run.members = pack(evaluation.members)
            run.matched = len(evaluation.members)
            run.save(update_fields=["as_of", "members", "matched"])


def own_times(run: Run, members: BitMap, now: datetime) -> list[Portion]:
    """Who gets it when, for a run that goes out at a time of each person's own clocks.

    Where that time is over for more than PAST already, people get it at once or are left out, as the campaign says.
    """
    if run.own_zones is None:
        return []
    wall, default = datetime.fromisoformat(run.own_zones["wall"]), run.own_zones["default"]
    sets: dict[datetime, BitMap] = defaultdict(BitMap)
    for name, people in people_by_zone(members).items():
        sets[moment_at(wall, zone_of(name, default))] |= people
    portions = []
    for moment, people in sorted(sets.items()):
        past = now - moment > PAST
        if past and run.own_zones["if_past"] == IfPast.SKIP:
            portions.append(Portion(people, now, deadline=now))
        else:
            start = now if past else moment
            minutes = run.campaign.expires_after
            portions.append(Portion(people, start, start + timedelta(minutes=minutes) if minutes else None))
    return portions


@transaction.atomic
def end_grace() -> None:
    """The clock's duty: launches that nobody has undone begin."""
    over = Run.objects.filter(
        dispatch__status=DispatchStatus.PREPARING, dispatch__held_until__lte=timezone.now()
    ).select_related("dispatch")
    for run in over:
        held = Dispatch.objects.filter(pk=run.dispatch_id, status=DispatchStatus.PREPARING).exclude(held_until=None)
        if held.update(held_until=None):
            enqueue("campaigns.tasks.prepare_run", run.pk)


def wake_forgotten() -> None:
    """The clock's duty: runs whose preparation was lost with a worker are prepared again."""
    forgotten = Run.objects.filter(
        dispatch__status=DispatchStatus.PREPARING,
        dispatch__held_until=None,
        created_at__lt=timezone.now() - FORGOTTEN_AFTER,
    )
    if forgotten.exists() and backlog() == 0:
        for run_id in forgotten.values_list("pk", flat=True):
            enqueue("campaigns.tasks.prepare_run", run_id)
