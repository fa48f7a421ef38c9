"""Who enters, by what, and how often; and what events do to those who are on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from automations import publishing
from automations.engine import reacting, triggers, waits
from automations.models import Journey, JourneyStatus, Passage, TriggerState
from retargeting.audiences.models import Segment
from retargeting.interactions.actions import accept_events, accept_interactions
from tests.automations.definitions import delay, push

pytestmark = pytest.mark.django_db(transaction=True)

ORDER = {"type": "event", "event": "ordered", "where": [{"property": "value", "operator": "at_least", "value": 50}]}
_numbers = iter(range(10**6))


def tell(profile, event: str, *, ago: int = 0, id: str = "", **properties: object) -> None:
    """An event reaches the API."""
    number = next(_numbers)
    at = timezone.now() - timedelta(seconds=ago)
    item = {"id": id or f"e{number}", "profile": profile.external_id, "event": event, "properties": properties}
    accepted = accept_events(actor=None, items=[{**item, "occurred_at": at.isoformat()}])
    assert not accepted.errors


def running(town, **parts):
    return town.automation({"trigger": ORDER, "steps": [delay("wait", 1, "day")], **parts})


def test_an_event_with_the_right_properties_lets_its_person_in_once(town):
    automation = running(town)
    small, large, other = town.people(3)
    tell(small, "ordered", value=10)
    tell(large, "ordered", value=99, id="same")
    tell(other, "visited", value=99)
    reacting.read_events()
    reacting.read_events()
    tell(large, "ordered", value=99, id="same")
    tell(large, "ordered", value=80)
    reacting.read_events()
    assert town.at(automation) == {"p1": "wait"}
    journey = Journey.objects.get()
    assert journey.entry == {"event": "ordered", "properties": {"value": 99}}


def test_what_happened_before_the_start_lets_nobody_in_and_what_is_told_late_does(town):
    [early, late] = town.people(2)
    automation = running(town)
    tell(early, "ordered", value=60, ago=3600)
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        tell(late, "ordered", value=60, ago=3600)
        reacting.read_events()
    assert town.at(automation) == {"p1": "wait"}


def test_each_value_of_the_key_has_a_journey_of_its_own(town):
    trigger = {**ORDER, "key": "order", "reentry": {"rule": "never"}}
    automation = running(town, trigger=trigger, exits=[{"event": "cancelled"}])
    [person] = town.people(1)
    for order in (1, 2, 2, 3):
        tell(person, "ordered", value=60, order=order)
    tell(person, "ordered", value=60)
    reacting.read_events()
    assert sorted(Journey.objects.values_list("key", "lap")) == [("1", 1), ("2", 2), ("3", 3)]
    tell(person, "cancelled", order=2)
    reacting.read_events()
    assert Journey.objects.get(ending="exit_event").key == "2"
    tell(person, "cancelled")
    reacting.read_events()
    assert not Journey.objects.filter(status=JourneyStatus.WAITING).exists()
    assert automation.journeys.count() == 3


@pytest.mark.parametrize(
    ("rule", "entries"),
    [
        ({"rule": "never"}, 1),
        ({"rule": "always"}, 3),
        ({"rule": "after", "pause": {"amount": 3, "unit": "day"}}, 2),
    ],
)
def test_the_re_entry_rule_says_how_often_somebody_enters(town, rule, entries):
    running(town, trigger={**ORDER, "reentry": rule}, steps=[push("hello")])
    [person] = town.people(1)
    start = timezone.now()
    for days in (0, 2, 4):
        with time_machine.travel(start + timedelta(days=days, seconds=1), tick=False):
            tell(person, "ordered", value=60)
            reacting.read_events()
            town.move()
    assert Journey.objects.count() == entries


def test_nobody_enters_twice_at_a_time(town):
    running(town, trigger={**ORDER, "reentry": {"rule": "always"}})
    [person] = town.people(1)
    tell(person, "ordered", value=60)
    tell(person, "ordered", value=61)
    reacting.read_events()
    tell(person, "ordered", value=62)
    reacting.read_events()
    assert Journey.objects.get().entry["properties"]["value"] == 60


def test_audience_cap_and_dates_hold_people_off(town):
    audience = {"kind": "attribute", "attribute": "vip", "operator": "is", "value": True}
    now = timezone.now()
    trigger = {
        **ORDER,
        "audience": {"match": "all", "conditions": [audience]},
        "cap": {"most": 2},
        "ends_at": (now + timedelta(days=1)).isoformat(),
    }
    automation = running(town, trigger=trigger)
    [plain] = town.people(1)
    vips = town.people(3, vip=True)
    tell(plain, "ordered", value=60)
    tell(vips[0], "ordered", value=60)
    with time_machine.travel(now + timedelta(days=2)):
        tell(vips[1], "ordered", value=60)
        reacting.read_events()
    tell(vips[1], "ordered", value=60)
    tell(vips[2], "ordered", value=60)
    reacting.read_events()
    assert town.at(automation) == {"p1": "wait", "p2": "wait"}


def test_an_exit_event_ends_a_journey_at_once_and_not_one_that_began_later(town):
    automation = running(
        town, exits=[{"event": "bought", "where": []}], trigger={**ORDER, "reentry": {"rule": "always"}}
    )
    first, second = town.people(2)
    with time_machine.travel(timezone.now() + timedelta(minutes=1)):
        tell(first, "ordered", value=60)
        tell(second, "ordered", value=60)
        tell(first, "bought")
        tell(second, "bought", ago=30)
        reacting.read_events()
    assert town.at(automation) == {"p0": "exit_event", "p1": "wait"}


def test_what_happens_while_it_is_paused_counts(town):
    automation = running(town, exits=[{"event": "bought"}])
    [inside, outside] = town.people(2)
    tell(inside, "ordered", value=60)
    reacting.read_events()
    publishing.pause(actor=None, automation=automation)
    tell(inside, "bought")
    tell(outside, "ordered", value=60)
    reacting.read_events()
    publishing.resume(actor=None, automation=automation)
    assert town.at(automation) == {"p0": "exit_event"}


def test_a_goal_in_its_time_is_noted_also_of_who_is_held_out_or_through(town):
    goal = {"event": "bought", "within": {"amount": 2, "unit": "day"}}
    automation = running(town, goal=goal, holdout=50, steps=[push("a"), delay("wait", 1, "hour")])
    people = town.people(40)
    start = timezone.now()
    for person in people:
        tell(person, "ordered", value=60)
    reacting.read_events()
    town.move()
    held_out = set(Journey.objects.filter(status=JourneyStatus.HELD_OUT).values_list("profile_id", flat=True))
    assert 8 < len(held_out) < 32
    with time_machine.travel(start + timedelta(hours=2)):
        town.move()
        for person in people[:20]:
            tell(person, "bought")
        reacting.read_events()
    with time_machine.travel(start + timedelta(days=3)):
        for person in people:
            tell(person, "bought")
        reacting.read_events()
    reached = set(Journey.objects.exclude(goal_at=None).values_list("profile_id", flat=True))
    assert reached == {person.pk for person in people[:20]}
    assert set(automation.journeys.values_list("ending", flat=True)) == {"finished", "holdout"}


def test_reaching_the_goal_ends_the_journey(town):
    automation = running(
        town, goal={"event": "bought", "within": {"amount": 2, "unit": "day"}}, exits=[{"event": "bought"}]
    )
    [person] = town.people(1)
    tell(person, "ordered", value=60)
    tell(person, "bought")
    reacting.read_events()
    assert town.at(automation) == {"p0": "goal"}


def test_a_wait_for_an_event_ends_when_it_comes(town):
    wait = {"key": "paid", "type": "wait_until", "timeout": {"amount": 1, "unit": "day"}, "event": "paid"}
    automation = running(town, steps=[{**wait, "met": [push("thanks")], "timed_out": [push("remind")]}])
    payer, debtor = town.people(2)
    start = timezone.now()
    tell(payer, "ordered", value=60)
    tell(debtor, "ordered", value=60)
    tell(payer, "paid")
    reacting.read_events()
    town.move()
    assert town.at(automation) == {"p0": "paid", "p1": "paid"}
    tell(payer, "paid")
    reacting.read_events()
    town.move()
    town.send()
    assert town.at(automation) == {"p0": "finished", "p1": "paid"}
    assert town.got(payer) == ["thanks"]
    with time_machine.travel(start + timedelta(days=1, minutes=1)):
        town.move()
    assert list(Passage.objects.filter(step="paid").values_list("way", flat=True)) == ["met", "timed_out"]


def test_a_message_event_lets_people_in(town):
    source = town.automation({"steps": [push("news")]})
    opened = {"type": "message", "event": "opened", "target": {"type": "automation", "ids": [source.pk]}}
    automation = running(town, trigger=opened)
    opener, other, robot = town.people(3)
    for person in (opener, other, robot):
        town.enter(source, person)
    item = {"event": "opened", "automation": source.pk, "step": "news"}
    accept_interactions(actor=None, items=[{**item, "id": "1", "profile": "p0"}])
    accept_interactions(actor=None, items=[{**item, "id": "2", "profile": "p2", "machine": True}])
    reacting.read_events()
    assert town.at(automation) == {"p0": "wait"}


def test_a_segment_is_entered_and_left(town):
    audience = {"match": "all", "conditions": [
        {"kind": "attribute", "attribute": "vip", "operator": "is", "value": True}
    ]}  # fmt: skip
    segment = Segment.objects.create(name="VIP", audience=audience)
    [inside] = town.people(1, vip=True)
    [later] = town.people(1)
    trigger = {"type": "segment", "segment": segment.pk}
    entering = town.automation({"trigger": trigger, "steps": [delay("wait")]})
    existing = town.automation({"trigger": {**trigger, "existing": "enter"}, "steps": [delay("wait")]})
    leaving = town.automation({"trigger": {**trigger, "on": "leaves"}, "steps": [delay("wait")]})
    start = timezone.now()
    triggers.look()
    assert [town.at(each) for each in (entering, existing, leaving)] == [{}, {"p0": "wait"}, {}]
    inside.attributes, later.attributes = {}, {"vip": True}
    inside.save()
    later.save()
    with time_machine.travel(start + timedelta(minutes=1)):
        triggers.look()
        triggers.look()
    assert town.at(entering) == {"p1": "wait"}
    assert town.at(existing) == {"p0": "wait", "p1": "wait"}
    assert town.at(leaving) == {"p0": "wait"}


def test_a_schedule_lets_its_audience_in_each_time(town):
    monday = datetime(2026, 3, 30, 9, tzinfo=UTC)
    repeat = {"every": "week", "weekdays": ["mon"]}
    trigger = {"type": "schedule", "at": monday.isoformat(), "repeat": repeat, "reentry": {"rule": "always"}}
    with time_machine.travel(monday - timedelta(hours=1), tick=False):
        town.people(2)
        automation = town.automation({"trigger": trigger, "steps": [push("news")]})
        assert triggers.look() == 0
    for days, entries in ((0, 2), (3, 2), (7, 4), (21, 6)):
        with time_machine.travel(monday + timedelta(days=days, minutes=1), tick=False):
            triggers.look()
            triggers.look()
            town.move()
            assert automation.journeys.count() == entries


def test_a_schedule_keeps_its_time_of_day_over_a_night_that_skips_it(town):
    """02:30 in Paris, which 29 March 2026 does not have."""
    start = datetime(2026, 3, 28, 1, 30, tzinfo=UTC)
    trigger = {"type": "schedule", "at": start.isoformat(), "time_zone": "Europe/Paris", "repeat": {"every": "day"}}
    with time_machine.travel(start - timedelta(hours=1), tick=False):
        automation = town.automation({"trigger": trigger, "steps": [push("news")]})
    found = []
    for _ in range(3):
        due = TriggerState.objects.get(version__automation=automation).next_at
        found.append(due)
        with time_machine.travel(due, tick=False):
            triggers.look()
    assert [f"{each:%d %H:%M}" for each in found] == ["28 01:30", "29 01:00", "30 00:30"]


def test_a_wait_for_a_condition_is_asked_again(town):
    vip = {"match": "all", "conditions": [{"kind": "attribute", "attribute": "vip", "operator": "is", "value": True}]}
    wait = {"key": "vip", "type": "wait_until", "timeout": {"amount": 1, "unit": "day"}, "condition": vip}
    automation = town.automation({"steps": [wait]})
    [person, other] = town.people(2)
    town.enter(automation, person, other)
    town.move()
    person.attributes = {"vip": True}
    person.save()
    waits.look()
    town.move()
    assert town.at(automation) == {"p0": "finished", "p1": "vip"}
