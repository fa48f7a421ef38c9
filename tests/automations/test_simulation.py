"""A draft is tried out with real people: where they go, and that nothing comes of it."""

from __future__ import annotations

import pytest
from pyroaring import BitMap

from automations import actions, simulation
from automations.graph import codec
from automations.models import Journey, Passage
from automations.numbers import What
from automations.simulation import Shares
from retargeting.messaging.models import Delivery
from retargeting.profiles.models import Address, Profile
from tests.automations.definitions import delay, guide, opened, push

pytestmark = pytest.mark.django_db


def attribute(name: str, value: str) -> dict:
    return {"match": "all", "conditions": [{"kind": "attribute", "attribute": name, "operator": "is", "value": value}]}


@pytest.fixture
def automation(marketer):
    made = actions.create_automation(actor=marketer, name="Cart")
    actions.save_draft(actor=marketer, automation=made, definition=codec.decode(guide(made.pk)))
    return made


def run(automation, data, people, **shares: Shares):
    definition = codec.decode({"trigger": {"type": "api"}, **data})
    return simulation.simulate(automation.pk, definition, BitMap(p.pk for p in people), shares)


def test_the_split_goes_by_what_the_lots_say_of_the_message_before(town, automation):
    people = town.people(1000)
    found = run(automation, guide(automation.pk), people, first=Shares(opened=0.3, clicked=0.1))
    split = found.numbers["seen"]
    assert found.numbers["first"][What.SENT] == 1000
    assert 240 < found.numbers["first"][What.OPENED] < 360
    assert split.ways == {"yes": found.numbers["first"][What.OPENED], "no": 1000 - split.ways["yes"]}
    assert found.numbers["again"][What.PASSED] == split.ways["no"]
    assert len(found.finished) == 1000
    again = run(automation, guide(automation.pk), people, first=Shares(opened=0.3, clicked=0.1))
    assert again.numbers["seen"].ways == split.ways
    assert not any(model.objects.exists() for model in (Journey, Passage, Delivery))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_or_nobody_open(share, town, automation):
    found = run(automation, guide(automation.pk), town.people(20), first=Shares(opened=share, clicked=share))
    assert found.numbers["seen"].ways == ({"yes": 20} if share else {"no": 20})


def test_who_cannot_be_reached_is_skipped_and_did_not_open(town, automation):
    people = town.people(10)
    Address.objects.filter(channel="push", profile__in=people[:4]).update(subscribed=False)
    steps = [push("first"), {"key": "s", "type": "split", "condition": opened(automation.pk, "first", value=False),
                             "yes": [], "no": []}]  # fmt: skip
    found = run(automation, {"steps": steps}, people, first=Shares(opened=1, clicked=0))
    assert (found.numbers["first"][What.SENT], found.numbers["first"][What.SKIPPED]) == (6, 4)
    # "Was sent it and did not open it": not those who were never sent it.
    assert found.numbers["s"].ways == {"no": 10}


def test_other_conditions_are_those_of_today_and_an_exit_ends(town, automation):
    town.people(3, plan="free")
    rich = town.people(2, plan="pro")
    everybody = list(Profile.objects.all())
    branch = {"key": "pro", "condition": attribute("plan", "pro"), "steps": [{"key": "out", "type": "exit"}]}
    steps = [{"key": "m", "type": "multi_split", "branches": [branch], "otherwise": [delay("d")]}]
    found = run(automation, {"steps": steps}, everybody)
    assert found.numbers["m"].ways == {"pro": 2, "otherwise": 3}
    assert found.numbers["out"][What.PASSED] == 2
    assert set(found.finished) == {p.pk for p in everybody} - {p.pk for p in rich}


def test_weights_and_waits_are_lots(town, automation):
    people = town.people(1000)
    branches = [{"key": "a", "weight": 1, "steps": []}, {"key": "b", "weight": 3, "steps": []}]
    steps = [
        {"key": "r", "type": "random_split", "branches": branches},
        {"key": "w", "type": "wait_until", "event": "bought", "timeout": {"amount": 1, "unit": "day"},
         "met": [], "timed_out": []},
    ]  # fmt: skip
    found = run(automation, {"steps": steps}, people, w=Shares(met=0.1))
    assert 200 < found.numbers["r"].ways["a"] < 300
    assert 60 < found.numbers["w"].ways["met"] < 140
    assert sum(found.numbers["r"].ways.values()) == sum(found.numbers["w"].ways.values()) == 1000


def test_the_way_of_one_person_says_what_held(town, automation, marketer_client):
    [ana] = town.people(1)
    found = run(automation, guide(automation.pk), [ana], first=Shares(opened=0, clicked=0))
    assert [(passed.step.key, passed.way) for passed in found.path] == [
        ("first", ""), ("wait", ""), ("seen", "no"), ("again", ""),
    ]  # fmt: skip
    [(words, held)] = found.path[2].asked
    assert "opened" in words
    assert not held
    page = marketer_client.get(f"/automations/{automation.pk}/simulation/?who={ana.external_id}&opened-first=0")
    assert "The way of p0" in page.content.decode()


def test_the_page_shows_where_everybody_goes(town, automation, viewer_client):
    town.people(30)
    page = viewer_client.get(f"/automations/{automation.pk}/simulation/")
    assert len(page.context["found"].people) == 30
    assert "30</b> passed" in page.content.decode()
    page = viewer_client.get(f"/automations/{automation.pk}/simulation/?who=&opened-first=100&clicked-first=0")
    assert page.context["found"].numbers["seen"].ways == {"yes": 30}
    assert viewer_client.get(f"/automations/{automation.pk}/simulation/?who=&opened-first=x").status_code == 200
    assert "Nobody has" in viewer_client.get(f"/automations/{automation.pk}/simulation/?who=zoe").content.decode()


def test_at_least_two_of_three():
    parts = [BitMap([1, 2, 3]), BitMap([2, 3]), BitMap([3, 4])]
    assert simulation._at_least(parts, 1) == BitMap([1, 2, 3, 4])
    assert simulation._at_least(parts, 2) == BitMap([2, 3])
    assert simulation._at_least(parts, 3) == BitMap([3])


def test_a_large_audience_is_sampled(monkeypatch):
    monkeypatch.setattr(simulation, "MOST", 100)
    found = simulation.sample(BitMap(range(10_000)), 1)
    assert len(found) == 100
    assert found == simulation.sample(BitMap(range(10_000)), 1)
