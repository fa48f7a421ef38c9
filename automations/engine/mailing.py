"""Message steps: whoever comes by is added to the step's dispatch of the day, which sends as any campaign does."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from django.db import IntegrityError, transaction
from django.utils import timezone

from automations.engine.batch import Batch, Rows
from automations.graph.nodes import Message
from automations.models import StepDispatch
from retargeting.messaging import dispatches
from retargeting.messaging.models import Dispatch
from retargeting.orchestrations.models import MessageStep

GRACE = timedelta(hours=1)
"""So long after its day a dispatch stays open, for a worker that came by shortly before midnight and was slow."""


def send(batch: Batch, key: str, message: Message, rows: Rows) -> None:
    """In the transaction that moves these people on. Each lap has dispatches of its own; see StepDispatch."""
    today = timezone.now().astimezone(UTC).date()
    laps = batch.laps[rows]
    for lap in np.unique(laps).tolist():
        those = rows[laps == lap]
        dispatch = _dispatch(batch, key, message, today, lap)
        dispatches.add(dispatch=dispatch, profiles=batch.profiles[those], journeys=batch.ids[those])


def _dispatch(batch: Batch, key: str, message: Message, day: date, lap: int) -> Dispatch:
    known = StepDispatch.objects.filter(version=batch.version, step=key, day=day, lap=lap).select_related("dispatch")
    if (found := known.first()) is not None:
        return found.dispatch
    step = MessageStep.objects.get(orchestration=batch.automation, key=key)
    midnight = datetime.combine(day + timedelta(days=1), time(), UTC)
    try:
        with transaction.atomic():
            dispatch = dispatches.begin_open(
                open_until=midnight + GRACE,
                orchestration_id=batch.automation,
                step=step,
                channel=message.channel,
                content=dict(message.content),
                priority=message.priority,
            )
            StepDispatch.objects.create(version_id=batch.version, step=key, day=day, lap=lap, dispatch=dispatch)
    except IntegrityError:  # another worker has just begun it
        return known.get().dispatch
    return dispatch
