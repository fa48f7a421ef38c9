"""What can become of the people of a campaign, each as a condition: the report's numbers are audiences.

So a number, the people behind it and the follow-up to them are one and the same set.
"""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.models import Campaign
from retargeting.conditions.nodes import (
    CampaignTarget,
    Channel,
    Group,
    Interaction,
    Match,
    MessageCondition,
    Occurred,
    Opens,
)
from retargeting.conditions.operators import INTERACTIONS


@dataclass(frozen=True, slots=True)
class Outcome:
    """`event` must exist on the campaign's channel. `name` is what a follow-up to these people is called."""

    key: str
    label: str
    name: str
    event: Interaction
    conditions: tuple[tuple[Interaction, bool], ...]

    def tree(self, campaign: Campaign, opens: Opens = Opens.HUMAN) -> Group:
        return Group(
            Match.ALL,
            tuple(_condition(campaign.pk, event, occurred, opens) for event, occurred in self.conditions),
        )


def _condition(campaign_id: int, event: Interaction, occurred: bool, opens: Opens) -> MessageCondition:
    if not INTERACTIONS[event].opens:
        opens = Opens.HUMAN
    return MessageCondition(event, CampaignTarget((campaign_id,)), Occurred(occurred), opens=opens)


_I = Interaction

OUTCOMES: dict[str, Outcome] = {
    outcome.key: outcome
    for outcome in (
        Outcome("sent", "sent", "everyone it was sent to", _I.SENT, ((_I.SENT, True),)),
        Outcome("delivered", "delivered", "whom it reached", _I.DELIVERED, ((_I.DELIVERED, True),)),
        Outcome("opened", "opened", "those who looked", _I.OPENED, ((_I.OPENED, True),)),
        Outcome("clicked", "clicked", "those who clicked", _I.CLICKED, ((_I.CLICKED, True),)),
        Outcome("sent_not_opened", "sent, did not open", "second chance", _I.OPENED, ((_I.OPENED, False),)),
        Outcome("sent_not_clicked", "sent, did not click", "one more try", _I.CLICKED, ((_I.CLICKED, False),)),
        Outcome(
            "opened_not_clicked",
            "opened, did not click",
            "for those who hesitated",
            _I.OPENED,
            ((_I.OPENED, True), (_I.CLICKED, False)),
        ),
        Outcome("bounced", "bounced", "after a bounce", _I.BOUNCED, ((_I.BOUNCED, True),)),
        Outcome("unsubscribed", "unsubscribed", "after leaving", _I.UNSUBSCRIBED, ((_I.UNSUBSCRIBED, True),)),
        Outcome("complained", "complained", "after a complaint", _I.COMPLAINED, ((_I.COMPLAINED, True),)),
        Outcome("skipped", "skipped", "for those who were left out", _I.SKIPPED, ((_I.SKIPPED, True),)),
    )
}


def outcomes_of(channel: str) -> list[Outcome]:
    """The outcomes that messages of `channel` can have."""
    return [outcome for outcome in OUTCOMES.values() if Channel(channel) in INTERACTIONS[outcome.event].channels]
