"""Automations through the API: from an empty draft to people on their way."""

from __future__ import annotations

import pytest

from automations.engine.running import move_due
from automations.models import Automation, Journey
from retargeting.profiles.models import Profile
from tests.automations.definitions import delay, guide, push

pytestmark = pytest.mark.django_db
URL = "/automations/"
STEPS = [push("hello"), delay("wait")]


def call(program, method: str, path: str, data: object = None, expect: int = 200):
    response = getattr(program, method)(URL + path, *([] if data is None else [data]), format="json")
    assert response.status_code == expect, response.content
    return response.json() if response.content else None


@pytest.fixture
def made(program):
    data = {"name": "Welcome", "trigger": {"type": "api"}, "steps": STEPS}
    return call(program, "post", "", data, 201)


def test_what_is_written_is_read_again(program, made):
    assert made["steps"] == STEPS
    assert (made["status"], made["draft"], made["version"]) == ("draft", 1, None)
    assert call(program, "get", f"{made['id']}/") == made
    assert call(program, "get", "?name__icontains=wel")["results"] == [made]


def test_mistakes_have_their_place(program):
    data = {"name": "x", "trigger": {"type": "moon"}, "steps": [{"key": "A b", "type": "delay"}]}
    errors = {error["path"] for error in call(program, "post", "", data, 422)["errors"]}
    assert {"/trigger/type", "/steps/0/key"} <= errors
    assert not Automation.objects.exists()


def test_a_part_is_changed_and_the_others_stay(program, made):
    changed = call(program, "patch", f"{made['id']}/", {"name": "Hello", "holdout": 10})
    assert (changed["name"], changed["holdout"], changed["steps"]) == ("Hello", 10, STEPS)


def test_it_is_published_people_enter_wait_and_are_taken_out(program, made):
    number = made["id"]
    ana = Profile.objects.create(external_id="ana")
    call(program, "post", f"{number}/enter/", {"profile": "ana"}, 409)
    running = call(program, "post", f"{number}/publish/")
    assert (running["status"], running["version"]["number"], running["draft"]) == ("running", 1, None)
    assert call(program, "post", f"{number}/enter/", {"profile": "ana"}) == {"entered": 1}
    assert call(program, "post", f"{number}/enter/", {"profile": "ana"}) == {"entered": 0}
    call(program, "post", f"{number}/enter/", {"profile": "zoe"}, 422)
    while move_due().journeys:
        pass
    [journey] = call(program, "get", f"{number}/journeys/?status=waiting&step=wait&profile=ana")["results"]
    assert (journey["profile"], journey["step"], journey["version"]) == ("ana", "wait", 1)
    numbers = {row["step"]: row for row in call(program, "get", f"{number}/numbers/")}
    assert (numbers["wait"]["waiting"], numbers["hello"]["passed"]) == (1, 1)
    reported = call(program, "get", f"{number}/report/?since=2020-01-01T00:00:00Z")
    assert (reported["entries"], reported["lift"]) == (1, None)
    call(program, "get", f"{number}/report/?since=yesterday", expect=422)
    call(program, "post", f"{number}/journeys/{journey['id']}/move/", {"step": "nowhere"}, 409)
    assert call(program, "post", f"{number}/journeys/{journey['id']}/move/", {"step": "hello"})["step"] == "hello"
    assert call(program, "post", f"{number}/journeys/{journey['id']}/remove/")["ending"] == "removed"
    assert Journey.objects.get(profile_id=ana.pk).status == "left"
    for verb, status in (("pause", "paused"), ("resume", "running"), ("stop", "stopped")):
        assert call(program, "post", f"{number}/{verb}/")["status"] == status
    call(program, "post", f"{number}/pause/", expect=409)


def test_what_is_missing_is_told_before_and_when_it_is_published(program):
    made = call(program, "post", "", {"name": "Empty"}, 201)
    gaps = call(program, "get", f"{made['id']}/problems/")
    assert ("trigger", False) in [(gap["part"], gap["warning"]) for gap in gaps]
    refused = call(program, "post", f"{made['id']}/publish/", expect=422)
    assert "/trigger" in [error["path"] for error in refused["errors"]]


def test_a_key_of_the_entry_tells_journeys_apart(program):
    data = {"name": "Orders", "trigger": {"type": "api", "key": "order"}, "steps": STEPS}
    number = call(program, "post", "", data, 201)["id"]
    call(program, "post", f"{number}/publish/")
    Profile.objects.create(external_id="ana")
    call(program, "post", f"{number}/enter/", {"profile": "ana"}, 422)
    for order, entered in (("1", 1), ("2", 1), ("1", 0)):
        data = {"profile": "ana", "properties": {"order": order}}
        assert call(program, "post", f"{number}/enter/", data) == {"entered": entered}


def test_what_has_run_is_archived_and_a_copy_is_a_draft(program, made):
    copy = call(program, "post", f"{made['id']}/duplicate/", expect=201)
    assert (copy["status"], copy["steps"]) == ("draft", STEPS)
    call(program, "delete", f"{copy['id']}/", expect=204)
    assert not Automation.objects.filter(pk=copy["id"]).exists()


def test_the_example_of_the_guide_comes_back_as_it_was(program):
    number = call(program, "post", "", {"name": "Cart"}, 201)["id"]
    written = guide(number)
    read = call(program, "patch", f"{number}/", written)
    assert (read["trigger"], read["steps"]) == (written["trigger"], written["steps"])


def test_reading_takes_another_scope_than_changing_and_publishing(program_with, made):
    reader, manager = program_with("read"), program_with("read", "manage")
    call(reader, "get", "")
    call(reader, "post", "", {"name": "x"}, 403)
    call(manager, "post", f"{made['id']}/publish/", expect=403)
