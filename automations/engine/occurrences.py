"""What happened to messages on the journeys of a batch: message conditions that ask about "this journey"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from automations.engine.batch import Batch, Mask
from retargeting.audiences.comparisons import span
from retargeting.bitmaps import binary_cursor, column_of_array
from retargeting.conditions.nodes import (
    AgeOperator,
    Among,
    Count,
    CountOperator,
    CountSince,
    DateOperator,
    Interaction,
    LastEventAge,
    LastEventDate,
    MessageCondition,
    Occurred,
    Opens,
    StepTarget,
    Test,
)
from retargeting.interactions.models import EVENT_CODES
from retargeting.orchestrations.models import MessageStep

EVENTS = """
    SELECT array_send(array_agg(journey_id)), array_send(array_agg(step_id)), array_send(array_agg(event::int)),
        array_send(array_agg(machine::int)), array_send(array_agg(occurred_at))
    FROM interactions_messageevent
    WHERE journey_id = ANY(%s) AND step_id = ANY(%s) AND event = ANY(%s) AND occurred_at >= %s AND occurred_at <= %s
"""
EPOCH = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
CLOCKS_DIFFER = timedelta(days=1)
MARKED = {Interaction.OPENED, Interaction.CLICKED}
ALWAYS_EVERYONE = {Interaction.SENT, Interaction.SKIPPED}
NEVER = np.iinfo(np.int64).min

Numbers = npt.NDArray[np.int64]


def ticks(moment: datetime) -> int:
    """In microseconds, as PostgreSQL counts them."""
    return (moment - EPOCH) // timedelta(microseconds=1)


class Occurrences:
    """The events that `conditions` look at. Journeys are known by their place in the batch."""

    def __init__(self, batch: Batch, conditions: Sequence[MessageCondition]) -> None:
        self.batch = batch
        keys = {key for condition in conditions for key in _target(condition).keys}
        steps = MessageStep.objects.filter(orchestration=batch.automation, key__in=keys)
        self.steps = {step.key: step.pk for step in steps}
        events = {EVENT_CODES[condition.event] for condition in conditions} | {EVENT_CODES[Interaction.SENT]}
        self._read(sorted(events))

    def _read(self, events: list[int]) -> None:
        batch = self.batch
        # Nothing of a journey is older than it; only clocks of devices may be a little late.
        first = (batch.since or batch.now) - CLOCKS_DIFFER
        params = [batch.ids.tolist(), list(self.steps.values()), events, first, batch.now]
        with binary_cursor() as cursor:
            cursor.execute(EVENTS, params, binary=True)
            row = cursor.fetchone()
        assert row is not None
        journeys = column_of_array(row[0], ">i8")
        order = np.argsort(batch.ids)
        self.places = order[np.searchsorted(batch.ids, journeys, sorter=order)]
        self.step_ids, self.events, self.machine = (column_of_array(column, ">i4") for column in row[1:4])
        self.moments: Numbers = column_of_array(row[4], ">i8")

    def mask(self, condition: MessageCondition) -> Mask:
        steps = [self.steps[key] for key in _target(condition).keys if key in self.steps]
        on_target = np.isin(self.step_ids, steps)
        happened = on_target & (self.events == EVENT_CODES[condition.event])
        if condition.event in MARKED and condition.opens is not Opens.ALL:
            happened &= self.machine == (condition.opens is Opens.MACHINE)
        found = self._tested(condition.test, happened)
        if condition.among is Among.RECIPIENTS and condition.event not in ALWAYS_EVERYONE:
            nothing = np.zeros(len(self.events), dtype=bool)
            if self._tested(condition.test, nothing).all():  # whoever has no such event passes: then recipients only
                found &= self._number(on_target & (self.events == EVENT_CODES[Interaction.SENT])) > 0
        return found

    def _number(self, events: Mask) -> Numbers:
        return np.bincount(self.places[events], minlength=len(self.batch))

    def _last(self, events: Mask) -> Numbers:
        last = np.full(len(self.batch), NEVER)
        np.maximum.at(last, self.places[events], self.moments[events])
        return last

    def _tested(self, test: Test, events: Mask) -> Mask:
        match test:
            case Occurred(value):
                return (self._number(events) > 0) == value
            case LastEventAge(operator, ago):
                last = self._last(events)
                young = last > ticks(self.batch.now - span(ago))
                return young if operator is AgeOperator.LESS_THAN_AGO else (last != NEVER) & ~young
            case LastEventDate():
                return _dated(test, self._last(events))
            case Count():
                return _counted(test, self._number(events))
            case CountSince(count, window, since):
                if since is not None:
                    inside = self.moments >= ticks(since)
                else:
                    assert window is not None
                    inside = self.moments > ticks(self.batch.now - span(window))
                return _counted(count, self._number(events & inside))


def _target(condition: MessageCondition) -> StepTarget:
    assert isinstance(condition.target, StepTarget)
    return condition.target


def _dated(test: LastEventDate, last: Numbers) -> Mask:
    if test.operator is DateOperator.BETWEEN:
        assert test.start is not None
        assert test.end is not None
        return (last >= ticks(test.start)) & (last < ticks(test.end))
    assert test.date is not None
    date = ticks(test.date)
    return (last != NEVER) & (last < date) if test.operator is DateOperator.BEFORE else last >= date


def _counted(count: Count, numbers: Numbers) -> Mask:
    value = count.value or 0
    match count.operator:
        case CountOperator.EXACTLY:
            return numbers == value
        case CountOperator.NOT:
            return numbers != value
        case CountOperator.AT_LEAST:
            return numbers >= value
        case CountOperator.AT_MOST:
            return numbers <= value
        case CountOperator.MORE_THAN:
            return numbers > value
        case CountOperator.FEWER_THAN:
            return numbers < value
        case CountOperator.BETWEEN:
            return (numbers >= (count.low or 0)) & (numbers <= (count.high or 0))
