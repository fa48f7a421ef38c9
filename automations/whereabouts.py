"""Where somebody is: on which ways, at which step, what they wait for and until when; and the way they came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from automations.graph.nodes import Delay, Step, WaitUntil
from automations.models import Automation, Journey, JourneyStatus, Passage, StepTrouble, Way
from automations.versions import published
from automations.wording import called, step_words
from retargeting.profiles.models import Profile


@dataclass(frozen=True, slots=True)
class Passed:
    """A step that was passed; `name` is its own or else what it does, `way` the name of the branch taken."""

    key: str
    name: str
    way: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """`waits_for` says it in words; empty where the journey is over. `until` is when time alone takes them on."""

    journey: Journey
    step: str
    name: str
    waits_for: str
    until: datetime | None
    passed: Sequence[Passed]


def where_is(profile: Profile, automation: Automation | None = None) -> list[Whereabouts]:
    """All journeys of somebody, the latest first; only those through `automation` where one is given."""
    journeys = Journey.objects.filter(profile_id=profile.pk).select_related("automation", "version")
    if automation is not None:
        journeys = journeys.filter(automation=automation)
    return [whereabouts(journey) for journey in journeys.order_by("-entered_at", "-id")]


def whereabouts(journey: Journey) -> Whereabouts:
    steps = {step.key: step for step in published(journey.version_id)[0].walk()}
    here = steps.get(journey.step)
    waits = journey.status == JourneyStatus.WAITING
    return Whereabouts(
        journey=journey,
        step=journey.step,
        name=_name(here, journey.step, journey.automation_id) if journey.step else "",
        waits_for=_waits_for(journey, here) if waits else "",
        until=journey.due_at if waits else None,
        passed=_passed(journey),
    )


def _waits_for(journey: Journey, step: Step | None) -> str:
    trouble = StepTrouble.objects.filter(version=journey.version_id, step=journey.step).first()
    if trouble is not None:
        return trouble.message
    if step is None or journey.way != Way.WAITS:
        return "Goes on in a moment"
    return (
        step_words(step, journey.automation_id)
        if isinstance(step.action, Delay | WaitUntil)
        else "Goes on in a moment"
    )


def _passed(journey: Journey) -> list[Passed]:
    """Also those that were passed on earlier versions and before somebody moved them."""
    found = Passage.objects.filter(journey=journey).select_related("version").order_by("passed_at", "id")
    return [_told(each) for each in found]


def _told(passage: Passage) -> Passed:
    steps = {step.key: step for step in published(passage.version_id)[0].walk()}
    step = steps.get(passage.step)
    branches = {branch.key: branch.name or branch.key.replace("_", " ") for branch in step.branches} if step else {}
    name = _name(step, passage.step, passage.version.automation_id)
    return Passed(passage.step, name, branches.get(passage.way, passage.way), passage.passed_at)


def _name(step: Step | None, key: str, own: int) -> str:
    if step is None:
        return key
    return called(step, own)
