"""Everything the builder shows, from one draft: rows with their numbers, the rail and the sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from pyroaring import BitMap

from retargeting.audiences.builder.choices import Choices
from retargeting.audiences.builder.controls import Setting, row_controls
from retargeting.audiences.builder.draft import Draft, DraftGroup, DraftItem, DraftRow, to_json
from retargeting.audiences.builder.evaluating import Numbers, Part, Reading, evaluate, read
from retargeting.audiences.builder.literals import line_of
from retargeting.audiences.builder.sample import sampled
from retargeting.audiences.builder.shapes import Control, Option
from retargeting.audiences.builder.suggestions import suggestions
from retargeting.audiences.explain import explain
from retargeting.audiences.models import Segment
from retargeting.conditions.codec import MAX_CONDITIONS, MAX_DEPTH
from retargeting.conditions.hints import warnings
from retargeting.conditions.nodes import Channel, Group, Match
from retargeting.conditions.person import Verdict
from retargeting.conditions.wording import Sentence, sentence
from retargeting.profiles.models import Address, Profile

JOINERS = {"all": "and", "any": "or", "none": "or", "at_least": "also"}
MATCHES = {"all": "all", "any": "any", "none": "none", "at_least": "at least"}


@dataclass(frozen=True)
class Line:
    """One more line under the number, such as whom a cap leaves out. A `strong` one stands out as a sum.

    `bar` is where its bar starts and how long it is, in percent; `url` leads to the people.
    """

    label: str
    number: int
    strong: bool = False
    bar: tuple[str, str] = ("0", "0")
    url: str = ""

    @property
    def size(self) -> int:
        return abs(self.number)


Lines = Callable[[BitMap], Iterable[Line]]
"""What a page adds to the rail: takes the members."""


@dataclass(frozen=True)
class Options:
    """How a builder is set up: its field's name, where it posts to, and what is particular to the page."""

    name: str
    url: str
    segment: Segment | None = None
    in_automation: bool = False
    entry_event: str = ""
    lines: Lines | None = None


@dataclass
class RowView:
    row: DraftRow
    joiner: str
    depth: int
    number: int | None
    controls: list[Control]
    position: str
    verdict: Verdict | None
    warning: str

    is_group = False

    @property
    def id(self) -> str:
        return self.row.id

    @property
    def node(self) -> str:
        return f"{self.depth}:r:{self.row.id}"

    @property
    def sentence(self) -> list[Control]:
        return [control for control in self.controls if not control.waits]

    @property
    def waiting(self) -> list[Control]:
        """Switches that are off: beside the buttons, so that the sentence says only what holds."""
        return [control for control in self.controls if control.waits]

    @property
    def unfinished(self) -> bool:
        return any(one.problem for control in self.controls for one in (control, *control.extra))


@dataclass
class GroupView:
    group: DraftGroup
    joiner: str
    depth: int
    number: int | None
    position: str
    verdict: Verdict | None
    warning: str
    problems: dict[str, str]
    can_nest: bool
    full: bool
    items: list[RowView | GroupView] = field(default_factory=list)
    deleted_at: int | None = None

    is_group = True

    @property
    def id(self) -> str:
        return self.group.id

    @property
    def node(self) -> str:
        return f"{self.depth}:g:{self.group.id}"

    @property
    def is_root(self) -> bool:
        return self.depth == 1

    @property
    def matches(self) -> list[Option]:
        return [Option(name, label, name == self.group.match) for name, label in MATCHES.items()]

    @property
    def counted(self) -> bool:
        return self.group.match == Match.AT_LEAST

    @property
    def problem(self) -> str:
        """What is wrong with the group as a whole."""
        return self.problems.get("", "")

    @property
    def match_focus(self) -> str:
        return f"{self.group.id}-match"

    @property
    def add_focus(self) -> str:
        return f"{self.group.id}-add"


@dataclass(frozen=True)
class PersonView:
    """The person being checked; `profile` is None for nobody of that id or address. `outlook` is a sentence."""

    asked: str
    profile: Profile | None = None
    member: bool | None = None
    outlook: str = ""
    rows: list[tuple[str, Verdict]] = field(default_factory=list)

    @property
    def in_order(self) -> list[Verdict]:
        return [verdict for _, verdict in self.rows]


class Panel:
    """Computed once for each answer; the template reads its properties."""

    def __init__(self, draft: Draft, options: Options) -> None:
        self.draft = draft
        self.options = options
        self.name = options.name
        self.reading: Reading = read(draft, segment=options.segment, in_automation=options.in_automation)
        self.numbers: Numbers = evaluate(self.reading)
        self.known = suggestions()

    # The numbers.

    @property
    def total(self) -> int | None:
        return self.numbers.total

    @property
    def change(self) -> int | None:
        """By how much the last edit has changed the number; None at first and where nothing was edited."""
        if self.total is None or self.draft.before is None or self.draft.operation in ("check", "update"):
            return None
        return self.total - self.draft.before

    @property
    def change_size(self) -> int:
        return abs(self.change or 0)

    @property
    def as_of(self) -> datetime:
        evaluation = self.numbers.evaluation
        return evaluation.as_of if evaluation else timezone.now()

    @property
    def took(self) -> str:
        evaluation = self.numbers.evaluation
        return f"{max(round(evaluation.took_ms), 1):,}" if evaluation else ""

    @cached_property
    def reach(self) -> list[tuple[str, int]]:
        reach = self.numbers.reach
        return [(str(channel), reach[str(channel)]) for channel in Channel if str(channel) in reach]

    @cached_property
    def lines(self) -> list[Line]:
        if self.options.lines is None or self.numbers.members is None:
            return []
        return list(self.options.lines(self.numbers.members))

    @cached_property
    def sample(self) -> list[tuple[Profile, str]]:
        """(person, email address or nothing)"""
        if self.numbers.members is None:
            return []
        ids = sampled(self.numbers.members)
        people = Profile.objects.in_bulk(ids)
        emails = dict(Address.objects.filter(profile_id__in=ids, channel="email").values_list("profile_id", "address"))
        return [(people[id], emails.get(id, "")) for id in ids if id in people]

    # The words.

    @cached_property
    def sentence(self) -> Sentence | None:
        """The finished part as a sentence; None while nothing is finished."""
        main = self.numbers.main
        return None if main is None else sentence(main.node, self.reading.names)

    @cached_property
    def warnings(self) -> dict[str, str]:
        """What is surely not meant, by node."""
        main = self.numbers.main
        if main is None or not isinstance(main.node, Group):
            return {}
        ids = dict(main.paths())
        return {ids[path]: message for path, message in warnings(main.node) if path in ids}

    @property
    def notes(self) -> list[str]:
        """What to know before saving."""
        found = list(self.reading.whole)
        if self.draft.notice:
            found.append(self.draft.notice)
        if self.reading.asks_entry:
            found.append("What began a journey is known on the way only: the numbers leave the entry event out.")
        if not self.draft.root.items:
            found.append("There is no condition yet: this is everyone.")
        elif self.total == 0 and not self.reading.problems:
            found.append("Nobody matches this.")
        elif self.total is not None and self.numbers.evaluation and self.total == len(self.numbers.evaluation.live):
            found.append("Everyone matches this.")
        return found

    @property
    def unfinished(self) -> int:
        return self.reading.unfinished

    # The tree.

    @cached_property
    def setting(self) -> Setting:
        return Setting(
            Choices(self.draft),
            self.known,
            self.options.in_automation,
            self.options.entry_event,
            self.draft.operation,
            f"{self.name}-attributes",
            f"{self.name}-events",
            self.name,
            self.focus,
        )

    @cached_property
    def root(self) -> GroupView:
        view = self._view(self.draft.root, "", 1, "")
        assert isinstance(view, GroupView)
        return view

    def _view(self, item: DraftItem, joiner: str, depth: int, position: str) -> RowView | GroupView:
        number, verdict = self.numbers.counts.get(item.id), self.verdicts.get(item.id)
        problems, warning = self.reading.problems.get(item.id, {}), self.warnings.get(item.id, "")
        if isinstance(item, DraftRow):
            controls = row_controls(item, self.setting, problems)
            return RowView(item, joiner, depth, number, controls, position, verdict, warning)
        full = self.conditions >= MAX_CONDITIONS
        view = GroupView(
            item, joiner, depth, number, position, verdict, warning, problems, depth < MAX_DEPTH and not full, full
        )
        for index, child in enumerate(item.items):
            place = f"{position}.{index + 1}" if position else str(index + 1)
            between = JOINERS[item.match] if index else ""
            view.items.append(self._view(child, between, depth + 1, place))
        deleted = self.draft.deleted
        if deleted is not None and deleted.parent == item.id:
            view.deleted_at = min(deleted.index, len(item.items))
        return view

    @cached_property
    def conditions(self) -> int:
        return self.draft.conditions

    @property
    def undo(self) -> str:
        return to_json(self.draft.deleted) if self.draft.deleted else ""

    @property
    def undo_is_lost(self) -> bool:
        """The group it was in is gone, so that the offer to undo stands at the end."""
        deleted = self.draft.deleted
        return deleted is not None and self.draft.place(deleted.parent) is None

    @property
    def focus(self) -> str:
        return f"{self.name}-{self.draft.focus}" if self.draft.focus else ""

    @property
    def attribute_names(self) -> list[str]:
        return [line_of(name) for name in self.known.attributes]

    @property
    def event_names(self) -> list[str]:
        return [line_of(name) for name in self.known.events]

    # One person.

    @cached_property
    def person(self) -> PersonView | None:
        asked = self.draft.person
        if not asked:
            return None
        profile = find_person(asked)
        main = self.numbers.main
        if profile is None or main is None or not isinstance(main.node, Group):
            return PersonView(asked, profile)
        explanation = explain(main.node, profile, as_of=self.as_of, names=self.reading.names)
        rows = []
        for path, part in _rows(main):
            rows.append((part.id, explanation.verdicts[path]))
        return PersonView(asked, profile, explanation.member, explanation.outlook.sentence(), rows)

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        return dict(self.person.rows) if self.person else {}

    def render(self) -> str:
        return render_to_string("audiences/builder/builder.html", {"panel": self, "name": self.name})


def _rows(part: Part, path: str = "") -> Iterator[tuple[str, Part]]:
    if not part.children and not isinstance(part.node, Group):
        yield path, part
    for index, child in enumerate(part.children):
        yield from _rows(child, f"{path}/conditions/{index}")


def find_person(asked: str) -> Profile | None:
    """By external id, else by an address written just so or in small letters."""
    asked = asked.replace("\x00", "").strip()
    if not asked:
        return None
    found = Profile.objects.filter(external_id=asked).first()
    if found is None:
        owners = Address.objects.filter(channel="email", address__in={asked, asked.lower()})
        found = Profile.objects.filter(pk__in=owners.values("profile_id")).order_by("pk").first()
    return found


def builder_url() -> str:
    return reverse("audience-builder")
