"""The canvas: a definition as cards in lanes, each with what it does, how it fares, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from automations.graph.editing import Spot
from automations.graph.nodes import (
    MET,
    NO,
    OTHERWISE,
    TIMED_OUT,
    YES,
    Definition,
    Exit,
    Message,
    MultiSplit,
    RandomSplit,
    Step,
    StepType,
)
from automations.numbers import StepNumbers, What
from automations.readiness import Problem
from automations.wording import condition_words, step_words

ICONS = {
    StepType.DELAY: "clock",
    StepType.WAIT_UNTIL: "history",
    StepType.SPLIT: "route",
    StepType.MULTI_SPLIT: "route",
    StepType.RANDOM_SPLIT: "selector",
    StepType.UPDATE_PROFILE: "user",
    StepType.WEBHOOK: "link",
    StepType.EXIT: "logout",
}
TITLES = {
    StepType.DELAY: "Delay",
    StepType.WAIT_UNTIL: "Wait until",
    StepType.SPLIT: "Yes/no split",
    StepType.MULTI_SPLIT: "Split by conditions",
    StepType.RANDOM_SPLIT: "Random split",
    StepType.UPDATE_PROFILE: "Update profile",
    StepType.WEBHOOK: "Webhook",
    StepType.EXIT: "Exit",
}
BRANCHES = {YES: "Yes", NO: "No", MET: "In time", TIMED_OUT: "Time is up", OTHERWISE: "Everybody else"}
TONES = {YES: "good", MET: "good", NO: "bad", TIMED_OUT: "bad"}


@dataclass(frozen=True, slots=True)
class Lane:
    """A list of steps: the trunk, or a branch of a split. `joins` says whether its end leads on behind the split."""

    spot: str
    cards: Sequence[Card]
    key: str = ""
    name: str = ""
    tone: str = ""
    passed: int | None = None
    joins: bool = True


@dataclass(frozen=True, slots=True)
class Card:
    """`spot` is the place behind it."""

    key: str
    type: str
    icon: str
    channel: str
    title: str
    detail: str
    spot: str
    numbers: StepNumbers
    problems: Sequence[Problem]
    current: bool
    lanes: Sequence[Lane] = field(default_factory=list)
    ends: bool = False

    @property
    def shows_numbers(self) -> bool:
        return any(self.numbers.counts.values())


def trunk(
    definition: Definition,
    numbers: Mapping[str, StepNumbers],
    problems: Sequence[Problem],
    current: str,
    own: int,
) -> Lane:
    """`own` is the id of the automation."""
    drawing = _Drawing(numbers, problems, current, own)
    return Lane(str(Spot()), drawing.cards(definition.steps, Spot()))


@dataclass(frozen=True, slots=True)
class _Drawing:
    numbers: Mapping[str, StepNumbers]
    problems: Sequence[Problem]
    current: str
    own: int

    def cards(self, steps: Sequence[Step], begin: Spot) -> list[Card]:
        return [self.card(step, begin) for step in steps]

    def card(self, step: Step, begin: Spot) -> Card:
        numbers = self.numbers.get(step.key, StepNumbers())
        title, detail = face(step, self.own)
        lanes = [self.lane(step, place, numbers) for place in range(len(step.branches))]
        return Card(
            key=step.key,
            type=str(step.type),
            icon=ICONS.get(step.type, ""),
            channel=str(step.action.channel) if isinstance(step.action, Message) else "",
            title=title,
            detail=detail,
            spot=str(Spot(begin.parent, begin.branch, step.key)),
            numbers=numbers,
            problems=[problem for problem in self.problems if problem.step == step.key],
            current=step.key == self.current,
            lanes=lanes,
            ends=isinstance(step.action, Exit) or (bool(lanes) and not any(lane.joins for lane in lanes)),
        )

    def lane(self, step: Step, place: int, numbers: StepNumbers) -> Lane:
        branch = step.branches[place]
        spot = Spot(step.key, branch.key)
        cards = self.cards(branch.steps, spot)
        return Lane(
            spot=str(spot),
            cards=cards,
            key=branch.key,
            name=branch_name(step, place, self.own),
            tone=TONES.get(branch.key, ""),
            passed=numbers.ways.get(branch.key, 0) if numbers[What.PASSED] else None,
            joins=not cards or not cards[-1].ends,
        )


def branch_name(step: Step, place: int, own: int) -> str:
    """“Yes”, “Everybody else”, “Short text 50 %”."""
    branch = step.branches[place]
    name = branch.name or BRANCHES.get(branch.key) or branch.key.upper()
    match step.action:
        case RandomSplit(weights):
            return f"{name} {weights[place] / sum(weights):.0%}".replace("%", " %")
        case MultiSplit(conditions) if branch.key != OTHERWISE and not branch.name:
            return condition_words(conditions[place], own)
    return name


def face(step: Step, own: int) -> tuple[str, str]:
    """Title and second line of a card. A name of its own is the title, and then what it does stands below."""
    said = step_words(step, own)
    if step.name and step.name != said:
        return step.name, said
    return said, ""
