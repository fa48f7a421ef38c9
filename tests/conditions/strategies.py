"""Hypothesis strategies for condition trees and for the people they are asked about.

Both draw from one small vocabulary and from the same moments, so that trees hit people and windows end exactly on
events. `trees` makes valid trees only, with every test, target, event, option and operator; `people` makes facts on,
one microsecond before and one after every edge, later than now as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from retargeting.conditions.nodes import (
    AgeOperator,
    Among,
    AnyTarget,
    AttributeCondition,
    AutomationTarget,
    CampaignTarget,
    Channel,
    ChannelTarget,
    Comparison,
    Condition,
    Count,
    CountOperator,
    CountSince,
    DateOperator,
    Duration,
    EntryCondition,
    EventCondition,
    Group,
    Interaction,
    LabelTarget,
    LastEventAge,
    LastEventDate,
    ListCondition,
    Match,
    MessageCondition,
    Node,
    Occurred,
    Opens,
    PropertyFilter,
    ReachableCondition,
    Scalar,
    Scope,
    SegmentCondition,
    StepTarget,
    Target,
    Test,
    Unit,
    ValueOperator,
)
from retargeting.conditions.operators import INTERACTIONS, VALUE_OPERATORS, Operand, length
from retargeting.conditions.person import EventFact, InteractionFact, Person
from retargeting.conditions.values import JSON

NOW = datetime(2026, 11, 3, 10, 2, tzinfo=UTC)
DURATIONS = (
    Duration(1, Unit.MINUTE),
    Duration(90, Unit.MINUTE),
    Duration(5, Unit.HOUR),
    Duration(1, Unit.DAY),
    Duration(15, Unit.DAY),
    Duration(2, Unit.WEEK),
    Duration(60, Unit.DAY),
)
DATES = (
    datetime(2026, 9, 1, tzinfo=UTC),
    datetime(2026, 10, 20, tzinfo=UTC),
    datetime(2026, 11, 3, 10, tzinfo=UTC),
    datetime(2026, 11, 5, 12, 30, 0, 250_000, tzinfo=UTC),
)
SCALARS: tuple[Scalar, ...] = ("Paris", "paris", "10", "2026-10-20", "é_%\\", 0, 1, 10, 1.0, 0.1, -2.5, True, False)
VALUES: tuple[JSON, ...] = (
    *SCALARS,
    None,
    "",
    [],
    {},
    ["Paris", 10],
    [True, "10", None],
    [[10], {"a": 1}],
    "true",
    "Parisian",
    "2026-11-03T10:02:00Z",
    "2026-10-19T12:02:00.000000+02:00",
    "2026-11-03T10:02",
    "2026-02-30",
    "2026-11-03 10:02Z",
    "2026-11-03T24:00Z",
)
AUTOMATIONS = {7: ("welcome", "reminder"), 8: ("hello",)}
_EDGE = timedelta(microseconds=1)


@dataclass(frozen=True)
class Vocabulary:
    """What trees and people talk about. `automations` gives the step keys of each."""

    campaigns: Sequence[int] = (1, 2, 3)
    automations: Mapping[int, Sequence[str]] = field(
        default_factory=lambda: {7: ("welcome", "reminder"), 8: ("hello",)}
    )
    labels: Sequence[str] = ("promo", "news")
    segments: Sequence[int] = ()
    lists: Sequence[int] = (1, 2)
    attributes: Sequence[str] = ("country", "points", "interests")
    event_names: Sequence[str] = ("added_to_cart", "bought")
    properties: Sequence[str] = ("value", "colour")
    now: datetime = NOW
    moments: Sequence[datetime] = ()
    """More edges: dates in trees, and times of facts."""

    @property
    def dates(self) -> tuple[datetime, ...]:
        return (*DATES, *self.moments)


DEFAULT = Vocabulary()


def _some(options: Sequence[object]) -> st.SearchStrategy[tuple]:
    return st.lists(st.sampled_from(options), min_size=1, max_size=3, unique=True).map(tuple)


# Trees.


def durations() -> st.SearchStrategy[Duration]:
    return st.sampled_from(DURATIONS)


@st.composite
def periods(draw: st.DrawFn, vocabulary: Vocabulary) -> tuple[datetime, datetime]:
    first, second = draw(st.lists(st.sampled_from(vocabulary.dates), min_size=2, max_size=2, unique=True))
    return min(first, second), max(first, second)


@st.composite
def counts(draw: st.DrawFn) -> Count:
    operator = draw(st.sampled_from(CountOperator))
    if operator is CountOperator.BETWEEN:
        low = draw(st.integers(0, 3))
        return Count(operator, low=low, high=draw(st.integers(low, 5)))
    least = 1 if operator in (CountOperator.AT_LEAST, CountOperator.FEWER_THAN) else 0
    return Count(operator, draw(st.integers(least, 5)))


def last_dates(vocabulary: Vocabulary) -> st.SearchStrategy[LastEventDate]:
    sides = st.sampled_from((DateOperator.BEFORE, DateOperator.AFTER))
    return st.one_of(
        st.builds(LastEventDate, sides, date=st.sampled_from(vocabulary.dates)),
        periods(vocabulary).map(lambda period: LastEventDate(DateOperator.BETWEEN, start=period[0], end=period[1])),
    )


def event_tests(vocabulary: Vocabulary) -> st.SearchStrategy[Test]:
    return st.one_of(
        st.builds(Occurred, st.booleans()),
        st.builds(LastEventAge, st.sampled_from(AgeOperator), durations()),
        last_dates(vocabulary),
        counts(),
        st.builds(CountSince, counts(), window=durations()),
        st.builds(CountSince, counts(), since=st.sampled_from(vocabulary.dates)),
    )


def targets(vocabulary: Vocabulary = DEFAULT) -> st.SearchStrategy[Target]:
    found: list[st.SearchStrategy[Target]] = [st.just(AnyTarget()), st.builds(ChannelTarget, _some(tuple(Channel)))]
    if vocabulary.campaigns:
        found.append(st.builds(CampaignTarget, _some(vocabulary.campaigns)))
    if vocabulary.automations:
        found.append(st.builds(AutomationTarget, _some(tuple(vocabulary.automations))))
        found += [
            st.builds(StepTarget, st.just(id), _some(keys)) for id, keys in vocabulary.automations.items() if keys
        ]
    if vocabulary.labels:
        found.append(st.builds(LabelTarget, _some(vocabulary.labels)))
    return st.one_of(found)


@st.composite
def messages(draw: st.DrawFn, vocabulary: Vocabulary = DEFAULT, in_automation: bool = False) -> MessageCondition:
    target = draw(targets(vocabulary))
    events = list(Interaction)
    if isinstance(target, ChannelTarget) and len(target.channels) == 1:
        events = [event for event in events if target.channels[0] in INTERACTIONS[event].channels]
    event = draw(st.sampled_from(events))
    row = INTERACTIONS[event]
    return MessageCondition(
        event,
        target,
        draw(event_tests(vocabulary)),
        opens=draw(st.sampled_from(Opens)) if row.opens else Opens.HUMAN,
        among=draw(st.sampled_from(Among)) if row.among else Among.RECIPIENTS,
        scope=draw(st.sampled_from([None, *Scope])) if in_automation and isinstance(target, StepTarget) else None,
    )


@st.composite
def comparisons(draw: st.DrawFn, vocabulary: Vocabulary = DEFAULT) -> Comparison:
    operator = draw(st.sampled_from(ValueOperator))
    texts = [value for value in SCALARS if isinstance(value, str)]
    numbers = [value for value in SCALARS if not isinstance(value, str | bool)]
    match VALUE_OPERATORS[operator].operand:
        case Operand.NONE:
            return Comparison(operator)
        case Operand.SCALAR | Operand.ELEMENT:
            return Comparison(operator, draw(st.sampled_from(SCALARS)))
        case Operand.SCALARS:
            options = st.lists(
                st.sampled_from(SCALARS),
                min_size=1,
                max_size=3,
                unique_by=lambda value: (isinstance(value, bool), value),
            )
            return Comparison(operator, tuple(draw(options)))
        case Operand.TEXT:
            return Comparison(operator, draw(st.sampled_from([*texts, "Par", "is"])))
        case Operand.NUMBER:
            return Comparison(operator, draw(st.sampled_from(numbers)))
        case Operand.DATE:
            return Comparison(operator, draw(st.sampled_from(vocabulary.dates)))
        case Operand.DURATION:
            return Comparison(operator, ago=draw(durations()))
        case Operand.RANGE:
            if draw(st.booleans()):
                start, end = draw(periods(vocabulary))
                return Comparison(operator, low=start, high=end)
            low, high = sorted((draw(st.sampled_from(numbers)), draw(st.sampled_from(numbers))))
            return Comparison(operator, low=low, high=high)


def events(vocabulary: Vocabulary = DEFAULT) -> st.SearchStrategy[EventCondition]:
    filters = st.builds(PropertyFilter, st.sampled_from(vocabulary.properties), comparisons(vocabulary))
    where = st.lists(filters, max_size=2).map(tuple)
    return st.builds(EventCondition, st.sampled_from(vocabulary.event_names), event_tests(vocabulary), where)


@st.composite
def attributes(draw: st.DrawFn, vocabulary: Vocabulary = DEFAULT) -> AttributeCondition:
    return AttributeCondition(draw(st.sampled_from(vocabulary.attributes)), *draw(compared_or_unset(vocabulary)))


@st.composite
def entries(draw: st.DrawFn, vocabulary: Vocabulary = DEFAULT) -> EntryCondition:
    return EntryCondition(draw(st.sampled_from(vocabulary.properties)), *draw(compared_or_unset(vocabulary)))


@st.composite
def compared_or_unset(draw: st.DrawFn, vocabulary: Vocabulary) -> tuple[Comparison, bool | None]:
    comparison = draw(comparisons(vocabulary))
    asked = VALUE_OPERATORS[comparison.operator].operand is not Operand.NONE
    return comparison, draw(st.sampled_from([None, True, False])) if asked else None


def conditions(vocabulary: Vocabulary = DEFAULT, in_automation: bool = False) -> st.SearchStrategy[Condition]:
    found: list[st.SearchStrategy[Condition]] = [
        messages(vocabulary, in_automation),
        messages(vocabulary, in_automation),
        st.builds(ReachableCondition, st.sampled_from(Channel), st.booleans()),
    ]
    if vocabulary.event_names:
        found.append(events(vocabulary))
    if vocabulary.attributes:
        found.append(attributes(vocabulary))
    if vocabulary.properties and in_automation:
        found.append(entries(vocabulary))
    if vocabulary.segments:
        found.append(st.builds(SegmentCondition, st.sampled_from(vocabulary.segments), st.booleans()))
    if vocabulary.lists:
        found.append(st.builds(ListCondition, st.sampled_from(vocabulary.lists), st.booleans()))
    return st.one_of(found)


@st.composite
def groups(draw: st.DrawFn, nodes: st.SearchStrategy[Node]) -> Group:
    members = tuple(draw(st.lists(nodes, min_size=1, max_size=3)))
    match = draw(st.sampled_from(Match))
    return Group(match, members, draw(st.integers(1, len(members))) if match is Match.AT_LEAST else None)


def trees(
    vocabulary: Vocabulary = DEFAULT, *, depth: int = 3, in_automation: bool = False
) -> st.SearchStrategy[Group]:
    """Valid trees up to `depth` groups deep; with `in_automation` those that are valid inside an automation."""
    leaves = conditions(vocabulary, in_automation)
    nodes: st.SearchStrategy[Node] = leaves
    for _ in range(depth - 1):
        nodes = st.one_of(leaves, groups(nodes))
    return st.one_of(st.just(Group(Match.ALL)), groups(nodes), groups(nodes), groups(nodes))


# People.


def edges(vocabulary: Vocabulary = DEFAULT) -> tuple[datetime, ...]:
    """Every moment at which a test may change its mind, and the microseconds around it."""
    ends = [vocabulary.now, *vocabulary.dates, *(vocabulary.now - length(duration) for duration in DURATIONS)]
    return tuple(end + offset for end in ends for offset in (-_EDGE, timedelta(0), _EDGE))


@st.composite
def interactions(draw: st.DrawFn, vocabulary: Vocabulary, labels: Mapping[int, frozenset[str]]) -> InteractionFact:
    steps = [(id, key) for id, keys in vocabulary.automations.items() for key in keys]
    sources: list[tuple[int, str | None]] = [*((id, None) for id in vocabulary.campaigns), *steps]
    orchestration, step = draw(st.sampled_from(sources))
    channels = tuple(Channel)
    channel = channels[sources.index((orchestration, step)) % len(channels)]
    possible = [event for event in Interaction if channel in INTERACTIONS[event].channels]
    event = draw(st.sampled_from([*possible, Interaction.SENT]))
    return InteractionFact(
        event=event,
        orchestration=orchestration,
        kind="campaign" if step is None else "automation",
        step=step,
        channel=channel,
        labels=labels[orchestration],
        machine=draw(st.booleans()) if INTERACTIONS[event].opens else False,
        occurred_at=draw(st.sampled_from(edges(vocabulary))),
        journey=None if step is None else draw(st.sampled_from((None, 1, 2))),
    )


def event_properties(vocabulary: Vocabulary = DEFAULT) -> st.SearchStrategy[dict[str, JSON]]:
    return st.dictionaries(st.sampled_from(vocabulary.properties), st.sampled_from(VALUES))


def event_facts(vocabulary: Vocabulary) -> st.SearchStrategy[EventFact]:
    names, moments = st.sampled_from(vocabulary.event_names), st.sampled_from(edges(vocabulary))
    return st.builds(EventFact, names, event_properties(vocabulary), moments)


def labellings(vocabulary: Vocabulary = DEFAULT) -> st.SearchStrategy[Mapping[int, frozenset[str]]]:
    """Which labels each orchestration carries now; one labelling holds for all people of one test."""
    carried = st.frozensets(st.sampled_from(vocabulary.labels)) if vocabulary.labels else st.just(frozenset[str]())
    return st.fixed_dictionaries(dict.fromkeys((*vocabulary.campaigns, *vocabulary.automations), carried))


@st.composite
def people(
    draw: st.DrawFn, vocabulary: Vocabulary = DEFAULT, labels: Mapping[int, frozenset[str]] | None = None
) -> Person:
    """A person whose facts sit on the edges. The channel of a message follows from its campaign or step."""
    carried = draw(labellings(vocabulary)) if labels is None else labels
    messaged = draw(st.lists(interactions(vocabulary, carried), max_size=12))
    did = draw(st.lists(event_facts(vocabulary), max_size=5)) if vocabulary.event_names else []
    lists = st.frozensets(st.sampled_from(vocabulary.lists)) if vocabulary.lists else st.just(frozenset[int]())
    return Person(
        attributes=draw(st.dictionaries(st.sampled_from(vocabulary.attributes), st.sampled_from(VALUES))),
        interactions=tuple(replace(fact, id=f"i{index}") for index, fact in enumerate(messaged)),
        events=tuple(replace(fact, id=f"e{index}") for index, fact in enumerate(did)),
        reachable=draw(st.frozensets(st.sampled_from(Channel))),
        lists=draw(lists),
    )
