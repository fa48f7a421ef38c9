"""What a journey knows of the event that began it: splits and waits ask for it, messages say it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from automations import actions
from automations.engine.asking import Asker
from automations.engine.batch import due
from automations.graph import codec
from automations.models import Journey, Passage
from automations.readiness import problems
from automations.simulation import simulate
from retargeting.channels.models import SandboxMessage
from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.facts import Context, Person
from retargeting.conditions.person import evaluate
from retargeting.interactions.actions import accept_events
from retargeting.messaging import dispatches, following
from retargeting.messaging.models import Delivery, DeliveryStatus
from retargeting.profiles.models import Address
from tests.automations.definitions import PUSH, delay, push
from tests.conditions.strategies import NOW as MOMENT
from tests.conditions.strategies import entries, event_properties, groups

pytestmark = pytest.mark.django_db


def asks(property: str, operator: str, **more: Any) -> dict[str, Any]:
    return {"match": "all", "conditions": [{"kind": "entry", "property": property, "operator": operator, **more}]}


def split(condition: dict[str, Any]) -> dict[str, Any]:
    return {"key": "s", "type": "split", "condition": condition, "yes": [push("large")], "no": [push("small")]}


def ordered(**properties: Any) -> dict[str, Any]:
    return {"event": "ordered", "properties": properties}


def test_each_journey_goes_by_its_own_event(town):
    """One person with two orders at a time: the large one goes one way, the small one the other."""
    trigger = {"type": "api", "reentry": {"rule": "always"}, "key": "id"}
    automation = town.automation({"trigger": trigger, "steps": [split(asks("value", "at_least", value=50))]})
    [person] = town.people(1)
    for key, value in (("a", 80), ("b", 20), ("c", None)):
        town.enter(automation, person, key=key, entry=ordered(value=value))
    town.enter(automation, person, key="d")
    town.move()
    ways = dict(Passage.objects.filter(step="s").values_list("journey__key", "way"))
    assert ways == {"a": "yes", "b": "no", "c": "no", "d": "no"}


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=40)
@given(tree=groups(entries()), known=st.lists(st.none() | event_properties(), min_size=1, max_size=4))
def test_the_engine_says_of_each_what_one_finds_who_looks_at_it_alone(tree, known, town):
    automation = town.automation({"steps": [delay("wait")]})
    people = town.people(len(known))
    with time_machine.travel(MOMENT, tick=False):
        for person, properties in zip(people, known, strict=True):
            town.enter(automation, person, entry=None if properties is None else ordered(**properties))
        town.move()
        batch = due(automation.pk, Journey.objects.latest("pk").version_id, "wait", MOMENT + timedelta(hours=1))
        asker = Asker(replace(batch, now=MOMENT))
        found = dict(zip(batch.profiles.tolist(), asker.holds(tree).tolist(), strict=True))
    for person, properties in zip(people, known, strict=True):
        assert found[person.pk] is evaluate(tree, Person(), Context(MOMENT, entry=properties or {})).met


def test_a_wait_ends_at_once_for_those_whose_event_fits(town):
    wait = {"key": "w", "type": "wait_until", "timeout": {"amount": 1, "unit": "day"}, "met": [push("large")]}
    automation = town.automation(
        {"steps": [{**wait, "timed_out": [], "condition": asks("value", "at_least", value=50)}]}
    )
    large, small = town.people(2)
    town.enter(automation, large, entry=ordered(value=80))
    town.enter(automation, small, entry=ordered(value=20))
    town.move()
    assert town.at(automation) == {"p0": "finished", "p1": "w"}


def test_messages_say_what_the_event_said(town):
    automation = town.automation({"steps": [push("m", message={**PUSH, "title": "{{ event.id | default: 'none' }}"})]})
    people = town.people(3)
    town.enter(automation, people[0], entry=ordered(id="A-17"))
    town.enter(automation, people[1], entry=ordered(id=18))
    town.enter(automation, people[2])
    town.move()
    town.send()
    sent = SandboxMessage.objects.order_by("profile_id").values_list("content__title", flat=True)
    assert list(sent) == ["A-17", "18", "none"]


def test_a_message_that_is_sent_again_still_says_it(town):
    automation = town.automation({"steps": [push("m", message={**PUSH, "title": "{{ event.id }}"})]})
    [person] = town.people(1)
    town.enter(automation, person, entry=ordered(id="A-17"))
    town.move()
    town.send()
    SandboxMessage.objects.all().delete()
    Delivery.objects.update(status=DeliveryStatus.RETRY, retry_at=timezone.now())
    dispatches.retry_due()
    town.send()
    assert SandboxMessage.objects.get().content["title"] == "A-17"


def test_a_short_link_leads_to_the_order_of_the_journey(town):
    text = {"text": "Track it: https://shop.example/orders/{{ event.id }}"}
    automation = town.automation({"steps": [push("m", channel="sms", message=text)]})
    [person] = town.people(1)
    Address.objects.create(profile=person, channel="sms", address="+33612345678")
    town.enter(automation, person, entry=ordered(id="A-17"))
    town.move()
    town.send()
    path = urlsplit(SandboxMessage.objects.get().content["text"].split()[-1]).path
    assert following.follow(path.rstrip("/").rpartition("/")[2]).url == "https://shop.example/orders/A-17"


def test_a_simulation_takes_the_latest_event_that_fits(town):
    """As if it began the journey now; who has none has no properties."""
    trigger = {"type": "event", "event": "ordered", "where": [{"property": "id", "operator": "is_set"}]}
    data = {"trigger": trigger, "steps": [split(asks("value", "at_least", value=50))]}
    automation = town.automation(data)
    people = town.people(3)
    told = [(0, 2, {"id": 1, "value": 20}), (0, 1, {"id": 2, "value": 80}), (1, 2, {"id": 3, "value": 80}),
            (1, 1, {"id": 4, "value": 20}), (2, 1, {"value": 80})]  # fmt: skip
    items = [
        {"id": f"e{place}", "profile": f"p{person}", "event": "ordered", "properties": properties,
         "occurred_at": (timezone.now() - timedelta(days=days)).isoformat()}
        for place, (person, days, properties) in enumerate(told)
    ]  # fmt: skip
    assert not accept_events(actor=None, items=items).errors
    found = simulate(automation.pk, codec.decode(data), BitMap(each.pk for each in people), {})
    assert found.numbers["s"].ways == {"yes": 1, "no": 2}


def test_it_cannot_be_asked_where_no_event_begins_a_journey(marketer):
    automation = actions.create_automation(actor=marketer, name="Weekly")
    steps = {"steps": [split(asks("value", "is_set"))]}
    api = codec.decode({"trigger": {"type": "api"}, **steps})
    assert problems(automation.pk, api) == []
    trigger = {"type": "message", "event": "opened", "target": {"type": "channel", "channels": ["push"]}}
    [problem] = problems(automation.pk, codec.decode({"trigger": trigger, **steps}))
    assert (problem.step, problem.field, problem.warning) == ("s", "condition", False)


def test_a_trigger_is_not_asked_about_itself():
    audience = asks("value", "is_set")
    with pytest.raises(ConditionErrors) as raised:
        codec.decode({"trigger": {"type": "api", "audience": audience}, "steps": []})
    assert [error.path for error in raised.value.errors] == ["/trigger/audience/conditions/0/kind"]


def test_the_builder_offers_it_in_a_split_and_leaves_numbers_to_the_rest(town, marketer_client):
    """It has no number of its own, since nobody has begun the journey yet."""
    automation = town.automation({"steps": [split(asks("value", "at_least", value=50))]})
    page = marketer_client.get(f"/automations/{automation.pk}/?step=s").content.decode()
    assert 'value="entry" selected' in page
    audience = marketer_client.get(f"/automations/{automation.pk}/?part=trigger&audience=1").content.decode()
    assert 'value="entry"' not in audience
