"""Each condition as a set of profile ids.

Written from DESIGN section 2 and apart from the evaluation for one person in `conditions`: the two share the nodes
only, and a property test holds them against each other. The results may contain ids that are not live; the engine
intersects with the live profiles.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import QuerySet
from pyroaring import BitMap

from retargeting.audiences.comparisons import attribute_sql, property_test, span
from retargeting.conditions import codec
from retargeting.conditions.nodes import (
    AgeOperator,
    Among,
    AnyTarget,
    AttributeCondition,
    AutomationTarget,
    CampaignTarget,
    ChannelTarget,
    Count,
    CountOperator,
    CountSince,
    DateOperator,
    Duration,
    EventCondition,
    Interaction,
    LabelTarget,
    LastEventAge,
    LastEventDate,
    ListCondition,
    MessageCondition,
    Occurred,
    Opens,
    ReachableCondition,
    StepTarget,
    Target,
    Test,
)
from retargeting.interactions.reading import TICK, Events, Selector, Window
from retargeting.orchestrations.models import MessageStep, Orchestration
from retargeting.profiles.sets.reading import Question, Sets, on_list, reachable_on

MACHINE = {Opens.HUMAN: False, Opens.MACHINE: True, Opens.ALL: None}
WITH_OPENS = {Interaction.OPENED, Interaction.CLICKED}
AMONG_EVERYONE = {Interaction.SENT, Interaction.SKIPPED}

People = Callable[[Window, int, int | None], BitMap]
"""(window, low, high) → the people whose number of events in the window lies in low … high, low ≥ 1."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What an evaluation is fixed to: `now` stands for the present, `live` for everyone there is."""

    now: datetime
    live: BitMap
    events: Events
    sets: Sets

    @property
    def past(self) -> Window:
        """Everything up to now; an event at exactly now has happened."""
        return Window(end=self.now + TICK)

    def last(self, duration: Duration) -> Window:
        """Ages below `duration`: an event exactly that old is out."""
        return replace(self.past, start=self.now - span(duration) + TICK)


def message_people(condition: MessageCondition, moment: Moment) -> BitMap:
    selector = replace(
        _selector(condition.event, condition.target),
        machine=MACHINE[condition.opens] if condition.event in WITH_OPENS else None,
    )

    def people(window: Window, low: int, high: int | None) -> BitMap:
        return moment.events.people_with(selector, window, low=low, high=high)

    result = _tested(condition.test, people, moment)
    if (
        condition.among is Among.RECIPIENTS
        and condition.event not in AMONG_EVERYONE
        and _passes_without_events(condition.test)
    ):
        sent = replace(selector, event=Interaction.SENT, machine=None)
        result &= moment.events.people_with(sent, moment.past)
    return result


def event_people(condition: EventCondition, moment: Moment) -> BitMap:
    where = [property_test(filter_.property, filter_.comparison, moment.now) for filter_ in condition.where]

    def people(window: Window, low: int, high: int | None) -> BitMap:
        return moment.events.people_with_event(condition.event, window, where=where, low=low, high=high)

    return _tested(condition.test, people, moment)


def attribute_people(condition: AttributeCondition, moment: Moment) -> BitMap:
    sql, params = attribute_sql(condition.attribute, condition.comparison, condition.unset, moment.now)
    # An age is another question at every moment; all others are the same until somebody's attributes change.
    name = "" if condition.comparison.ago else "attribute " + json.dumps(codec.encode(condition), sort_keys=True)
    query = f"SELECT id FROM profiles_profile WHERE {sql}"  # noqa: S608  (placeholders only)
    question = Question(name, "profile", query, tuple(params))
    return moment.sets.who_has(question, condition.attribute, sql)


def list_people(condition: ListCondition, moment: Moment) -> BitMap:
    members = moment.sets.who(on_list(condition.id))
    return members if condition.member else moment.live - members


def reachable_people(condition: ReachableCondition, moment: Moment) -> BitMap:
    people = moment.sets.who(reachable_on(condition.channel))
    return people if condition.value else moment.live - people


def _ids(rows: QuerySet[Orchestration] | QuerySet[MessageStep]) -> tuple[int, ...]:
    return tuple(sorted(rows.values_list("id", flat=True)))


def _selector(event: Interaction, target: Target) -> Selector:
    """Labels are looked up now, so that they count with their whole history."""
    match target:
        case AnyTarget():
            return Selector(event)
        case CampaignTarget(ids) | AutomationTarget(ids):
            return Selector(event, orchestrations=ids)
        case StepTarget(automation, keys):
            steps = MessageStep.objects.filter(orchestration=automation, key__in=keys)
            # The automation is known by the steps, but named it leads to the index that has all its events together.
            return Selector(event, orchestrations=(automation,), steps=_ids(steps))
        case ChannelTarget(channels):
            return Selector(event, channels=channels)
        case LabelTarget(codes):
            labelled = Orchestration.objects.filter(labels__code__in=codes).distinct()
            return Selector(event, orchestrations=_ids(labelled))
    raise TypeError(f"not a target: {target!r}")


def _tested(test: Test, people: People, moment: Moment) -> BitMap:
    match test:
        case Occurred(value):
            did = people(moment.past, 1, None)
            return did if value else moment.live - did
        case LastEventAge(operator, ago):
            recent = people(moment.last(ago), 1, None)
            return recent if operator is AgeOperator.LESS_THAN_AGO else people(moment.past, 1, None) - recent
        case LastEventDate():
            return _last_event_date(test, people, moment)
        case Count():
            return _counted(test, moment.past, people, moment)
        case CountSince(count, window, since):
            span = moment.last(window) if window else replace(moment.past, start=since)
            return _counted(count, span, people, moment)
    raise TypeError(f"not a test: {test!r}")


def _last_event_date(test: LastEventDate, people: People, moment: Moment) -> BitMap:
    """Where the last event lies is told by windows: some event in one, none in the rest of the past."""
    if test.operator is DateOperator.AFTER:
        return people(replace(moment.past, start=test.date), 1, None)
    if test.operator is DateOperator.BEFORE:
        return people(moment.past, 1, None) - people(replace(moment.past, start=test.date), 1, None)
    return people(replace(moment.past, start=test.start), 1, None) - people(
        replace(moment.past, start=test.end), 1, None
    )


def _range(count: Count) -> tuple[int, int | None]:
    """The numbers that pass, as lowest and highest; for `not` those that do not pass."""
    n = count.value or 0
    match count.operator:
        case CountOperator.EXACTLY | CountOperator.NOT:
            return n, n
        case CountOperator.AT_LEAST:
            return n, None
        case CountOperator.AT_MOST:
            return 0, n
        case CountOperator.MORE_THAN:
            return n + 1, None
        case CountOperator.FEWER_THAN:
            return 0, n - 1
        case CountOperator.BETWEEN:
            return count.low or 0, count.high


def _counted(count: Count, window: Window, people: People, moment: Moment) -> BitMap:
    low, high = _range(count)
    if low == 0:
        # Those in reach of zero have no row to count: they are everyone but those with more.
        inside = moment.live - (people(window, high + 1, None) if high is not None else BitMap())
    else:
        inside = people(window, low, high)
    return moment.live - inside if count.operator is CountOperator.NOT else inside


def _passes_without_events(test: Test) -> bool:
    if isinstance(test, Occurred):
        return not test.value
    if isinstance(test, Count | CountSince):
        count = test.count if isinstance(test, CountSince) else test
        return (_range(count)[0] == 0) != (count.operator is CountOperator.NOT)
    return False
