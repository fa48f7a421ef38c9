"""The first control of a row: what happened, or what somebody is. One row here is one choice there."""

from __future__ import annotations

from dataclasses import dataclass

from retargeting.conditions.nodes import Interaction
from retargeting.conditions.operators import INTERACTIONS

MESSAGE, EVENT, ATTRIBUTE, ENTRY = "message", "event", "attribute", "entry"
SEGMENT, LIST, REACHABLE = "segment", "list", "reachable"


@dataclass(frozen=True, slots=True)
class Kind:
    """`form` is the condition's kind in JSON. `negative` rows say "did not" and start from who was sent the message;
    `plain` is the row they turn into when their test is changed. `holds` is the member or value of the others."""

    label: str
    section: str
    form: str
    event: Interaction | None = None
    negative: bool = False
    plain: str = ""
    holds: bool = True


def _did(event: Interaction) -> Kind:
    return Kind(INTERACTIONS[event].label, "Messages", MESSAGE, event)


def _did_not(event: Interaction, words: str) -> Kind:
    return Kind(words, "Messages", MESSAGE, event, negative=True, plain=str(event))


KINDS: dict[str, Kind] = {
    "sent": _did(Interaction.SENT),
    "not_opened": _did_not(Interaction.OPENED, "was sent and did not open"),
    "not_clicked": _did_not(Interaction.CLICKED, "was sent and did not click"),
    "delivered": _did(Interaction.DELIVERED),
    "opened": _did(Interaction.OPENED),
    "clicked": _did(Interaction.CLICKED),
    "bounced": _did(Interaction.BOUNCED),
    "unsubscribed": _did(Interaction.UNSUBSCRIBED),
    "complained": _did(Interaction.COMPLAINED),
    "skipped": _did(Interaction.SKIPPED),
    "event": Kind("did", "Events", EVENT),
    "entry": Kind("entry event’s", "This journey", ENTRY),
    "attribute": Kind("attribute", "People", ATTRIBUTE),
    "segment": Kind("in segment", "People", SEGMENT),
    "not_segment": Kind("not in segment", "People", SEGMENT, holds=False),
    "list": Kind("in list", "People", LIST),
    "not_list": Kind("not in list", "People", LIST, holds=False),
    "reachable": Kind("reachable by", "People", REACHABLE),
    "not_reachable": Kind("not reachable by", "People", REACHABLE, holds=False),
}

NEGATIVES = {kind.plain: what for what, kind in KINDS.items() if kind.negative}
"""opened → not_opened."""

# The targets as the builder offers them: a step is chosen within an automation.
TARGETS = {
    "campaign": "Campaign",
    "automation": "Automation",
    "channel": "Channel",
    "label": "Label",
    "any": "Any message",
}

TESTS = {
    "occurred_yes": "Occurred: yes",
    "occurred_no": "Occurred: no",
    "last_event": "Last event",
    "count": "Count",
    "count_since": "Count since",
}

LAST = {
    "less_than_ago": "less than",
    "more_than_ago": "more than",
    "before": "before",
    "after": "on or after",
    "between": "between",
}

WINDOWS = {"in_last": "in the last", "since": "since"}

LISTS = ("campaign", "automation", "step", "channel", "label", "values")
"""The controls that hold several values."""


def kind_of(what: str) -> Kind:
    return KINDS.get(what) or KINDS["sent"]
