"""Live numbers, the people behind them, where somebody is, and the report."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from automations import moving
from automations.models import Ending, Journey
from automations.numbers import Period, What, of_steps, people
from automations.report import Converted, report
from automations.serializers import AutomationReportSerializer
from automations.whereabouts import where_is
from retargeting.audiences.engine import evaluate
from retargeting.conditions.codec import decode
from retargeting.conditions.nodes import Interaction
from retargeting.messaging.actions import record_reaction
from retargeting.messaging.models import Delivery
from retargeting.messaging.tracking import Recipient
from tests.automations.definitions import guide

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


@pytest.fixture
def cart(town):
    """Of three who got the first push one opened it, one was taken out, and one waits; an hour later they go on."""
    automation = town.automation(guide)
    ana, ben, cleo = town.people(3)
    with time_machine.travel(NOON, tick=False):
        town.enter(automation, ana, ben, cleo)
        town.move()
        town.send()
    with time_machine.travel(NOON + timedelta(minutes=5), tick=False):
        delivery = Delivery.objects.get(profile_id=ana.pk)
        record_reaction(recipient=Recipient(delivery.dispatch_id, ana.pk), event=Interaction.OPENED)
        [journey] = Journey.objects.filter(profile_id=ben.pk)
        moving.remove_journeys(actor=None, automation=automation, ids=[journey.pk])
    return automation


def test_each_step_has_its_numbers_and_the_people_behind_them(town, cart):
    found = of_steps(cart)
    assert found["first"].counts == {
        What.WAITING: 0, What.PASSED: 3, What.LEFT: 0, What.SENT: 3, What.OPENED: 1, What.CLICKED: 0, What.SKIPPED: 0,
    }  # fmt: skip
    assert (found["wait"][What.WAITING], found["wait"][What.LEFT]) == (2, 1)
    with time_machine.travel(NOON + timedelta(hours=1), tick=False):
        town.move()
        town.send()
    found = of_steps(cart)
    assert found["seen"].ways == {"yes": 1, "no": 1}
    assert found["again"][What.SENT] == 1
    for step, numbers in found.items():
        for what in What:
            assert len(people(cart, step, what)) == numbers[what], (step, what)
    first_hour = Period(NOON, NOON + timedelta(hours=1))
    assert of_steps(cart, first_hour).get("seen") is None
    assert of_steps(cart, first_hour)["first"][What.SENT] == 3
    assert of_steps(cart, Period(start=NOON + timedelta(minutes=1)))["first"][What.SENT] == 0


def test_where_somebody_is_what_they_wait_for_and_how_they_came(town, cart):
    ana = Journey.objects.order_by("profile_id").first()
    profile = type(town.people(1)[0]).objects.get(pk=ana.profile_id)
    [found] = where_is(profile, cart)
    assert (found.step, found.waits_for, found.until) == ("wait", "Wait 1 hour", NOON + timedelta(hours=1))
    with time_machine.travel(NOON + timedelta(hours=1), tick=False):
        town.move()
    [found] = where_is(profile)
    assert [(each.key, each.way) for each in found.passed] == [("first", ""), ("wait", ""), ("seen", "yes")]
    assert (found.journey.ending, found.waits_for, found.until) == (Ending.FINISHED, "", None)


def test_somebody_who_is_moved_goes_on_from_there_and_gets_what_is_there_again(town, cart):
    journey = Journey.objects.filter(status="waiting").first()
    with time_machine.travel(NOON + timedelta(minutes=10), tick=False):
        moving.move_journey(actor=None, journey=journey, step="first")
        town.move()
        town.send()
    journey.refresh_from_db()
    assert (journey.step, journey.due_at) == ("wait", NOON + timedelta(minutes=70))
    assert Delivery.objects.filter(profile_id=journey.profile_id, status="sent").count() == 2


def test_the_report_counts_journeys_by_what_became_of_them(town, cart):
    with time_machine.travel(NOON + timedelta(hours=1), tick=False):
        town.move()
    first = Journey.objects.filter(status="completed").order_by("pk").first()
    Journey.objects.filter(pk=first.pk).update(goal_at=NOON + timedelta(hours=3))
    found = report(cart)
    assert (found.entries, found.active, found.completed) == (3, 0, 2)
    assert found.endings == {Ending.FINISHED: 2, Ending.REMOVED: 1}
    assert (found.treated, found.held_out) == (Converted(3, 1), Converted(0, 0))
    lines = {line.step.key: line for line in found.steps}
    assert [line.passed.journeys for line in found.steps] == [3, 2, 2, 1]
    assert lines["seen"].ways == {"yes": Converted(1, 1), "no": Converted(1, 0)}
    assert found.time_to_goal.quartiles == (timedelta(hours=3),) * 3
    assert report(cart, Period(start=NOON + timedelta(days=1))).entries == 0


def test_each_number_of_the_report_opens_just_so_many_journeys(town, viewer_client):
    automation = town.automation(guide)
    people = town.people(5)
    with time_machine.travel(timezone.now() - timedelta(days=1)):
        town.enter(automation, *people[:4])
        town.move()
        town.send()
        opened = Delivery.objects.filter(profile_id=people[0].pk).get()
        record_reaction(recipient=Recipient(opened.dispatch_id, people[0].pk), event=Interaction.OPENED)
        moving.remove_journeys(actor=None, automation=automation, ids=[Journey.objects.latest("pk").pk])
    town.move()
    town.enter(automation, people[4])
    town.move()
    page = viewer_client.get(f"/automations/{automation.pk}/report/").content.decode()
    links = re.findall(r'href="([^"]*/people/[^"]*)">([\d,]+)</a>', page)
    assert len(links) == 3 + 4 + 2 + 2, "three cards, four steps, two ways, two endings"
    for link, number in links:
        assert viewer_client.get(unescape(link)).context["paginator"].count == int(number), link


@pytest.mark.parametrize(
    ("treated", "held_out", "said"),
    [
        ((100, 40), (100, 10), "About 30 more journeys reached the goal than would have without it, 300 % more."),
        ((100, 12), (100, 10), "No difference that could not be luck. One of this size needs about"),
        ((10, 1), (10, 0), "No difference that could not be luck."),
    ],
)
def test_the_report_says_whether_the_automation_is_worth_it(treated, held_out, said, town, viewer_client):
    automation = town.automation(guide)
    version, now = automation.versions.get(), timezone.now()
    groups = [("completed", "finished", *treated), ("held_out", "holdout", *held_out)]
    Journey.objects.bulk_create(
        Journey(
            automation=automation,
            version=version,
            profile_id=1000 * place + number,
            status=status,
            ending=ending,
            step="again",
            arrived_at=now,
            entered_at=now,
            since=now,
            ended_at=now,
            goal_at=now if number < reached else None,
        )
        for place, (status, ending, journeys, reached) in enumerate(groups)
        for number in range(journeys)
    )
    page = viewer_client.get(f"/automations/{automation.pk}/report/")
    assert said in page.content.decode()
    told = AutomationReportSerializer(report(automation)).data["lift"]
    assert told["low"] < told["difference"] == treated[1] / treated[0] - held_out[1] / held_out[0] < told["high"]
    assert "points against the holdout, with 95 % certainty between" in page.content.decode()


def test_people_who_did_something_with_a_message_get_a_campaign(cart, marketer_client):
    with time_machine.travel(NOON + timedelta(hours=2), tick=False):
        page = marketer_client.get(f"/automations/{cart.pk}/people/?what=opened&step=first&days=7")
        asked = page.context["follow_up"]
        assert len(evaluate(decode(json.loads(asked["audience"]))).members) == page.context["paginator"].count == 1
        marketer_client.post("/campaigns/write-to/", {**asked, "channel": "email"})
        for what in ("sent", "clicked", "skipped"):
            page = marketer_client.get(f"/automations/{cart.pk}/people/?what={what}&step=first&days=7")
            tree = decode(json.loads(page.context["follow_up"]["audience"]))
            assert len(evaluate(tree).members) == page.context["paginator"].count
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM orchestrations_orchestration WHERE kind = 'campaign'")
        assert cursor.fetchall() == [("Cart, First push, opened",)]


def test_the_ways_of_a_split_open_who_went_there(cart, town, viewer_client):
    with time_machine.travel(NOON + timedelta(hours=2), tick=False):
        town.move()
        page = viewer_client.get(f"/automations/{cart.pk}/").content.decode()
        ways = dict(re.findall(r'href="([^"]*way=(?:yes|no)[^"]*)"><b>([\d,]+)</b>', page))
        assert len(ways) == 2
        for link, number in ways.items():
            assert viewer_client.get(unescape(link)).context["paginator"].count == int(number)
