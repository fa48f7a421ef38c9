"""What each step does with the people who come by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from automations import moving, publishing
from automations.engine.asking import Asker
from automations.engine.batch import due
from automations.engine.deciding import decide
from automations.engine.running import move_due, steps_with_due
from automations.engine.writing import write
from automations.models import Journey, Passage, StepTrouble, WebhookCall
from automations.versions import published
from retargeting.channels.models import ChannelConfig
from retargeting.conditions.nodes import Interaction
from retargeting.interactions.actions import accept_interactions
from retargeting.interactions.models import MessageEvent
from retargeting.messaging.actions import record_reaction
from retargeting.messaging.models import Delivery
from retargeting.messaging.tracking import Recipient
from retargeting.orchestrations.models import Label
from retargeting.profiles.actions import erase
from tests.automations.definitions import delay, guide, opened, push

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)
"""A Saturday; the clocks of Europe go forward in the night to come."""


def opens(profile) -> None:
    delivery = Delivery.objects.get(profile_id=profile.pk, dispatch__step__key="first")
    record_reaction(recipient=Recipient(delivery.dispatch_id, profile.pk), event=Interaction.OPENED)


def has(attribute: str, value: object) -> dict[str, object]:
    condition = {"kind": "attribute", "attribute": attribute, "operator": "is", "value": value}
    return {"match": "all", "conditions": [condition]}


def test_who_did_not_open_the_push_gets_another_one(town):
    automation = town.automation(guide)
    opener, other = town.people(2)
    with time_machine.travel(NOON, tick=False):
        assert town.enter(automation, opener, other) == 2
        town.move()
        town.send()
        assert town.at(automation) == {"p0": "wait", "p1": "wait"}
    with time_machine.travel(NOON + timedelta(minutes=5), tick=False):
        opens(opener)
    with time_machine.travel(NOON + timedelta(minutes=59), tick=False):
        assert town.move() == 0
    with time_machine.travel(NOON + timedelta(hours=1), tick=False):
        town.move()
        town.send()
        assert town.got(opener) == ["first"]
        assert town.got(other) == ["first", "again"]
        assert town.at(automation) == {"p0": "finished", "p1": "finished"}
    passed = Passage.objects.filter(profile_id=other.pk).values_list("step", "way")
    assert list(passed) == [("first", ""), ("wait", ""), ("seen", "no"), ("again", "")]


def test_events_of_messages_carry_their_journey(town):
    automation = town.automation(guide)
    [person] = town.people(1)
    town.enter(automation, person)
    town.move()
    town.send()
    opens(person)
    journey = Journey.objects.get()
    assert set(MessageEvent.objects.values_list("journey_id", flat=True)) == {journey.pk}
    assert Delivery.objects.get().journey_id == journey.pk


def test_an_open_that_an_app_reports_counts_for_the_journey_it_belongs_to(town):
    automation = town.automation(guide)
    opener, other = town.people(2)
    start = timezone.now()
    town.enter(automation, opener, other)
    town.move()
    town.send()
    item = {"id": "1", "profile": "p0", "event": "opened", "automation": automation.pk, "step": "first"}
    assert accept_interactions(actor=None, items=[item]).accepted == 1
    with time_machine.travel(start + timedelta(hours=2)):
        town.move()
        town.send()
    assert [town.got(person) for person in (opener, other)] == [["first"], ["first", "again"]]


def test_a_split_looks_at_this_journey_unless_told_otherwise(town):
    def twice(id):
        split = {"key": "ever", "type": "split", "condition": opened(id, "first", scope="ever"), "yes": [push("old")]}
        steps = [push("first"), delay("wait"), {**split, "no": []}, guide(id)["steps"][2]]
        return {"steps": steps, "trigger": {"type": "api", "reentry": {"rule": "always"}}}

    automation = town.automation(twice)
    [person] = town.people(1)
    with time_machine.travel(NOON, tick=False):
        town.enter(automation, person)
        town.move()
        town.send()
        opens(person)
    with time_machine.travel(NOON + timedelta(hours=2), tick=False):
        town.move()
        town.send()
        assert town.got(person) == ["first", "old"]
        town.enter(automation, person)
        town.move()
        town.send()
    with time_machine.travel(NOON + timedelta(hours=4), tick=False):
        town.move()
        town.send()
        assert sorted(town.got(person)) == ["again", "first", "first", "old", "old"]


def test_the_first_branch_that_holds_is_taken(town):
    automation = town.automation({
        "steps": [{
            "key": "where", "type": "multi_split",
            "branches": [
                {"key": "france", "condition": has("country", "FR"), "steps": [push("salut")]},
                {"key": "gold", "condition": has("gold", True), "steps": [push("thanks")]},
            ],
            "otherwise": [push("hello")],
        }, push("end")],
    })  # fmt: skip
    [french] = town.people(1, country="FR", gold=True)
    [gold] = town.people(1, country="DE", gold=True)
    [other] = town.people(1, gold=1)
    town.enter(automation, french, gold, other)
    town.move()
    town.send()
    assert [town.got(person) for person in (french, gold, other)] == [
        ["salut", "end"],
        ["thanks", "end"],
        ["hello", "end"],
    ]


def test_a_random_split_gives_shares_and_everybody_the_same_branch_again(town):
    branches = [{"key": "a", "weight": 30}, {"key": "b", "weight": 70}]
    automation = town.automation({
        "trigger": {"type": "api", "reentry": {"rule": "always"}},
        "steps": [{"key": "lots", "type": "random_split", "branches": branches}],
    })  # fmt: skip
    people = town.people(400)
    for _ in range(2):
        town.enter(automation, *people)
        town.move()
    ways = {}
    for profile, way in Passage.objects.filter(step="lots").values_list("profile_id", "way"):
        ways.setdefault(profile, set()).add(way)
    assert all(len(found) == 1 for found in ways.values())
    assert 80 < sum(found == {"a"} for found in ways.values()) < 160


@pytest.mark.parametrize(
    ("zone", "until", "due"),
    [
        ("Europe/Paris", {"time": "09:00"}, "2026-03-29T07:00:00Z"),
        ("Europe/Paris", {"time": "02:30"}, "2026-03-29T01:00:00Z"),
        ("America/New_York", {"time": "09:00"}, "2026-03-28T13:00:00Z"),
        ("America/New_York", {"time": "09:00", "weekdays": ["mon"]}, "2026-03-30T13:00:00Z"),
        ("", {"time": "09:00", "time_zone": "Asia/Tokyo"}, "2026-03-29T00:00:00Z"),
        ("Not/AZone", {"time": "12:01"}, "2026-03-28T12:01:00Z"),
    ],
)
def test_a_delay_until_a_time_of_day_goes_by_the_clocks_of_each_person(town, zone, until, due):
    automation = town.automation({"steps": [{"key": "sleep", "type": "delay", "until": until}]})
    [person] = town.people(1)
    person.time_zone = zone
    person.save()
    with time_machine.travel(NOON, tick=False):
        town.enter(automation, person)
        move_due()
    journey = Journey.objects.get()
    assert (journey.step, journey.due_at) == ("sleep", datetime.fromisoformat(due))


def test_an_update_is_seen_by_the_next_condition(town):
    automation = town.automation({
        "steps": [
            {"key": "mark", "type": "update_profile", "attributes": {"vip": True, "old": None}},
            {"key": "vip", "type": "split", "condition": has("vip", True), "yes": [push("thanks")], "no": []},
        ],
    })  # fmt: skip
    [person] = town.people(1, old="x", name="Ana")
    town.enter(automation, person)
    town.move()
    town.send()
    person.refresh_from_db()
    assert person.attributes == {"vip": True, "name": "Ana"}
    assert town.got(person) == ["thanks"]


def test_a_wait_for_a_condition_ends_when_it_holds_and_else_by_its_time(town):
    wait = {"key": "vip", "type": "wait_until", "timeout": {"amount": 2, "unit": "day"}, "condition": has("vip", True)}
    automation = town.automation({"steps": [{**wait, "met": [push("yes")], "timed_out": [push("no")]}]})
    [at_once] = town.people(1, vip=True)
    [at_the_end] = town.people(1)
    [never] = town.people(1)
    with time_machine.travel(NOON, tick=False):
        town.enter(automation, at_once, at_the_end, never)
        town.move()
        assert town.at(automation) == {"p0": "finished", "p1": "vip", "p2": "vip"}
    at_the_end.attributes = {"vip": True}
    at_the_end.save()
    with time_machine.travel(NOON + timedelta(days=2), tick=False):
        town.move()
        town.send()
        assert [town.got(person) for person in (at_once, at_the_end, never)] == [["yes"], ["yes"], ["no"]]


def test_an_exit_ends_the_journey_and_a_webhook_is_noted(town):
    steps = [{"key": "tell", "type": "webhook", "url": "https://shop.example/hook"}, {"key": "out", "type": "exit"}]
    automation = town.automation({"steps": [*steps, push("never")]})
    [person] = town.people(1)
    town.enter(automation, person)
    town.move()
    assert town.at(automation) == {"p0": "exit"}
    assert list(WebhookCall.objects.values_list("step", "profile_id", "status")) == [("tell", person.pk, "pending")]


def test_a_channel_that_is_off_holds_people_until_it_is_on_again(town):
    automation = town.automation({"steps": [push("first")]})
    [person] = town.people(1)
    ChannelConfig.objects.update_or_create(channel="push", defaults={"enabled": False})
    with time_machine.travel(NOON, tick=False):
        town.enter(automation, person)
        town.move()
        assert town.at(automation) == {"p0": "first"}
        assert StepTrouble.objects.get().message == "Push is switched off."
    ChannelConfig.objects.update(enabled=True)
    with time_machine.travel(NOON + timedelta(minutes=1), tick=False):
        town.move()
        town.send()
        assert town.got(person) == ["first"]
        assert not StepTrouble.objects.exists()


def test_a_condition_on_a_deleted_label_holds_people_and_says_so(town):
    label = Label.objects.create(code="promo", name="Promo")
    condition = {"kind": "message", "event": "opened", "target": {"type": "label", "codes": ["promo"]}}
    tree = {"match": "all", "conditions": [{**condition, "test": {"type": "occurred", "value": True}}]}
    split = {"key": "promo", "type": "split", "condition": tree, "yes": [], "no": [push("hello")]}
    automation = town.automation({"steps": [delay("wait"), split]})
    [person] = town.people(1)
    with time_machine.travel(NOON, tick=False):
        town.enter(automation, person)
        town.move()
    label.delete()
    with time_machine.travel(NOON + timedelta(hours=1), tick=False):
        town.move()
        assert town.at(automation) == {"p0": "promo"}
        assert "promo" in StepTrouble.objects.get().message
    Label.objects.create(code="promo", name="Promo")
    with time_machine.travel(NOON + timedelta(hours=2), tick=False):
        town.move()
        town.send()
        assert town.got(person) == ["hello"]


def test_a_late_worker_changes_nothing(town):
    automation = town.automation({"steps": [push("first"), delay("wait"), push("second")]})
    moved, removed, erased = town.people(3)
    town.enter(automation, moved, removed, erased)
    version = town.door(automation).version
    batch = due(automation.pk, version, "first", timezone.now())
    decision = decide(batch, published(version)[1], Asker(batch))
    moving.remove_journeys(actor=None, automation=automation, ids=[Journey.objects.get(profile_id=removed.pk).pk])
    erase(actor=None, profile=erased)
    assert write(batch, decision) == 1
    assert write(batch, decision) == 0
    town.send()
    assert Passage.objects.values_list("profile_id", "step").get() == (moved.pk, "first")
    assert town.got(moved) == ["first"]


def test_nobody_moves_while_it_is_paused(town):
    automation = town.automation({"steps": [push("first")]})
    town.enter(automation, *town.people(2))
    publishing.pause(actor=None, automation=automation)
    assert steps_with_due(timezone.now()) == []
    version = town.door(automation).version
    batch = due(automation.pk, version, "first", timezone.now())
    assert write(batch, decide(batch, published(version)[1], Asker(batch))) == 0
    publishing.resume(actor=None, automation=automation)
    assert town.move() == 2
