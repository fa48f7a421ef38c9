"""“Why was Ana (not) in this run?”, answered from what was frozen then and from what became of her delivery."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from campaigns.models import Campaign, Run
from retargeting.audiences import references
from retargeting.audiences.checking import conditions_of
from retargeting.audiences.explain import Explanation, explain
from retargeting.audiences.references import walk
from retargeting.bitmaps import unpack
from retargeting.conditions import codec
from retargeting.conditions.nodes import (
    AttributeCondition,
    Group,
    LabelTarget,
    ListCondition,
    MessageCondition,
    ReachableCondition,
    SegmentCondition,
)
from retargeting.conditions.person import Verdict
from retargeting.messaging.models import Delivery, DeliveryStatus, DispatchStatus, SkipReason
from retargeting.profiles.models import Profile

NOW_ONLY = {
    AttributeCondition: "attributes",
    ListCondition: "lists",
    ReachableCondition: "addresses",
    SegmentCondition: "what segments ask for",
}


@dataclass(frozen=True)
class Presence:
    """`verdict` is one sentence; `delivery` is there where the run got to her.

    `explanation` is of the moment of the run, with the events of then. What the audience asks about beside events is
    known as it is now only: `as_now` names it. None where it cannot be told any more.
    """

    profile: Profile
    run: Run
    was_in: bool | None
    verdict: str
    delivery: Delivery | None
    explanation: Explanation | None
    as_now: list[str]

    @property
    def as_of(self) -> datetime | None:
        return self.run.as_of

    @property
    def changed(self) -> bool:
        """Whether what is known now would give another answer than the run gave."""
        return self.explanation is not None and self.explanation.member is not self.was_in

    @property
    def reasons(self) -> list[Verdict]:
        """The verdict on each condition of the audience, from top to bottom."""
        return conditions_of(codec.decode(self.run.audience), self.explanation) if self.explanation else []

    @property
    def outlook(self) -> str:
        """What would have let in somebody who was not."""
        if self.explanation is None or self.was_in or self.changed:
            return ""
        return self.explanation.outlook.sentence(past=True)


def presence(campaign: Campaign, profile: Profile) -> Presence | None:
    """About the last run of the campaign; None when there has been none."""
    run = Run.objects.filter(campaign=campaign).select_related("dispatch").order_by("-number").first()
    if run is None:
        return None
    delivery = Delivery.objects.filter(dispatch=run.dispatch_id, profile_id=profile.pk).first()
    if run.members is None:
        return Presence(profile, run, None, "The audience has not been worked out yet.", delivery, None, [])
    was_in = profile.pk in unpack(run.members)
    tree = codec.decode(run.audience)
    explanation = _explained(tree, profile, run)
    as_now = _as_now(tree) if explanation else []
    return Presence(profile, run, was_in, _verdict(run, profile, was_in, delivery), delivery, explanation, as_now)


def _explained(tree: Group, profile: Profile, run: Run) -> Explanation | None:
    try:
        return explain(tree, profile, as_of=run.as_of)
    except KeyError:  # a segment that the audience named has been deleted since
        return None


def _as_now(tree: Group) -> list[str]:
    """What the tree asks about of which nobody keeps how it was."""
    trees = [tree, *references.look_up(tree).trees.values()]
    nodes = [node for each in trees for _, node in walk(each)]
    found = {words for kind, words in NOW_ONLY.items() if any(isinstance(node, kind) for node in nodes)}
    if any(isinstance(node, MessageCondition) and isinstance(node.target, LabelTarget) for node in nodes):
        found.add("labels")
    return sorted(found)


def _verdict(run: Run, profile: Profile, was_in: bool, delivery: Delivery | None) -> str:
    if not was_in:
        if run.as_of is not None and profile.created_at > run.as_of:
            return "Was not in the audience: this person was added to the product only after it went out."
        return "Was not in the audience: did not match it at that moment."
    if delivery is None:
        ended = run.dispatch.status in {DispatchStatus.COMPLETED, DispatchStatus.CANCELED}
        return (
            "Was in the audience, but the campaign was canceled first." if ended else "In the audience; still to come."
        )
    return f"Was in the audience. {OUTCOMES[DeliveryStatus(delivery.status)](delivery)}"


OUTCOMES = {
    DeliveryStatus.SENT: lambda delivery: f"It was sent to {delivery.address}.",
    DeliveryStatus.SENDING: lambda delivery: "It is with the provider right now.",
    DeliveryStatus.RETRY: lambda delivery: "The provider could not take it; it will be tried again.",
    DeliveryStatus.FAILED: lambda delivery: f"The provider refused it. {delivery.detail}",
    DeliveryStatus.UNCERTAIN: lambda delivery: "Whether it was sent is uncertain: the provider's answer was lost.",
    DeliveryStatus.SKIPPED: lambda delivery: f"It was skipped: {reason_words(delivery)}.",
}


def reason_words(delivery: Delivery) -> str:
    """Why it was skipped or failed, as people say it."""
    words = dict(SkipReason.choices).get(delivery.reason, delivery.reason.replace("_", " ")).lower()
    return f"{words} ({delivery.detail})" if delivery.detail else words
