"""Campaigns, or labels, side by side: what people did with each, counted by the same conditions as everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.models import Campaign
from retargeting.audiences.engine import evaluate
from retargeting.chances import Rate, interval
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
from retargeting.conditions.operators import INTERACTIONS
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
    return _rows(campaigns, targets, opens, [{Channel(campaign.channel)} for campaign in campaigns])


def of_labels(labels: Sequence[Label], opens: Opens = Opens.HUMAN) -> list[Row]:
    """People of all that carries the label now, each counted once."""
    targets: list[Target] = [LabelTarget((label.code,)) for label in labels]
    return _rows(labels, targets, opens, [set(Channel)] * len(labels))


def of_label(label: Label, event: Interaction, opens: Opens = Opens.HUMAN) -> Group:
    """The condition on the people behind a number of a label."""
    return Group(Match.ALL, (_condition(event, LabelTarget((label.code,)), opens),))


def _condition(event: Interaction, target: Target, opens: Opens) -> MessageCondition:
    return MessageCondition(event, target, Occurred(True), opens if event in BY_READERS else Opens.HUMAN)


def _rows(
    about: Sequence[Campaign | Label], targets: Sequence[Target], opens: Opens, channels: Sequence[set[Channel]]
) -> list[Row]:
    conditions = [_condition(event, target, opens) for target in targets for event in COLUMNS]
    nodes = evaluate(Group(Match.ANY, tuple(conditions))).nodes
    counts = [len(nodes[f"/conditions/{place}"]) for place in range(len(conditions))]
    width = len(COLUMNS)
    rows = []
    for place, each in enumerate(about):
        people = dict(zip(COLUMNS, counts[place * width : (place + 1) * width], strict=True))
        sent = people[Interaction.SENT]
        known = [event for event in COLUMNS if channels[place] & set(INTERACTIONS[event].channels)]
        rows.append(Row(each, {event: _cell(event, people[event], sent, event in known) for event in COLUMNS}))
    return _with_best(rows)


def _cell(event: Interaction, people: int, sent: int, known: bool) -> Cell:
    """`known`: whether one can tell; of text messages nobody knows whether they were opened."""
    if event == Interaction.SENT or not sent or not known:
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
