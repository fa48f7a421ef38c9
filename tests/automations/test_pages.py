"""The canvas: what is pressed and typed changes the draft, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from automations import actions, publishing
from automations.graph import codec
from automations.models import Automation, AutomationStatus, Journey
from automations.versions import draft_of
from retargeting.profiles.models import Profile
from tests.automations.definitions import guide, opened

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def automation(marketer) -> Automation:
    """The guide's example, as a draft."""
    made = actions.create_automation(actor=marketer, name="Abandoned cart")
    actions.save_draft(actor=marketer, automation=made, definition=codec.decode(guide(made.pk)))
    return made


def url(automation: Automation, query: str = "") -> str:
    return f"/automations/{automation.pk}/{query}"


def json(automation: Automation) -> dict[str, Any]:
    draft = draft_of(automation)
    assert draft is not None
    return draft.definition


def do(client: Any, automation: Automation, **data: str) -> str:
    response = client.post(url(automation, "change/"), data)
    assert response.status_code == 302
    return str(response.url)


QUERIES = ["", "?part=trigger", "?part=trigger&audience=1", "?part=ends", "?step=first", "?step=wait", "?step=seen",
           "?add=..first", "?step=gone", "?who=nobody", "?days=7", "?step=first&as=nobody"]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("who", ["marketer_client", "viewer_client"])
def test_every_part_of_the_canvas_is_shown(query, who, automation, request):
    response = request.getfixturevalue(who).get(url(automation, query))
    assert response.status_code == 200
    assert b"First push" in response.content


def test_the_first_page_of_a_new_automation_says_what_to_do(marketer_client):
    response = marketer_client.post("/automations/new/", {"name": "Welcome"}, follow=True)
    page = response.content.decode()
    assert "Choose what begins a journey." in page
    assert "There is no step yet" in page


@pytest.mark.parametrize(
    "kind", ["push", "email", "sms", "in_app", "delay", "wait_until", "split", "multi_split", "random_split",
             "update_profile", "webhook", "exit"],
)  # fmt: skip
def test_a_step_of_every_kind_can_be_added_and_is_shown(kind, automation, marketer_client):
    there = do(marketer_client, automation, do=f"add:{kind}", spot="..wait")
    assert [step["key"] for step in json(automation)["steps"]].index(there.partition("step=")[2]) == 2
    assert marketer_client.get(there).status_code == 200


def test_steps_are_moved_copied_removed_and_it_can_be_undone(automation, marketer_client):
    before = json(automation)
    do(marketer_client, automation, do="down", step="first")
    assert [step["key"] for step in json(automation)["steps"]] == ["wait", "first", "seen"]
    do(marketer_client, automation, do="undo")
    assert json(automation) == before
    there = do(marketer_client, automation, do="copy", step="seen")
    assert there.endswith("?step=split-1")
    do(marketer_client, automation, do="remove", step="seen")
    assert [step["key"] for step in json(automation)["steps"]] == ["first", "wait", "split-1"]
    for _ in range(2):
        do(marketer_client, automation, do="undo")
    assert json(automation) == before


def test_a_branch_is_copied_with_all_its_steps(automation, marketer_client):
    page = marketer_client.get(url(automation, "?add=seen.yes."))
    offered = dict(page.context["sources"])
    assert offered["seen.no"] == "Opened step First push? → all of No"
    assert "seen.yes" not in offered, "there is nothing in it"
    do(marketer_client, automation, do="paste", spot="seen.yes.", **{"from": "seen.no"})
    split = json(automation)["steps"][2]
    assert [[step["type"] for step in split[way]] for way in ("yes", "no")] == [["message"], ["message"]]
    assert split["yes"][0]["key"] != split["no"][0]["key"]


@pytest.mark.parametrize(
    "data",
    [
        {"do": "paste", "spot": "..first", "from": "seen.yes"},
        {"do": "paste", "spot": "..first", "from": "gone"},
        {"do": "add:nonsense"},
        {"do": "add:delay", "spot": "..gone"},
        {"do": "nonsense"},
        {},
        {"do": "remove", "step": "gone"},
        {"do": "add_branch", "step": "first"},
    ],
)
def test_a_press_that_makes_no_sense_changes_nothing(data, automation, marketer_client):
    before = json(automation)
    response = marketer_client.post(url(automation, "change/"), data, follow=True)
    assert "othing was changed" in response.content.decode()
    assert json(automation) == before


def test_a_message_is_kept_while_it_is_typed(automation, marketer_client):
    typed = {"title": "Still there?", "body": "x", "name": "Reminder", "priority": "high"}
    response = marketer_client.post(url(automation, "?step=first"), typed, headers=HTMX)
    page = response.content.decode()
    assert 'id="card-first"' in page
    assert 'id="sidebar"' not in page
    step = json(automation)["steps"][0]
    assert (step["name"], step["priority"], step["message"]["body"]) == ("Reminder", "high", "x")
    marketer_client.post(url(automation, "?step=first"), {**typed, "title": "Still there"}, headers=HTMX)
    # Somebody who types is undone as a whole.
    do(marketer_client, automation, do="undo")
    assert json(automation)["steps"][0]["name"] == "First push"


def test_a_template_that_is_not_right_yet_is_said_beside_its_field(automation, marketer_client):
    before = json(automation)
    typed = {"title": "Still {{ there", "body": "x", "name": "", "priority": "normal"}
    response = marketer_client.post(url(automation, "?step=first"), typed, headers=HTMX)
    assert "line 1" in {field.name: mistake for field, mistake in response.context["fields"]}["title"]
    assert "not saved" in response.content.decode()
    assert json(automation) == before


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ({"mode": "for", "length_0": "4", "length_1": "hour"}, {"for": {"amount": 4, "unit": "hour"}}),
        (
            {"mode": "until", "time": "09:30", "weekdays": ["mon", "fri"], "time_zone": "Europe/Paris"},
            {"until": {"time": "09:30", "weekdays": ["mon", "fri"], "time_zone": "Europe/Paris"}},
        ),
    ],
)
def test_a_delay_is_a_time_or_a_time_of_day(typed, kept, automation, marketer_client):
    marketer_client.post(url(automation, "?step=wait"), {"length_1": "day", **typed})
    step = json(automation)["steps"][1]
    assert {key: step[key] for key in step.keys() - {"key", "type"}} == kept


@pytest.mark.parametrize("typed", [{"mode": "for", "length_1": "day"}, {"mode": "until", "length_1": "day"}, {}])
def test_a_delay_without_a_length_is_not_saved(typed, automation, marketer_client):
    response = marketer_client.post(url(automation, "?step=wait"), typed)
    assert response.status_code == 422
    assert json(automation)["steps"][1]["for"] == {"amount": 1, "unit": "hour"}


TRIGGER = {"length_1": "day", "pause_1": "day", "within_1": "day", "reentry": "never"}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (
            {
                "type": "event",
                "event": "bought",
                "where-0-property": "value",
                "where-0-operator": "at_least",
                "where-0-value": "50",
                "where-1-property": "shop",
                "where-1-operator": "is",
                "where-1-value": '"7"',
                "key": "order",
            },
            {
                "type": "event",
                "event": "bought",
                "where": [
                    {"property": "value", "operator": "at_least", "value": 50},
                    {"property": "shop", "operator": "is", "value": "7"},
                ],
                "key": "order",
            },
        ),
        (
            {"type": "message", "happened": "clicked", "target": '{"channels": ["email"], "type": "channel"}'},
            {"type": "message", "event": "clicked", "target": {"type": "channel", "channels": ["email"]}},
        ),
        (
            {
                "type": "schedule",
                "at": "2031-05-02T09:00",
                "time_zone": "Europe/Paris",
                "every": "week",
                "reentry": "after",
                "pause_0": "2",
            },
            {
                "type": "schedule",
                "at": "2031-05-02T07:00:00+00:00",
                "time_zone": "Europe/Paris",
                "repeat": {"every": "week", "weekdays": ["fri"]},
                "reentry": {"rule": "after", "pause": {"amount": 2, "unit": "day"}},
            },
        ),
        (
            {"type": "api", "most": "100", "within_0": "1", "reentry": "always"},
            {
                "type": "api",
                "cap": {"most": 100, "within": {"amount": 1, "unit": "day"}},
                "reentry": {"rule": "always"},
            },
        ),
    ],
    ids=["event", "message", "schedule", "api"],
)
def test_every_trigger_is_chosen_in_the_panel_and_shown_again(typed, kept, automation, marketer_client):
    response = marketer_client.post(url(automation, "?part=trigger"), {**TRIGGER, **typed})
    assert response.status_code == 302
    assert json(automation)["trigger"] == kept
    shown = marketer_client.get(url(automation, "?part=trigger")).context["form"]
    again = {name: shown[name].value() for name in shown.fields}
    assert again["type"] == typed["type"]
    # What is shown is what is saved again.
    marketer_client.post(url(automation, "?part=trigger"), {**TRIGGER, **typed})
    assert json(automation)["trigger"] == kept


def test_filters_that_the_panel_cannot_show_stay(automation, marketer, marketer_client):
    changed = guide(automation.pk)
    odd = {"property": "value", "operator": "between", "from": 1, "to": 2}
    changed["trigger"] = {"type": "event", "event": "bought", "where": [odd]}
    actions.save_draft(actor=marketer, automation=automation, definition=codec.decode(changed))
    marketer_client.post(
        url(automation, "?part=trigger"), {**TRIGGER, "type": "event", "event": "bought", "key": "id"}
    )
    assert json(automation)["trigger"]["where"] == [odd]


def test_the_condition_of_a_split_is_built_by_clicking(automation, marketer_client):
    there = do(marketer_client, automation, do="add:split", spot="seen.yes.")
    page = marketer_client.get(there)
    assert 'name="condition-node"' in page.content.decode()
    query = there.partition("?")[2]
    response = marketer_client.post(
        url(automation, f"builder/?{query}"), {"condition-node": "x", "condition-do": "add:x"}, headers=HTMX
    )
    assert response.status_code == 200


def test_what_ends_it_and_what_it_is_for(automation, marketer_client):
    typed = {
        "exits": "bought, unsubscribed",
        "goal": "bought",
        "within_0": "3",
        "within_1": "day",
        "leaves": "on",
        "holdout": "5",
    }
    marketer_client.post(url(automation, "?part=ends"), typed)
    kept = json(automation)
    assert [event["event"] for event in kept["exits"]] == ["bought", "unsubscribed"]
    assert kept["goal"]["within"] == {"amount": 3, "unit": "day"}
    assert kept["holdout"] == 5


def test_it_is_published_once_it_is_complete(automation, marketer_client):
    page = marketer_client.get(url(automation, "publish/"))
    assert page.status_code == 200
    assert page.context["blocking"] == []
    response = marketer_client.post(url(automation, "publish/"), {"seen": page.context["seen"]})
    assert response.status_code == 302
    automation.refresh_from_db()
    assert automation.status == AutomationStatus.RUNNING
    assert marketer_client.get(url(automation, "publish/")).status_code == 200
    for verb, status in (("pause", "paused"), ("resume", "running")):
        marketer_client.post(url(automation, f"{verb}/"))
        automation.refresh_from_db()
        assert automation.status == status
    marketer_client.post(url(automation, "stop/"))
    automation.refresh_from_db()
    assert automation.status == AutomationStatus.STOPPED


def test_a_draft_that_changed_meanwhile_is_not_published(automation, marketer_client):
    seen = marketer_client.get(url(automation, "publish/")).context["seen"]
    do(marketer_client, automation, do="add:delay", spot="..")
    assert marketer_client.post(url(automation, "publish/"), {"seen": seen}).status_code == 422
    automation.refresh_from_db()
    assert automation.status == AutomationStatus.DRAFT


def test_what_is_missing_is_listed_and_nothing_is_published(marketer, marketer_client):
    made = actions.create_automation(actor=marketer, name="Empty")
    page = marketer_client.get(url(made, "publish/"))
    assert [problem.part for problem in page.context["blocking"]] == ["trigger", ""]
    assert marketer_client.post(url(made, "publish/"), {"seen": page.context["seen"]}).status_code == 422
    made.refresh_from_db()
    assert made.status == AutomationStatus.DRAFT


def test_a_viewer_sees_and_changes_nothing(automation, viewer_client):
    page = viewer_client.get(url(automation)).content.decode()
    assert "Add a step here" not in page
    for path in ("change/", "publish/", "pause/", "duplicate/", "?step=first"):
        assert viewer_client.post(url(automation, path), {"do": "undo"}).status_code == 403
    before = json(automation)
    viewer_client.post(url(automation, "builder/?step=seen"), {"condition-node": "x"})
    assert json(automation) == before


def test_somebody_is_found_moved_and_taken_out(automation, marketer, marketer_client):
    version = publishing.publish(actor=marketer, automation=automation)
    ana = Profile.objects.create(external_id="ana")
    now = version.published_at
    journey = Journey.objects.create(
        automation=automation,
        version=version,
        profile_id=ana.pk,
        step="wait",
        arrived_at=now,
        entered_at=now,
        since=now,
    )
    page = marketer_client.get(url(automation, "?who=ana"))
    assert [there.name for there in page.context["journeys"]] == ["Wait 1 hour"]
    people = marketer_client.get(url(automation, "people/?what=waiting&step=wait"))
    assert "ana" in people.content.decode()
    marketer_client.post(url(automation, f"journeys/{journey.pk}/"), {"do": "move", "to": "again", "who": "ana"})
    journey.refresh_from_db()
    assert journey.step == "again"
    marketer_client.post(url(automation, f"journeys/{journey.pk}/"), {"do": "remove", "who": "ana"})
    journey.refresh_from_db()
    assert journey.ending == "removed"


@pytest.mark.parametrize(
    "what", ["waiting", "passed", "entered", "completed", "goal", "left", "sent", "opened", "skipped", "nonsense"]
)
def test_every_number_opens_its_people(what, automation, marketer_client):
    assert marketer_client.get(url(automation, f"people/?what={what}&step=first&days=7")).status_code == 200


def test_the_report_is_shown_before_and_after_somebody_has_entered(automation, marketer, viewer_client):
    assert "Nobody has entered" in viewer_client.get(url(automation, "report/")).content.decode()
    version = publishing.publish(actor=marketer, automation=automation)
    ana = Profile.objects.create(external_id="ana")
    now = version.published_at
    Journey.objects.create(
        automation=automation,
        version=version,
        profile_id=ana.pk,
        step="wait",
        arrived_at=now,
        entered_at=now,
        since=now,
    )
    page = viewer_client.get(url(automation, "report/?days=7"))
    assert page.context["report"].entries == 1
    assert "First push" in page.content.decode()


def test_a_split_asks_about_the_message_before_it_at_a_press(automation, marketer_client):
    there = do(marketer_client, automation, do="add:split", spot="..wait")
    page = marketer_client.get(there)
    assert [key for key, _, _ in page.context["before"]] == ["first"]
    do(marketer_client, automation, do="ask:first", step="split-1")
    assert json(automation)["steps"][2]["condition"] == opened(automation.pk, "first")
    assert "before" not in marketer_client.get(there).context
