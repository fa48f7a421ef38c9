"""What somebody does to single journeys: move them to another step, or take people out."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from automations.actions import AutomationError, locked
from automations.models import Automation, Ending, Journey, JourneyStatus, Passage
from automations.publishing import end_journeys
from automations.versions import published
from retargeting.accounts.actions import Actor, note
from retargeting.profiles.models import Profile


@transaction.atomic
def move_journey(*, actor: Actor, journey: Journey, step: str) -> Journey:
    """Have somebody go on with `step` at once, wherever they wait. Steps they pass again are passed again: a message
    is sent another time."""
    journey = Journey.objects.select_for_update().select_related("automation").get(pk=journey.pk)
    _, flow = published(journey.version_id)
    if journey.status != JourneyStatus.WAITING:
        raise AutomationError("This journey is over: there is nobody to move.")
    if step not in flow.places:
        raise AutomationError(f"The version that they are on has no step {step}.")
    now = timezone.now()
    theirs = Journey.objects.filter(profile_id=journey.profile_id, automation=journey.automation_id)
    journey.lap = (theirs.aggregate(last=Max("lap"))["last"] or 0) + 1
    before, journey.step, journey.way, journey.arrived_at, journey.due_at = journey.step, step, "", now, now
    journey.save(update_fields=["lap", "step", "way", "arrived_at", "due_at"])
    summary = f"Moved {_name(journey)} in {journey.automation} from {before} to {step}."
    note(actor=actor, verb="move", instance=journey.automation, summary=summary)
    return journey


@transaction.atomic
def remove_journeys(*, actor: Actor, automation: Automation, ids: Collection[int]) -> int:
    """Take people out: their journeys end where they are. Returns how many were still on the way."""
    locked(automation)
    found = Journey.objects.filter(pk__in=list(ids), automation=automation)
    one = found.filter(status=JourneyStatus.WAITING).first() if len(ids) == 1 else None
    ended = end_journeys(found, Ending.REMOVED, timezone.now())
    if ended:
        who = _name(one) if one else f"{ended:,} people"
        note(actor=actor, verb="remove", instance=automation, summary=f"Took {who} out of {automation}.")
    return ended


def scrub(profile_id: int) -> None:
    """Forget the ways of somebody who is erased."""
    theirs = Journey.objects.filter(profile_id=profile_id)
    Passage.objects.filter(journey__in=list(theirs.values_list("pk", flat=True))).delete()
    theirs.delete()


def _name(journey: Journey) -> str:
    return Profile.objects.filter(pk=journey.profile_id).values_list("external_id", flat=True).first() or "somebody"
