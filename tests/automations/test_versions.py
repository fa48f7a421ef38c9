"""Drafts and versions, and what becomes of people on the way when a version is published."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from automations import actions, moving, publishing
from automations.actions import AutomationError
from automations.graph import codec
from automations.models import (
    Automation,
    AutomationStatus,
    Ending,
    Journey,
    JourneyStatus,
    Version,
    VersionStatus,
    WebhookCall,
)
from automations.publishing import NotReady, People
from automations.readiness import problems
from retargeting.accounts.models import Activity
from retargeting.conditions.errors import ConditionErrors
from tests.automations.definitions import definition, delay, guide, opened, push

pytestmark = pytest.mark.django_db


@pytest.fixture
def cart(marketer) -> Automation:
    """The example of the guide, published."""
    automation = actions.create_automation(actor=marketer, name="Abandoned cart")
    actions.save_draft(actor=marketer, automation=automation, definition=codec.decode(guide(automation.pk)))
    publishing.publish(actor=marketer, automation=automation)
    automation.refresh_from_db()
    return automation


def waiting(automation: Automation, profile: int, step: str, **more: object) -> Journey:
    now = timezone.now()
    version = automation.versions.get(status=VersionStatus.CURRENT)
    values = {"step": step, "way": "waits", "arrived_at": now, "entered_at": now, "since": now, "due_at": now, **more}
    return Journey.objects.create(automation=automation, version=version, profile_id=profile, **values)


def edited(automation: Automation, **changes: object) -> None:
    data = {**guide(automation.pk), **changes}
    actions.save_draft(actor=None, automation=automation, definition=codec.decode(data))


def test_the_message_steps_of_a_draft_are_targets_and_stay_so_when_taken_out(marketer):
    automation = actions.create_automation(actor=marketer, name="Cart", definition=definition(steps=[push("a")]))
    step = automation.message_steps.get(key="a")
    actions.save_draft(actor=marketer, automation=automation, definition=definition(steps=[push("b")]))
    step.refresh_from_db()
    assert step.removed_at is not None
    steps = [{"key": "a", "type": "message", "channel": "sms"}]
    with pytest.raises(ConditionErrors) as raised:
        actions.save_draft(actor=marketer, automation=automation, definition=definition(steps=steps))
    assert [error.path for error in raised.value.errors] == ["/steps/0/channel"]


def test_a_draft_with_gaps_is_not_published_and_each_gap_is_named_beside_its_step(marketer):
    steps = [{"key": "m", "type": "message", "channel": "push"}, {"key": "q", "type": "split"}]
    steps += [{"key": "u", "type": "update_profile"}, {"key": "h", "type": "webhook"}]
    steps += [{"key": "s", "type": "split", "condition": opened(999, "x")}]
    automation = actions.create_automation(actor=marketer, name="Gaps", definition=codec.decode({"steps": steps}))
    with pytest.raises(NotReady) as raised:
        publishing.publish(actor=marketer, automation=automation)
    found = [(problem.step or problem.part, problem.field) for problem in raised.value.problems]
    assert found == [
        ("trigger", ""),
        ("m", "message/title"),
        ("m", "message/body"),
        ("q", "condition"),
        ("u", "attributes"),
        ("h", "url"),
        ("s", "condition/conditions/0/target/automation"),
    ]
    automation.refresh_from_db()
    assert automation.status == AutomationStatus.DRAFT


def test_a_split_right_behind_the_message_it_asks_about_is_warned_of(cart):
    data = guide(cart.pk)
    assert problems(cart.pk, codec.decode(data)) == []
    del data["steps"][1]
    [warning] = problems(cart.pk, codec.decode(data))
    assert warning.warning
    assert (warning.step, warning.field) == ("seen", "condition")
    assert "first" in warning.message


def test_a_wait_for_an_open_right_behind_the_message_is_as_it_should_be(cart):
    wait = {"key": "seen", "type": "wait_until", "timeout": {"amount": 1, "unit": "day"}, "met": [], "timed_out": []}
    steps = [push("first"), {**wait, "condition": opened(cart.pk, "first")}]
    assert problems(cart.pk, definition(steps=steps)) == []


def test_publishing_again_leaves_the_former_version_to_those_on_it(cart):
    journey = waiting(cart, 1, "wait")
    edited(cart, steps=[push("first"), delay("wait", 2, "day")])
    found = publishing.effects(cart, codec.decode(cart.versions.get(status="draft").definition))
    assert (found.on_the_way, found.same_step, found.without_step) == (1, 1, 0)
    publishing.publish(actor=None, automation=cart)
    assert list(cart.versions.values_list("number", "status")) == [(2, "current"), (1, "former")]
    journey.refresh_from_db()
    assert journey.version.number == 1


def test_people_move_to_the_step_of_the_same_name_and_the_others_leave(cart):
    kept = waiting(cart, 1, "wait")
    lost = waiting(cart, 2, "again")
    edited(cart, steps=[push("first"), delay("wait", 2, "day")])
    publishing.publish(actor=None, automation=cart, people=People.MOVE, others=People.END)
    kept.refresh_from_db()
    lost.refresh_from_db()
    assert (kept.version.number, kept.status) == (2, JourneyStatus.WAITING)
    assert (kept.due_at - kept.arrived_at).days == 2, "it waits by the new rule, in all"
    assert (lost.version.number, lost.status, lost.ending) == (1, JourneyStatus.LEFT, Ending.VERSION)
    said = Activity.objects.filter(verb="publish").first()
    assert said is not None
    assert "1 on the way moved to it; 1 journeys ended" in said.summary


def test_who_has_just_come_to_a_delay_waits_once_when_a_version_is_published_meanwhile(town):
    automation = town.automation({"steps": [delay("wait", 2)]})
    [person] = town.people(1)
    town.enter(automation, person)
    edited(automation, steps=[delay("wait", 2), push("last")])
    publishing.publish(actor=None, automation=automation, people=People.MOVE)
    town.move()
    with time_machine.travel(timezone.now() + timedelta(hours=2, minutes=1)):
        town.move()
    assert town.at(automation) == {"p0": "finished"}


def test_nobody_gets_a_message_again_that_they_have_had_on_this_journey(town):
    hook = {"key": "tell", "type": "webhook", "url": "https://shop.example/hook"}
    automation = town.automation({"steps": [push("first"), hook, delay("wait"), push("last")]})
    early, late = town.people(2)
    town.enter(automation, early)
    town.move()
    edited(automation, steps=[delay("wait"), push("first"), hook, push("last")])
    publishing.publish(actor=None, automation=automation, people=People.MOVE)
    town.enter(automation, late)
    town.move()
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        town.move()
        town.send()
        assert town.got(early) == ["first", "last"]
        assert sorted(town.got(late)) == ["first", "last"]
        assert WebhookCall.objects.count() == 2


def test_appended_steps_reach_those_who_had_finished_where_that_is_wanted(cart):
    done = {"status": JourneyStatus.COMPLETED, "ending": Ending.FINISHED, "ended_at": timezone.now(), "due_at": None}
    finished = waiting(cart, 1, "", **done)
    again = waiting(cart, 2, "", **done)
    waiting(cart, 2, "wait", lap=2)
    left = waiting(cart, 3, "", **{**done, "status": JourneyStatus.LEFT, "ending": Ending.REMOVED})
    edited(cart, steps=[*guide(cart.pk)["steps"], push("bye")])
    assert publishing.effects(cart, codec.decode(cart.versions.get(status="draft").definition)).finished == 1
    publishing.publish(actor=None, automation=cart, reach_finished=True)
    for journey in (finished, again, left):
        journey.refresh_from_db()
    assert (finished.status, finished.step, finished.version.number) == (JourneyStatus.WAITING, "bye", 2)
    assert again.status == JourneyStatus.COMPLETED, "they have entered again since then"
    assert left.status == JourneyStatus.LEFT


def test_stopping_ends_every_journey_and_publishing_begins_it_again(cart):
    journey = waiting(cart, 1, "wait")
    publishing.pause(actor=None, automation=cart)
    with pytest.raises(AutomationError, match="stop it first"):
        actions.archive(actor=None, automation=cart)
    assert publishing.stop(actor=None, automation=cart) == 1
    journey.refresh_from_db()
    assert (journey.status, journey.ending) == (JourneyStatus.LEFT, Ending.STOPPED)
    with pytest.raises(AutomationError):
        publishing.resume(actor=None, automation=cart)
    publishing.publish(actor=None, automation=cart)
    cart.refresh_from_db()
    assert cart.status == AutomationStatus.RUNNING


def test_a_copy_asks_about_its_own_steps(cart):
    copy = actions.duplicate(actor=None, automation=cart)
    split = Version.objects.get(automation=copy).definition["steps"][2]
    assert split["condition"]["conditions"][0]["target"]["automation"] == copy.pk
    assert set(copy.message_steps.values_list("key", flat=True)) == {"first", "again"}


def test_discarding_a_draft_takes_its_steps_out_again(cart):
    edited(cart, steps=[push("other")])
    assert cart.message_steps.filter(removed_at=None).count() == 3
    actions.discard_draft(actor=None, automation=cart)
    assert set(cart.message_steps.filter(removed_at=None).values_list("key", flat=True)) == {"first", "again"}
    assert not cart.versions.filter(status="draft").exists()


def test_somebody_is_moved_by_hand_or_taken_out(cart):
    journey = waiting(cart, 1, "wait")
    waiting(cart, 1, "wait", lap=2, key="other")
    moved = moving.move_journey(actor=None, journey=journey, step="again")
    assert (moved.step, moved.lap) == ("again", 3), "in a lap of its own, so that no step counts as passed"
    with pytest.raises(AutomationError, match="no step nowhere"):
        moving.move_journey(actor=None, journey=journey, step="nowhere")
    assert moving.remove_journeys(actor=None, automation=cart, ids=[journey.pk]) == 1
    assert moving.remove_journeys(actor=None, automation=cart, ids=[journey.pk]) == 0
    with pytest.raises(AutomationError, match="over"):
        moving.move_journey(actor=None, journey=journey, step="wait")


def test_what_never_ran_is_deleted_and_what_ran_is_archived(cart):
    never = actions.create_automation(actor=None, name="Never")
    assert actions.delete_automation(actor=None, automation=never)
    publishing.stop(actor=None, automation=cart)
    assert not actions.delete_automation(actor=None, automation=cart)
    cart.refresh_from_db()
    assert cart.archived_at is not None
