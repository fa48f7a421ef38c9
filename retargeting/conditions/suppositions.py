"""What to suppose of a person so that one condition would turn: the single changes that are worth trying, in words.

These are guesses. `outlook` tries each on the whole tree, and only one that is seen to work is ever named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice, product

from retargeting.conditions.edits import Edit, Events, Listing, Reaching, Value
from retargeting.conditions.facts import EventFact, InteractionFact, KnownMessage, Person
from retargeting.conditions.nodes import (
    AnyTarget,
    AttributeCondition,
    Channel,
    ChannelTarget,
    Comparison,
    Count,
    CountOperator,
    CountSince,
    EventCondition,
    Interaction,
    LabelTarget,
    LastEventAge,
    LastEventDate,
    ListCondition,
    MessageCondition,
    Opens,
    PropertyFilter,
    ReachableCondition,
    Test,
    ValueOperator,
)
from retargeting.conditions.operators import INTERACTIONS, bounds, length
from retargeting.conditions.person import counted, event_history, message_history, on_target, passes, value_holds
from retargeting.conditions.phrases import duration_words, last_event_words, moment_words, window_words
from retargeting.conditions.saying import (
    Doing,
    attribute_words,
    doing_event,
    doing_message,
    list_words,
    reach_words,
    value_set_words,
)
from retargeting.conditions.unfolded import Leaf
from retargeting.conditions.values import JSON, has_value, same

TICK = timedelta(microseconds=1)
MOST_EVENTS = 1_000
"""A change by more events than that is no small one, and none is named."""
MOST_MESSAGES = 3
MOST_PROPERTIES = 4


@dataclass(frozen=True, order=True)
class Size:
    """The smaller the better: what can still happen comes before what would have to be undone; then fewer events."""

    rank: int
    events: int = 1
    earlier: int = 0


TO_COME, LONG_AGO, UNDONE = range(3)


@dataclass(frozen=True)
class Supposition:
    """`words` continue "would be in if they …" or "… if "."""

    size: Size
    words: str
    edit: Edit


@dataclass(frozen=True)
class Moment:
    """A moment at which an event could have been, and how it is said: "" for now, " 15 days ago"."""

    at: datetime
    words: str


@dataclass(frozen=True)
class Ground:
    """What all suppositions about one person start from.

    `leaves` are all of the tree, since a change can have to suit several; `messages` those that the person has events
    of, the latest first. `worth` says whether a change could let them in, from what it touches alone.
    """

    person: Person
    leaves: Sequence[Leaf]
    now: datetime
    worth: Callable[[Edit], bool]

    @cached_property
    def messages(self) -> list[KnownMessage]:
        latest = sorted(self.person.interactions, key=lambda fact: fact.occurred_at, reverse=True)
        return list(
            dict.fromkeys(
                KnownMessage(fact.orchestration, fact.kind, fact.step, fact.channel, fact.labels) for fact in latest
            )
        )

    @cached_property
    def ladder(self) -> list[Moment]:
        """Now, and the latest moment beyond each edge that a test in the tree looks at, the latest first."""
        found = {self.now: Moment(self.now, "")}
        for leaf in self.leaves:
            test = leaf.node.test if isinstance(leaf.node, MessageCondition | EventCondition) else None
            for moment in _edges(test, self.now):
                if moment.at < self.now:
                    found.setdefault(moment.at, moment)
        return sorted(found.values(), key=lambda moment: moment.at, reverse=True)


def suppositions(leaf: Leaf, ground: Ground) -> Iterator[Supposition]:
    """Changes that may turn the leaf."""
    person = ground.person
    match leaf.node:
        case MessageCondition() | EventCondition():
            yield from _events(leaf, ground)
        case AttributeCondition():
            yield from _values(leaf, ground)
        case ListCondition() as node:
            words = list_words(node, node.id not in person.lists, leaf.context.names)
            yield Supposition(Size(TO_COME), words, Listing(node.id))
        case ReachableCondition() as node:
            words = reach_words(node, node.channel not in person.reachable)
            yield Supposition(Size(TO_COME), words, Reaching(node.channel))


def _edges(test: Test | None, now: datetime) -> Iterator[Moment]:
    ago = test.ago if isinstance(test, LastEventAge) else test.window if isinstance(test, CountSince) else None
    if ago is not None:
        yield Moment(now - length(ago), f" {duration_words(ago)} ago")
    dates: list[datetime | None] = []
    if isinstance(test, LastEventDate):
        dates = [test.date, test.start, test.end]
    elif isinstance(test, CountSince):
        dates = [test.since]
    for date in dates:
        if date is not None:
            yield Moment(date - TICK, f" before {moment_words(date)}")


# Events, of messages and others.


def _events(leaf: Leaf, ground: Ground) -> Iterator[Supposition]:
    node, context = leaf.node, leaf.context
    happened: Sequence[InteractionFact | EventFact]
    inside: Sequence[InteractionFact | EventFact]
    prototypes: Sequence[InteractionFact | EventFact]
    if isinstance(node, MessageCondition):
        history = message_history(node, ground.person, context)
        happened, inside = history.happened, history.counted
        doing, prototypes = doing_message(node, context.names), _messages(leaf, node.event, ground)
        if history.outsider:
            sending = doing_message(replace(node, event=Interaction.SENT, opens=Opens.HUMAN), context.names)
            yield from _more(sending, _messages(leaf, Interaction.SENT, ground), ground.ladder, [1])
    else:
        assert isinstance(node, EventCondition)
        happened = fitting = event_history(node, ground.person, context)
        inside = counted(node.test, fitting, context.now)
        doing, prototypes = doing_event(node), _custom_events(leaf, ground)
    numbers = _numbers(node.test, len(inside))
    more = [n - len(inside) for n in numbers if len(inside) < n <= len(inside) + MOST_EVENTS]
    yield from _more(doing, prototypes, ground.ladder, more, _lately(node.test, context.now), again=bool(inside))
    if happened and ground.worth(Events(went=tuple(happened))):
        window = f" {window_words(node.test)}" if isinstance(node.test, CountSince) else ""
        yield from _fewer(doing, inside, [n for n in numbers if n < len(inside)], window)
        if isinstance(node.test, LastEventAge | LastEventDate):
            yield from _moved(doing, happened, prototypes, ground.ladder)


def _more(
    doing: Doing,
    prototypes: Sequence[InteractionFact | EventFact],
    ladder: Sequence[Moment],
    numbers: Sequence[int],
    window: str = "",
    *,
    again: bool = False,
) -> Iterator[Supposition]:
    for number, (step, moment), prototype in product(numbers, enumerate(ladder), prototypes):
        words = doing.more(number, moment.words if step else window, again=again)
        size = Size(LONG_AGO if step else TO_COME, number, step)
        yield Supposition(size, words, Events(replace(prototype, occurred_at=moment.at), number))


def _fewer(
    doing: Doing, inside: Sequence[InteractionFact | EventFact], numbers: Sequence[int], window: str
) -> Iterator[Supposition]:
    for left in numbers:
        words, size = doing.only(left, window), Size(UNDONE, len(inside) - left)
        yield Supposition(size, words, Events(went=tuple(inside[left:])))
        if left:
            yield Supposition(size, words, Events(went=tuple(inside[:-left])))


def _moved(
    doing: Doing,
    happened: Sequence[InteractionFact | EventFact],
    prototypes: Sequence[InteractionFact | EventFact],
    ladder: Sequence[Moment],
) -> Iterator[Supposition]:
    """The last event had been another one, or earlier."""
    for step, moment in enumerate(ladder[1:], start=1):
        went = tuple(fact for fact in happened if fact.occurred_at > moment.at)
        if not went:
            continue
        words = doing.last(moment.words)
        if len(went) < len(happened):
            yield Supposition(Size(UNDONE, len(went), step), words, Events(went=went))
        for prototype in prototypes:
            came = replace(prototype, occurred_at=moment.at)
            yield Supposition(Size(UNDONE, len(went) + 1, step), words, Events(came, went=went))


def _numbers(test: Test, n: int) -> list[int]:
    """How many events there could be instead of `n`: those next to a bound of the test, the nearest first."""
    count = test.count if isinstance(test, CountSince) else test
    if not isinstance(count, Count):
        return [n + 1, 0]
    low, high = bounds(count)
    found = {number for number in (low - 1, low, low + 1, high, high + 1) if number >= 0}
    return sorted(found - {n}, key=lambda number: abs(number - n))


def _lately(test: Test, now: datetime) -> str:
    """The part of the test that says when an event of now would be: " in the last 5 hours"."""
    match test:
        case CountSince():
            return f" {window_words(test)}"
        case LastEventAge():
            return f" {window_words(CountSince(Count(CountOperator.AT_LEAST, 1), window=test.ago))}"
        case LastEventDate() if passes(test, [now], now):
            return f" {last_event_words(test)}"
    return ""


def _messages(leaf: Leaf, event: Interaction, ground: Ground) -> list[InteractionFact]:
    """Such an event of some messages that it can be of: some that the person knows, some others, and a new one."""
    node, context = leaf.node, leaf.context
    assert isinstance(node, MessageCondition)
    found: dict[InteractionFact, None] = {}
    for messages in (ground.messages, context.messages, _new_messages(node)):
        facts = (_event_of(message, event, leaf) for message in messages)
        possible = (fact for fact in facts if fact.channel in INTERACTIONS[event].channels)
        fitting = (fact for fact in possible if on_target(fact, node, context) and ground.worth(Events(fact)))
        found |= dict.fromkeys(islice(fitting, MOST_MESSAGES))
    return list(found)


def _event_of(message: KnownMessage, event: Interaction, leaf: Leaf) -> InteractionFact:
    context = leaf.context
    by_machine = isinstance(leaf.node, MessageCondition) and leaf.node.opens is Opens.MACHINE
    return InteractionFact(
        event=event,
        orchestration=message.orchestration,
        kind=message.kind,
        step=message.step,
        channel=message.channel,
        labels=message.labels,
        machine=by_machine and INTERACTIONS[event].opens,
        occurred_at=context.now,
        journey=context.journey if message.orchestration == context.automation else None,
    )


def _new_messages(node: MessageCondition) -> Iterator[KnownMessage]:
    """A campaign that does not exist yet can be on any channel, with any label."""
    target = node.target
    channels = target.channels if isinstance(target, ChannelTarget) else tuple(Channel)
    labels = frozenset(target.codes[:1]) if isinstance(target, LabelTarget) else frozenset[str]()
    if isinstance(target, AnyTarget | ChannelTarget | LabelTarget):
        for channel in channels:
            yield KnownMessage(0, "campaign", None, channel, labels)


def _custom_events(leaf: Leaf, ground: Ground) -> list[EventFact]:
    """Such an event with properties that fit the condition, or others on the same event as well."""
    assert isinstance(leaf.node, EventCondition)
    name, own, now = leaf.node.event, leaf.node.where, leaf.context.now
    if not ground.worth(Events(EventFact(name, {}, now))):
        return []
    found = list(_fitting(own, now))
    for other in ground.leaves:
        if isinstance(other.node, EventCondition) and other.node.event == name and other.node.where != own:
            found += _fitting((*own, *other.node.where), now)
    return [EventFact(name, properties, now) for properties in found]


def _fitting(where: tuple[PropertyFilter, ...], now: datetime) -> Iterator[dict[str, JSON]]:
    asked: dict[str, list[Comparison]] = {}
    for item in where:
        asked.setdefault(item.property, []).append(item.comparison)
    options = []
    for comparisons in asked.values():
        tried = (value for comparison in comparisons for value in values_near(comparison, now))
        fits = (value for value in tried if all(value_holds(value, one, now) for one in comparisons))
        options.append(list(islice(fits, 2)))
    for values in islice(product(*options), MOST_PROPERTIES):
        yield {key: value for key, value in zip(asked, values, strict=True) if value is not None}


# Values.


def _values(leaf: Leaf, ground: Ground) -> Iterator[Supposition]:
    """Other values of the attribute. Where one condition alone asks about it, any value that fits it will do."""
    node, now = leaf.node, leaf.context.now
    assert isinstance(node, AttributeCondition)
    if not ground.worth(Value(node.attribute, None)):
        return
    before = ground.person.attributes.get(node.attribute)
    met = value_holds(before, node.comparison, now, unset=node.unset)
    asking = [other.node for other in ground.leaves if isinstance(other.node, AttributeCondition)]
    asking = [other for other in asking if other.attribute == node.attribute]
    tried = {repr(value): value for other in (node, *asking) for value in values_near(other.comparison, now, before)}
    for value in tried.values():
        if value_holds(value, node.comparison, now, unset=node.unset) is met:
            continue
        words = value_set_words(node.attribute, value)
        if len(asking) == 1:
            words = attribute_words(node, not met, newly_set=has_value(value) and not has_value(before))
        yield Supposition(Size(TO_COME), words, Value(node.attribute, value))


def values_near(comparison: Comparison, now: datetime, before: JSON = None) -> Iterator[JSON]:
    """Values on both sides of a comparison; None for no value."""
    operands = comparison.value if isinstance(comparison.value, tuple) else (comparison.value,)
    for operand in (*operands, comparison.low, comparison.high):
        match operand:
            case datetime():
                yield from (moment.astimezone(UTC).isoformat() for moment in (operand, operand - TICK))
            case bool() | str():
                yield operand
            case int() | float():
                yield from (operand, operand + 1, operand - 1)
    if comparison.ago is not None:
        ages = (timedelta(0), length(comparison.ago), length(comparison.ago) - TICK)
        yield from ((now - age).astimezone(UTC).isoformat() for age in ages)
    if comparison.operator in (ValueOperator.HAS, ValueOperator.HAS_NOT):
        elements = before if isinstance(before, list) else []
        yield [*elements, comparison.value]  # type: ignore[list-item]  # the codec lets scalars only through
        yield [element for element in elements if not same(element, comparison.value)]
    yield None
    yield "–"
