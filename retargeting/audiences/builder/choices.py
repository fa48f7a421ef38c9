"""What the pickers offer: campaigns, automations with their steps, labels, segments, lists.

Each kind is read once for the whole builder, and only if a row needs it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from django.db.models import OuterRef, QuerySet, Subquery

from retargeting.audiences.builder.draft import Draft, DraftRow
from retargeting.audiences.builder.kinds import LIST, MESSAGE, SEGMENT, kind_of
from retargeting.audiences.builder.literals import line_of
from retargeting.audiences.models import Segment
from retargeting.orchestrations.models import Kind, Label, MessageStep, Orchestration
from retargeting.profiles.models import ProfileList

RECENT = 30
MOST = 500


@dataclass(frozen=True)
class Choice:
    """`channel` and `colour` give the sign before the name; `note` stands quietly behind it."""

    value: str
    label: str
    channel: str = ""
    colour: str = ""
    note: str = ""


class Choices:
    def __init__(self, draft: Draft) -> None:
        self.rows = [place.item for place in draft.places() if isinstance(place.item, DraftRow)]

    def _ids(self, control: str) -> set[int]:
        given = {id for row in self.rows for id in row.all(control)}
        return {int(id) for id in given if id.isascii() and id.isdigit() and len(id) < 10}

    def _targets(self, target: str) -> bool:
        return any(kind_of(row.one("what")).form == MESSAGE and row.one("target") == target for row in self.rows)

    # Campaigns.

    @cached_property
    def recent_campaigns(self) -> list[Choice]:
        return found_campaigns("") if self._targets("campaign") else []

    @cached_property
    def campaigns(self) -> dict[str, Choice]:
        """Those that are chosen somewhere and the recent ones, by id."""
        known = {choice.value: choice for choice in self.recent_campaigns}
        missing = {id for id in self._ids("campaign") if str(id) not in known}
        if missing:
            known |= {choice.value: choice for choice in _campaigns(Orchestration.objects.filter(id__in=missing))}
        return known

    def offered_campaigns(self, row: DraftRow) -> list[Choice]:
        words = row.one("campaign_search")
        return found_campaigns(words) if words.strip() else self.recent_campaigns

    # Automations.

    @cached_property
    def automations(self) -> dict[str, Choice]:
        if not self._targets("automation"):
            return {}
        rows = Orchestration.objects.filter(kind=Kind.AUTOMATION, archived_at=None)
        rows = rows | Orchestration.objects.filter(kind=Kind.AUTOMATION, id__in=self._ids("automation"))
        return {str(row.id): Choice(str(row.id), row.name) for row in rows.order_by("name")[:MOST]}

    @cached_property
    def steps(self) -> dict[str, list[Choice]]:
        """The message steps of the chosen automations; what was taken out of one can still be a target."""
        found: dict[str, list[Choice]] = {}
        chosen = self._ids("automation") if self._targets("automation") else set()
        if chosen:
            steps = MessageStep.objects.filter(orchestration_id__in=chosen).exclude(key="")
            for step in steps.order_by("orchestration_id", "position", "id"):
                note = "removed" if step.removed_at else ""
                choice = Choice(line_of(step.key), step.name or step.key, channel=step.channel, note=note)
                found.setdefault(str(step.orchestration_id), []).append(choice)
        return found

    # The rest.

    @cached_property
    def labels(self) -> dict[str, Choice]:
        if not self._targets("label"):
            return {}
        return {
            line_of(label.code): Choice(line_of(label.code), label.name, colour=label.colour)
            for label in Label.objects.all()[:MOST]
        }

    @cached_property
    def segments(self) -> dict[str, Choice]:
        if not any(kind_of(row.one("what")).form == SEGMENT for row in self.rows):
            return {}
        return {str(id): Choice(str(id), name) for id, name in Segment.objects.values_list("id", "name")[:MOST]}

    @cached_property
    def lists(self) -> dict[str, Choice]:
        if not any(kind_of(row.one("what")).form == LIST for row in self.rows):
            return {}
        return {str(id): Choice(str(id), name) for id, name in ProfileList.objects.values_list("id", "name")[:MOST]}

    def channels_of(self, row: DraftRow) -> set[str]:
        """The channels of a row's target as far as they are known; empty for all."""
        match row.one("target"):
            case "channel":
                return set(row.all("channel"))
            case "campaign":
                chosen = [self.campaigns[id] for id in row.all("campaign") if id in self.campaigns]
                return {choice.channel for choice in chosen if choice.channel}
            case "automation":
                steps = [step for id in row.all("automation") for step in self.steps.get(id, [])]
                keys = set(row.all("step"))
                return {step.channel for step in steps if not keys or step.value in keys}
        return set()


def found_campaigns(words: str) -> list[Choice]:
    """The newest campaigns whose name has all these words."""
    rows = Orchestration.objects.filter(kind=Kind.CAMPAIGN)
    wanted = words.replace("\x00", "").split()[:8]
    if not wanted:
        rows = rows.filter(archived_at=None)
    for word in wanted:
        rows = rows.filter(name__icontains=word)
    return list(_campaigns(rows.order_by("-created_at", "-id")[:RECENT]))


def _campaigns(rows: QuerySet[Orchestration]) -> Iterable[Choice]:
    """A campaign's one message step says on which channel it goes."""
    channel = MessageStep.objects.filter(orchestration_id=OuterRef("pk"), key="").values("channel")[:1]
    for row in rows.annotate(channel=Subquery(channel)).only("id", "name", "created_at", "archived_at"):
        note = "archived" if row.archived_at else f"{row.created_at.day} {row.created_at:%b %Y}"
        yield Choice(str(row.id), row.name, channel=row.channel or "", note=note)
