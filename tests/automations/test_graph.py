"""What an automation is made of: its JSON form, what follows what, and words for it."""

from __future__ import annotations

import pytest

from automations.graph import codec
from automations.graph.flow import flow_of
from automations.graph.steps import places_of
from automations.wording import differences, trigger_words
from retargeting.audiences.models import Segment
from retargeting.conditions.errors import ConditionErrors
from tests.automations.definitions import PUSH, definition, delay, guide, opened, push

EVERYTHING = {
    "trigger": {
        "type": "event",
        "event": "ordered",
        "where": [{"property": "value", "operator": "at_least", "value": 50}],
        "audience": {"match": "all", "conditions": [{"kind": "reachable", "channel": "push", "value": True}]},
        "reentry": {"rule": "after", "pause": {"amount": 3, "unit": "day"}},
        "key": "order",
        "cap": {"most": 100, "within": {"amount": 1, "unit": "hour"}},
        "starts_at": "2026-01-01T00:00:00+00:00",
        "ends_at": "2027-01-01T00:00:00+00:00",
    },
    "steps": [
        push("hello", name="Hello", priority="high"),
        delay("pause", 2, "day"),
        {
            "key": "morning",
            "type": "delay",
            "until": {"time": "09:30", "time_zone": "Europe/Paris", "weekdays": ["mon", "thu"]},
        },
        {
            "key": "paid",
            "type": "wait_until",
            "timeout": {"amount": 1, "unit": "week"},
            "event": "paid",
            "met": [{"key": "done", "type": "exit"}],
            "timed_out": [push("nudge")],
        },
        {"key": "seen", "type": "split", "condition": opened(7, "hello", scope="ever"), "yes": [], "no": [push("b")]},
        {
            "key": "which",
            "type": "multi_split",
            "branches": [{"key": "fans", "name": "Fans", "condition": opened(7, "b"), "steps": [push("c")]}],
            "otherwise": [push("d")],
        },
        {
            "key": "luck",
            "type": "random_split",
            "branches": [{"key": "a", "weight": 30, "steps": [push("e")]}, {"key": "b", "weight": 70, "steps": []}],
        },
        {"key": "mark", "type": "update_profile", "attributes": {"tier": "gold", "old": None}},
        {"key": "tell", "type": "webhook", "url": "https://shop.example/hook", "values": {"why": "gold"}},
    ],
    "exits": [{"event": "unsubscribed_all"}],
    "goal": {"event": "reviewed", "within": {"amount": 30, "unit": "day"}, "exits": False},
    "holdout": 10,
}


def mistakes(data: object) -> dict[str, str]:
    with pytest.raises(ConditionErrors) as raised:
        codec.decode(data)
    return {error.path: error.message for error in raised.value.errors}


def test_what_is_written_is_what_was_read():
    written = codec.encode(codec.decode(EVERYTHING))
    assert written == EVERYTHING
    assert codec.decode(written) == codec.decode(EVERYTHING)


def test_every_mistake_is_named_at_its_place():
    broken = {
        "trigger": {"type": "event", "event": "", "reentry": {"rule": "after"}, "colour": "red"},
        "steps": [
            {"key": "A!", "type": "exit"},
            {**delay("pause"), "until": {"time": "09:00"}},
            push("pause"),
            {"key": "q", "type": "split", "condition": {"match": "all", "conditions": [{"kind": "what"}]}},
            {"key": "w", "type": "webhook", "url": "ftp://shop.example"},
            {"key": "z", "type": "delay", "until": {"time": "25:00"}},
        ],
        "holdout": 80,
    }
    found = mistakes(broken)
    assert set(found) == {
        "/trigger/colour",
        "/trigger/reentry/pause",
        "/steps/0/key",
        "/steps/1",
        "/steps/2/key",
        "/steps/3/condition/conditions/0/kind",
        "/steps/4/url",
        "/steps/5/until/time",
        "/holdout",
    }
    assert "taken" in found["/steps/2/key"]


def test_the_filters_of_a_trigger_are_refused_where_they_stand():
    where = [{"property": "value", "operator": "at_least", "value": "much"}]
    assert set(mistakes({"trigger": {"type": "event", "event": "ordered", "where": where}})) == {
        "/trigger/where/0/value"
    }


def test_a_draft_may_have_gaps():
    draft = codec.decode({"steps": [{"key": "q", "type": "split"}, {"key": "m", "type": "message", "channel": "sms"}]})
    assert [step.key for step in draft.walk()] == ["q", "m"]
    assert draft.trigger is None


def test_whoever_comes_to_the_end_of_a_branch_goes_on_behind_the_split():
    flow = flow_of(codec.decode(EVERYTHING))
    assert flow.first == "hello"
    assert flow.next("hello") == "pause"
    assert flow.next("paid", "met") == "done"
    assert flow.places["done"].following == {}, "an exit leads nowhere"
    assert flow.next("nudge") == "seen"
    assert flow.next("seen", "yes") == "which"
    assert flow.next("seen", "no") == "b"
    assert flow.next("b") == "which"
    assert flow.next("which", "otherwise") == "d"
    assert flow.next("luck", "b") == "mark"
    assert flow.next("tell") is None
    assert list(flow.places)[:3] == ["hello", "pause", "morning"]


def test_the_place_of_each_step_is_its_pointer():
    places = places_of(codec.decode(EVERYTHING).steps)
    assert places["hello"] == "/steps/0"
    assert places["nudge"] == "/steps/3/timed_out/0"
    assert places["c"] == "/steps/5/branches/0/steps/0"
    assert places["d"] == "/steps/5/otherwise/0"


@pytest.mark.django_db
def test_versions_differ_in_words():
    old = codec.decode(guide(1))
    changed = guide(1)
    changed["steps"][1] = delay("wait", 2, "day")
    changed["steps"][2]["no"] = []
    changed["steps"].append(push("bye", name="Goodbye"))
    changed["goal"] = {"event": "ordered", "within": {"amount": 3, "unit": "day"}}
    assert differences(old, old) == []
    assert differences(old, codec.decode(changed)) == [
        "the goal from none to ordered",
        "changed “Wait 1 hour” to “Wait 2 days”",
        "added “Goodbye”",
        f"removed “Send push “{PUSH['title']}””",
    ]
    swapped = guide(1)
    swapped["steps"][:2] = swapped["steps"][1::-1]
    assert differences(old, codec.decode(swapped)) == ["changed the order of the steps"]


@pytest.mark.django_db
def test_a_segment_that_is_entered_is_called_by_its_name():
    segment = Segment.objects.create(name="Dormant for 45 days", audience={"match": "all", "conditions": []})
    trigger = {"type": "segment", "segment": segment.pk, "on": "leaves"}
    assert trigger_words(codec.decode({"trigger": trigger}).trigger) == "Leaves the segment Dormant for 45 days"


def test_steps_may_not_be_nested_without_end():
    steps: list[dict[str, object]] = []
    for number in range(10):
        steps = [{"key": f"s{number}", "type": "split", "yes": steps}]
    with pytest.raises(ConditionErrors, match="nested"):
        definition(steps=steps)
