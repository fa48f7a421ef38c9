"""From a draft to its numbers: what is finished is evaluated, once, while the rest says what it needs.

A row that is not finished is left out, with the groups that have nothing left. A group that cannot be evaluated by
itself (no number in "at least …") still has numbers on its rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pyroaring import BitMap

from retargeting.audiences import engine, references
from retargeting.audiences.builder.draft import Draft, DraftGroup, DraftItem, DraftRow
from retargeting.audiences.builder.literals import Unreadable, read_whole
from retargeting.audiences.builder.reading import control_at, read_row
from retargeting.audiences.models import Segment
from retargeting.audiences.references import References
from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.nodes import Condition, EntryCondition, Group, Match, Node

Problems = dict[str, dict[str, str]]
"""By node and control: what is missing or wrong there. A control named "" stands for the node as a whole."""


@dataclass
class Reading:
    """What a draft says so far."""

    draft: Draft
    conditions: dict[str, Condition]
    problems: Problems
    names: References
    whole: list[str] = field(default_factory=list)
    """What is wrong with the tree as a whole, such as a circle of segments."""

    @property
    def unfinished(self) -> int:
        return len(self.problems)

    @property
    def tree(self) -> Group | None:
        """The tree, if all of it is finished."""
        if self.problems or self.whole:
            return None
        part = self.part(self.draft.root)
        assert part is not None
        assert isinstance(part.node, Group)
        return part.node

    @property
    def asks_entry(self) -> bool:
        return any(isinstance(condition, EntryCondition) for condition in self.conditions.values())

    @property
    def of_people(self) -> Reading:
        """Without what only a journey can tell."""
        conditions: dict[str, Condition] = {
            id: each for id, each in self.conditions.items() if not isinstance(each, EntryCondition)
        }
        return replace(self, conditions=conditions)

    def part(self, item: DraftItem) -> Part | None:
        """The finished part of a node, or None if it cannot be evaluated."""
        if isinstance(item, DraftRow):
            condition = self.conditions.get(item.id)
            return None if condition is None else Part(item.id, condition)
        parts = [part for child in item.items if (part := self.part(child)) is not None]
        everyone = item is self.draft.root and not item.items and item.match == Match.ALL
        if not parts and not everyone:
            return None
        least = None
        if item.match == Match.AT_LEAST:
            if "at_least" in self.problems.get(item.id, {}):
                return None
            least = read_whole(item.at_least)
            if least > len(parts):
                return None
        group = Group(Match(item.match), tuple(part.node for part in parts), least)
        return Part(item.id, group, parts)


@dataclass
class Part:
    """A node of the draft as a node of the language."""

    id: str
    node: Node
    children: list[Part] = field(default_factory=list)

    def paths(self, path: str = "") -> Iterator[tuple[str, str]]:
        """(JSON pointer, node of the draft) for this node and all inside it."""
        yield path, self.id
        for index, child in enumerate(self.children):
            yield from child.paths(f"{path}/conditions/{index}")


@dataclass
class Numbers:
    """The numbers of a draft. `main` is the part that is finished; None if there is none yet."""

    main: Part | None
    counts: dict[str, int]
    evaluation: engine.Evaluation | None = None
    members: BitMap | None = None

    @property
    def total(self) -> int | None:
        return None if self.members is None else len(self.members)

    @property
    def reach(self) -> dict[str, int]:
        if self.evaluation is None or self.members is None:
            return {}
        members = self.members
        return {
            str(channel): members.intersection_cardinality(ids) for channel, ids in self.evaluation.reachable.items()
        }


def read(draft: Draft, *, segment: Segment | None = None, in_automation: bool = False) -> Reading:
    """Read all rows and look up what they refer to; `segment` is the one being edited."""
    conditions: dict[str, Condition] = {}
    problems: Problems = {}
    rows = [place.item for place in draft.places() if isinstance(place.item, DraftRow)]
    for row in rows:
        outcome = read_row(row, in_automation=in_automation)
        if outcome.condition is None:
            problems[row.id] = outcome.problems
        else:
            conditions[row.id] = outcome.condition
    read_rows = [row for row in rows if row.id in conditions]
    flat = Group(Match.ALL, tuple(conditions[row.id] for row in read_rows))
    whole: list[str] = []
    try:
        names = references.check(flat, segment=segment)
    except ConditionErrors as errors:
        names = references.look_up(flat)
        for error in errors.errors:
            index, _, rest = error.path.removeprefix("/conditions/").partition("/")
            if not index.isdigit():
                whole.append(error.message)
                continue
            row = read_rows[int(index)]
            problems.setdefault(row.id, {}).setdefault(control_at(row, f"/{rest}"), error.message)
            conditions.pop(row.id, None)
    for place in draft.places():
        if isinstance(place.item, DraftGroup) and (found := _group_problems(place.item, place.parent is None)):
            problems[place.item.id] = found
    return Reading(draft, conditions, problems, names, whole)


def _group_problems(group: DraftGroup, is_root: bool) -> dict[str, str]:
    if not group.items:
        return {} if is_root and group.match == Match.ALL else {"": "Add a condition or remove this group."}
    if group.match != Match.AT_LEAST:
        return {}
    try:
        least = read_whole(group.at_least)
    except Unreadable as reason:
        return {"at_least": str(reason)}
    if 1 <= least <= len(group.items):
        return {}
    return {"at_least": f"1 to {len(group.items)}: there are that many here"}


def evaluate(reading: Reading) -> Numbers:
    """One evaluation for everything that is finished, and is about people."""
    whole, reading = reading.part(reading.draft.root), reading.of_people
    main = reading.part(reading.draft.root)
    parts = list(_forest(reading, reading.draft.root))
    if not parts:
        return Numbers(whole, {})
    if parts == [main]:
        root, paths = parts[0].node, dict(parts[0].paths())
    else:
        # The parts stand side by side under a root of their own, whose number nobody looks at.
        root = Group(Match.ANY, tuple(part.node for part in parts))
        paths = dict(pair for index, part in enumerate(parts) for pair in part.paths(f"/conditions/{index}"))
    assert isinstance(root, Group)
    evaluation = engine.evaluate(root)
    sizes = evaluation.counts
    counts = {id: sizes[path] for path, id in paths.items()}
    members = None if main is None else evaluation.nodes["" if parts == [main] else "/conditions/0"]
    return Numbers(whole, counts, evaluation, members)


def _forest(reading: Reading, item: DraftItem) -> Iterator[Part]:
    """The largest parts that can be evaluated, none inside another; the whole first, if it can be."""
    part = reading.part(item)
    if part is not None:
        yield part
    if isinstance(item, DraftGroup):
        for child in item.items:
            if part is None or reading.part(child) is None:
                yield from _forest(reading, child)
