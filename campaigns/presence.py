"""“Why was Ana (not) in this run?”, answered from what was frozen then and from what became of her delivery."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from campaigns.models import Campaign, Run
from retargeting.audiences.explain import explain
from retargeting.audiences.references import walk
from retargeting.bitmaps import unpack
from retargeting.conditions import codec
from retargeting.conditions.nodes import Group
from retargeting.messaging.models import Delivery, DeliveryStatus, DispatchStatus, SkipReason
from retargeting.profiles.models import Profile


@dataclass(frozen=True)
class Presence:
    """`verdict` is one sentence; `delivery` is there where the run got to her.

    `reasons` are (condition met, why) for each condition of the audience at that moment. Attributes, lists and
    addresses are as they are now, so they can differ from what the run saw.
    """

    profile: Profile
    was_in: bool | None
    verdict: str
    as_of: datetime | None
    sentence: str
    delivery: Delivery | None
    reasons: list[tuple[bool, str]]


def presence(campaign: Campaign, profile: Profile) -> Presence | None:
    """About the last run of the campaign; None when there has been none."""
    run = Run.objects.filter(campaign=campaign).select_related("dispatch").order_by("-number").first()
    if run is None:
        return None
    delivery = Delivery.objects.filter(dispatch=run.dispatch_id, profile_id=profile.pk).first()
    if run.members is None:
        return Presence(profile, None, "The audience has not been worked out yet.", None, run.sentence, delivery, [])
    was_in = profile.pk in unpack(run.members)
    verdict = _verdict(run, profile, was_in, delivery)
    return Presence(profile, was_in, verdict, run.as_of, run.sentence, delivery, _reasons(run, profile))


def _reasons(run: Run, profile: Profile) -> list[tuple[bool, str]]:
    tree = codec.decode(run.audience)
    leaves = [path for path, node in walk(tree) if not isinstance(node, Group)]
    try:
        verdicts = explain(tree, profile, as_of=run.as_of).verdicts
    except KeyError:  # a segment that the audience named has been deleted since
        return []
    return [(verdicts[path].met, verdicts[path].reason) for path in leaves]


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
