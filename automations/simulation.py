"""Trying a definition out before it is published: real people through it at once, waits skipped.

Nothing is sent and nothing is written. What people are, and what they have done elsewhere, is what the data says now;
what they do with the automation's own messages is drawn by lot, by shares that are given. What cannot be known before
is left out: caps, quiet hours, and events that end a journey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from django.utils import timezone
from pyroaring import BitMap

from automations.engine.asking import sees_this_journey
from automations.engine.entries import people_who_fit
from automations.graph.nodes import (
    MET,
    NO,
    OTHERWISE,
    TIMED_OUT,
    YES,
    Branch,
    Definition,
    EventTrigger,
    Exit,
    Message,
    MultiSplit,
    RandomSplit,
    ScheduleTrigger,
    SegmentTrigger,
    Split,
    Step,
    WaitUntil,
)
from automations.numbers import StepNumbers, What
from automations.wording import condition_words
from retargeting.audiences.engine import evaluate
from retargeting.conditions.nodes import (
    EVERYONE,
    Channel,
    Count,
    CountSince,
    EntryCondition,
    EventCondition,
    Group,
    Interaction,
    Match,
    MessageCondition,
    Node,
    Occurred,
    ReachableCondition,
    SegmentCondition,
    StepTarget,
    Test,
)
from retargeting.conditions.operators import count_holds
from retargeting.messaging.draws import Purpose, drawn
from retargeting.orchestrations import figures
from retargeting.orchestrations.models import MessageStep

MOST = 10_000
"""People who are sent through; of a larger audience so many are drawn by lot."""
RECENT_STEPS = 50
DEFAULT_OPENED, DEFAULT_CLICKED, DEFAULT_MET = 0.2, 0.03, 0.5
"""Shares where there is no history to take them from."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What part of those who get a message open it, and click; or of a wait, what part get what they wait for."""

    opened: float = DEFAULT_OPENED
    clicked: float = DEFAULT_CLICKED
    met: float = DEFAULT_MET


@dataclass(frozen=True, slots=True)
class Passed:
    """A step on the way of one person: how they went on, and for a split each condition with whether it held."""

    step: Step
    way: str
    asked: Sequence[tuple[str, bool]] = ()
    note: str = ""


@dataclass(slots=True)
class Simulation:
    """`audience` are those who could enter, `people` those who were sent through, `finished` came to the end."""

    audience: int
    people: BitMap
    numbers: dict[str, StepNumbers] = field(default_factory=dict)
    finished: BitMap = field(default_factory=BitMap)
    path: list[Passed] = field(default_factory=list)


def audience_of(definition: Definition) -> BitMap:
    """Everybody who could enter if the trigger came for them now."""
    conditions: list[Node] = []
    if isinstance(definition.trigger, SegmentTrigger):
        conditions.append(SegmentCondition(definition.trigger.segment))
    if definition.entry.audience is not None:
        conditions.append(definition.entry.audience)
    if not conditions and isinstance(definition.trigger, ScheduleTrigger):
        return evaluate(EVERYONE).members
    return evaluate(Group(Match.ALL, tuple(conditions))).members


def sample(audience: BitMap, automation: int) -> BitMap:
    """At most MOST of them; the same ones each time."""
    if len(audience) <= MOST:
        return audience
    found = drawn(audience, Purpose.SIMULATION, automation, min(1.0, 1.2 * MOST / len(audience)))
    return found[:MOST]


def shares_from_history(automation: int, definition: Definition) -> dict[str, Shares]:
    """Of each message what its step has seen so far, or else the latest ones on its channel."""
    known = {step.key: step.pk for step in MessageStep.objects.filter(orchestration=automation)}
    own = figures.of_steps(list(known.values()))
    of_channel: dict[Channel, Shares] = {}
    found = {}
    for step in definition.walk():
        if isinstance(step.action, Message):
            seen = own[known[step.key]] if step.key in known else figures.Figures()
            channel = step.action.channel
            if channel not in of_channel:
                latest = MessageStep.objects.filter(channel=channel).order_by("-pk").values_list("pk", flat=True)
                counted = figures.of_steps(list(latest[:RECENT_STEPS])).values()
                of_channel[channel] = _shares(sum(counted, figures.Figures()), Shares())
            found[step.key] = _shares(seen, of_channel[channel])
        elif isinstance(step.action, WaitUntil):
            found[step.key] = Shares()
    return found


def _shares(seen: figures.Figures, otherwise: Shares) -> Shares:
    if not seen.sent:
        return otherwise
    return Shares(seen.opened / seen.sent, seen.clicked / seen.sent)


def simulate(
    automation: int, definition: Definition, people: BitMap, shares: Mapping[str, Shares], *, audience: int = 0
) -> Simulation:
    """Send the people through; with exactly one of them `path` tells the way. Raises ConditionErrors."""
    found = Simulation(audience or len(people), people)
    event = definition.trigger.event if isinstance(definition.trigger, EventTrigger) else None
    run = _Run(automation, event, shares, found, alone=len(people) == 1)
    found.finished = run.through(definition.steps, people)
    return found


@dataclass(slots=True)
class _Run:
    automation: int
    trigger: EventCondition | None
    shares: Mapping[str, Shares]
    found: Simulation
    alone: bool
    reactions: dict[tuple[Interaction, str], BitMap] = field(default_factory=dict)

    def through(self, steps: Sequence[Step], people: BitMap) -> BitMap:
        """Those of `people` who come out at the end of the steps."""
        for step in steps:
            if not people:
                break
            people = self.step(step, people)
        return people

    def step(self, step: Step, people: BitMap) -> BitMap:
        numbers = self.found.numbers.setdefault(step.key, StepNumbers())
        numbers.counts[What.PASSED] += len(people)
        match step.action:
            case Message():
                self.tell(step, step.action, people, numbers)
            case Exit():
                self.note(step)
                return BitMap()
            case _ if step.branches:
                return self.split(step, people, numbers)
            case _:
                self.note(step)
        return people

    def split(self, step: Step, people: BitMap, numbers: StepNumbers) -> BitMap:
        out = BitMap()
        for branch, part in self.ways(step, people):
            if not part:
                continue
            numbers.ways[branch.key] = numbers.ways.get(branch.key, 0) + len(part)
            self.note(step, branch.name or branch.key.replace("_", " "), self.asked(step))
            out |= self.through(branch.steps, part)
        return out

    def ways(self, step: Step, people: BitMap) -> list[tuple[Branch, BitMap]]:
        branches = {branch.key: branch for branch in step.branches}
        match step.action:
            case Split(condition):
                yes = self.holds(condition, people)
                return [(branches[YES], yes), (branches[NO], people - yes)]
            case WaitUntil(_, _, Group() as condition):
                met = self.holds(condition, people)
                return [(branches[MET], met), (branches[TIMED_OUT], people - met)]
            case WaitUntil():
                met = self.lot(step.key, "met", people, self.of(step).met)
                return [(branches[MET], met), (branches[TIMED_OUT], people - met)]
            case MultiSplit(conditions):
                parts, rest = [], people
                for branch, condition in zip(step.branches, conditions, strict=False):
                    taken = self.holds(condition, rest)
                    parts.append((branch, taken))
                    rest = rest - taken
                return [*parts, (branches[OTHERWISE], rest)]
            case RandomSplit(weights):
                parts, rest, left = [], people, sum(weights)
                for branch, weight in zip(step.branches, weights, strict=True):
                    taken = self.lot(step.key, branch.key, rest, weight / left if left else 0)
                    parts.append((branch, taken))
                    rest, left = rest - taken, left - weight
                return parts
        raise TypeError(f"{step.type} has no ways")

    def tell(self, step: Step, message: Message, people: BitMap, numbers: StepNumbers) -> None:
        reachable = Group(Match.ALL, (ReachableCondition(message.channel),))
        sent = people & evaluate(reachable).members
        shares = self.of(step)
        clicked = self.lot(step.key, "clicked", sent, shares.clicked)
        rest = max(shares.opened - shares.clicked, 0) / (1 - shares.clicked) if shares.clicked < 1 else 0
        opened = clicked | self.lot(step.key, "opened", sent - clicked, rest)
        if message.channel == Channel.SMS:
            opened = BitMap()  # nobody can tell
        for what, interaction, who in (
            (What.SENT, Interaction.SENT, sent),
            (What.OPENED, Interaction.OPENED, opened),
            (What.CLICKED, Interaction.CLICKED, clicked),
            (What.SKIPPED, Interaction.SKIPPED, people - sent),
        ):
            numbers.counts[what] += len(who)
            self.reactions[interaction, step.key] = self.reactions.get((interaction, step.key), BitMap()) | who
        said = "not reachable: skipped" if not sent else "clicked" if clicked else "opened" if opened else "not opened"
        self.note(step, note=said)

    # What holds.

    def holds(self, tree: Group | None, people: BitMap) -> BitMap:
        return people if tree is None else people & self.members(tree, people)

    def members(self, node: Node, people: BitMap) -> BitMap:
        if not isinstance(node, Group):
            return self.leaf(node, people)
        parts = [self.members(child, people) & people for child in node.conditions]
        if not parts:
            return people
        match node.match:
            case Match.ALL:
                return BitMap.intersection(*parts)
            case Match.ANY:
                return BitMap().union(*parts)
            case Match.NONE:
                return people - BitMap().union(*parts)
        return _at_least(parts, node.at_least or 1)

    def leaf(self, node: Node, people: BitMap) -> BitMap:
        if isinstance(node, EntryCondition):
            return people_who_fit(people, node, self.trigger, timezone.now())
        if not sees_this_journey(node, self.automation):
            return evaluate(Group(Match.ALL, (node,))).members
        assert isinstance(node, MessageCondition)
        assert isinstance(node.target, StepTarget)
        did = BitMap().union(*(self.reactions.get((node.event, key), BitMap()) for key in node.target.keys))
        got = BitMap().union(*(self.reactions.get((Interaction.SENT, key), BitMap()) for key in node.target.keys))
        rest = people - did if node.event == Interaction.SENT else got - did
        found = BitMap()
        if _holds(node.test, 1):
            found |= did
        if _holds(node.test, 0):
            found |= rest
        return found

    # One person's way.

    def note(self, step: Step, way: str = "", asked: Sequence[tuple[str, bool]] = (), note: str = "") -> None:
        if self.alone:
            self.found.path.append(Passed(step, way, asked, note))

    def asked(self, step: Step) -> list[tuple[str, bool]]:
        """Each condition of a split, in words, and whether it holds for the one person."""
        if not self.alone:
            return []
        match step.action:
            case Split(Group() as tree) | WaitUntil(_, _, Group() as tree):
                nodes: Sequence[Node] = tree.conditions
            case MultiSplit(conditions):
                nodes = [condition for condition in conditions if condition is not None]
            case _:
                return []
        people = self.found.people
        return [
            (condition_words(Group(Match.ALL, (node,)), self.automation), bool(self.members(node, people) & people))
            for node in nodes
        ]

    def of(self, step: Step) -> Shares:
        return self.shares.get(step.key, Shares())

    def lot(self, step: str, what: str, people: BitMap, share: float) -> BitMap:
        return drawn(people, Purpose.SIMULATION, crc32(f"{self.automation}/{step}/{what}".encode()), share)


def _at_least(parts: Sequence[BitMap], least: int) -> BitMap:
    """Who is in so many of the parts."""
    reached = [BitMap() for _ in range(least)]
    for part in parts:
        for level in range(least - 1, 0, -1):
            reached[level] |= reached[level - 1] & part
        reached[0] |= part
    return reached[-1]


def _holds(test: Test, times: int) -> bool:
    """Of something that has happened so often, just now: in a simulation nothing happens twice."""
    match test:
        case Occurred(value):
            return bool(times) == value
        case Count():
            return count_holds(test, times)
        case CountSince(count):
            return count_holds(count, times)
    return bool(times)
