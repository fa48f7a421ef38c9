"""Campaigns, or labels, side by side: what people did with each, counted by the same conditions as everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.chances import Rate, interval
from campaigns.models import Campaign
from retargeting.audiences.engine import evaluate
from retargeting.conditions.nodes import (
    CampaignTarget,
    Channel,
    Group,
    Interaction,
    LabelTarget,
    Match,
    MessageCondition,
    Occurred,
    Opens,
    Target,
)
from retargeting.orchestrations.models import Label

FEWEST, MOST = 2, 5
COLUMNS = {
    Interaction.SENT: "Sent",
    Interaction.OPENED: "Opened",
    Interaction.CLICKED: "Clicked",
    Interaction.UNSUBSCRIBED: "Unsubscribed",
    Interaction.BOUNCED: "Bounced",
    Interaction.COMPLAINED: "Complained",
}
BY_READERS = {Interaction.OPENED, Interaction.CLICKED}
"""Of these, machines are told apart."""


@dataclass(frozen=True, slots=True)
class Cell:
    """People, and the share of those who were sent it with its 95 % interval; None where that cannot be."""

    people: int
    share: float | None = None
    low: float = 0.0
    high: float = 0.0
    best: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """`about` is the campaign or the label."""

    about: Campaign | Label
    cells: dict[Interaction, Cell]


def of_campaigns(campaigns: Sequence[Campaign], opens: Opens = Opens.HUMAN) -> list[Row]:
    targets: list[Target] = [CampaignTarget((campaign.pk,)) for campaign in campaigns]
    silent = {place for place, campaign in enumerate(campaigns) if campaign.channel == Channel.SMS}
    return _rows(campaigns, targets, opens, silent)


def of_labels(labels: Sequence[Label], opens: Opens = Opens.HUMAN) -> list[Row]:
    """People of all that carries the label now, each counted once."""
    targets: list[Target] = [LabelTarget((label.code,)) for label in labels]
    return _rows(labels, targets, opens, set())


def _rows(about: Sequence[Campaign | Label], targets: Sequence[Target], opens: Opens, silent: set[int]) -> list[Row]:
    conditions = [
        MessageCondition(event, target, Occurred(True), opens) if event in BY_READERS
        else MessageCondition(event, target, Occurred(True))
        for target in targets for event in COLUMNS
    ]  # fmt: skip
    nodes = evaluate(Group(Match.ANY, tuple(conditions))).nodes
    counts = [len(nodes[f"/conditions/{place}"]) for place in range(len(conditions))]
    width = len(COLUMNS)
    rows = []
    for place, each in enumerate(about):
        people = dict(zip(COLUMNS, counts[place * width : (place + 1) * width], strict=True))
        sent = people[Interaction.SENT]
        rows.append(Row(each, {event: _cell(event, people[event], sent, place in silent) for event in COLUMNS}))
    return _with_best(rows)


def _cell(event: Interaction, people: int, sent: int, silent: bool) -> Cell:
    """Of text messages nobody can tell whether they were opened."""
    if event == Interaction.SENT or not sent or (silent and event == Interaction.OPENED):
        return Cell(people)
    rate = Rate(min(people, sent), sent)
    low, high = interval(rate)
    return Cell(people, people / sent, low, high)


def _with_best(rows: list[Row]) -> list[Row]:
    """Mark the opens and clicks that are clearly better than all others: their intervals do not touch."""
    for event in BY_READERS:
        known = [row for row in rows if row.cells[event].share is not None]
        for row in known:
            others = [other.cells[event].high for other in known if other is not row]
            cell = row.cells[event]
            if others and cell.low > max(others):
                row.cells[event] = Cell(cell.people, cell.share, cell.low, cell.high, best=True)
    return rows
