from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from campaigns.actions import create_campaign
from retargeting.audiences.models import Segment
from retargeting.profiles.models import Address, Profile
from tests.api.conftest import problem_of

pytestmark = pytest.mark.django_db

EVERYONE = {"match": "all", "conditions": []}


def condition(event: str, campaign: int, value: bool = True) -> dict[str, object]:
    target = {"type": "campaign", "ids": [campaign]}
    return {"kind": "message", "event": event, "target": target, "test": {"type": "occurred", "value": value}}


def all_of(*conditions: dict[str, object]) -> dict[str, object]:
    return {"match": "all", "conditions": list(conditions)}


@pytest.fixture
def campaign(program) -> int:
    """Sent to p0 … p3, opened by p0."""
    made = create_campaign(actor=None, name="Spring sale", channel="email")
    profiles = Profile.objects.bulk_create(Profile(external_id=f"p{index}") for index in range(6))
    Address.objects.bulk_create(
        Address(profile=profile, channel="email", address=f"{profile}@example.com") for profile in profiles[:3]
    )
    yesterday = (timezone.now() - timedelta(days=1)).isoformat()
    items = [{"id": f"s{n}", "profile": f"p{n}", "event": "sent", "campaign": made.pk} for n in range(4)]
    items.append({"id": "o0", "profile": "p0", "event": "opened", "campaign": made.pk})
    body = {"interactions": [{**item, "occurred_at": yesterday} for item in items]}
    answer = program.post("/interactions/bulk/", body)
    assert answer.json() == {"accepted": 5, "duplicates": 0, "errors": []}
    return made.pk


def test_a_count_has_every_number_the_builder_shows(program, campaign):
    tree = all_of(condition("opened", campaign, value=False), {"kind": "reachable", "channel": "email", "value": True})
    answer = program.post("/audiences/count/", {"audience": tree}).json()
    assert answer["count"] == 2
    assert answer["nodes"] == {"/conditions/0": 3, "/conditions/1": 3}
    assert answer["reachable"] == {"push": 0, "email": 2, "sms": 0, "in_app": 0}
    assert "Spring sale" in answer["sentence"]
    assert answer["took_ms"] > 0


def test_counting_as_of_an_earlier_moment_leaves_later_events_out(program, campaign):
    before = (timezone.now() - timedelta(days=2)).isoformat()
    answer = program.post("/audiences/count/", {"audience": all_of(condition("sent", campaign)), "as_of": before})
    assert answer.json()["count"] == 0


def test_members_come_in_pages_that_hold_everybody_once(program, campaign):
    found, cursor = [], None
    for _ in range(4):
        answer = program.post("/audiences/members/", {"audience": EVERYONE, "limit": 2, "cursor": cursor}).json()
        found += answer["members"]
        cursor = answer["next"]
        if cursor is None:
            break
    assert found == [f"p{index}" for index in range(6)]


def test_an_explanation_names_the_deciding_event(program, campaign):
    tree = all_of(condition("opened", campaign))
    answer = program.post("/audiences/explain/", {"audience": tree, "profile": "p0"}).json()
    assert answer["member"] is True
    assert set(answer["nodes"]) == {"", "/conditions/0"}
    decided = answer["nodes"]["/conditions/0"]["event"]
    assert (decided["event"], decided["campaign"]) == ("opened", campaign)
    answer = program.post("/audiences/explain/", {"audience": tree, "profile": "p5"}).json()
    assert (answer["member"], answer["nodes"]["/conditions/0"]["event"]) == (False, None)


def test_an_explanation_says_what_would_turn_it(program, campaign):
    tree = all_of(condition("opened", campaign))
    answer = program.post("/audiences/explain/", {"audience": tree, "profile": "p1"}).json()
    assert answer["outlook"] == {
        "sentence": "Would be in if they had opened Spring sale.",
        "at": None,
        "path": "/conditions/0",
        "missing": 1,
    }
    answer = program.post("/audiences/explain/", {"audience": tree, "profile": "p0"}).json()
    assert answer["outlook"] == {"sentence": "", "at": None, "path": None, "missing": 0}
    lately = condition("sent", campaign) | {
        "test": {"type": "last_event", "operator": "more_than_ago", "amount": 2, "unit": "day"}
    }
    answer = program.post("/audiences/explain/", {"audience": all_of(lately), "profile": "p1"}).json()
    at = datetime.fromisoformat(answer["outlook"]["at"])
    sent = datetime.fromisoformat(answer["nodes"]["/conditions/0"]["event"]["occurred_at"])
    assert at == sent + timedelta(days=2)
    before = (at - timedelta(hours=30)).isoformat()
    body = {"audience": all_of(lately), "profile": "p1", "as_of": before}
    assert program.post("/audiences/explain/", body).json()["outlook"]["sentence"].startswith("Would have been in on")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "/audience"),
        ({"audience": EVERYONE, "extra": 1}, "/extra"),
        ({"audience": []}, "/audience"),
        ({"audience": None}, "/audience"),
        ({"audience": {"match": "some", "conditions": []}}, "/audience/match"),
        ({"audience": all_of(condition("sent", 99))}, "/audience/conditions/0/target/ids/0"),
        ({"audience": all_of({"kind": "segment", "id": 9})}, "/audience/conditions/0/id"),
        ({"audience": all_of({"kind": "list", "id": 9})}, "/audience/conditions/0/id"),
        ({"audience": EVERYONE, "as_of": "2999-01-01T00:00:00Z"}, "/as_of"),
        ({"audience": EVERYONE, "as_of": "2026-01-01T00:00:00"}, "/as_of"),
        ({"audience": EVERYONE, "as_of": 5}, "/as_of"),
    ],
)
@pytest.mark.parametrize("call", ["count", "members", "explain"])
def test_what_is_wrong_is_said_with_its_path(program, call, body, path):
    body = {**body, "profile": "p0"} if call == "explain" else body
    document = problem_of(program.post(f"/audiences/{call}/", body), 422)
    assert path in [error["path"] for error in document["errors"]]


@pytest.mark.parametrize("cursor", ["x", "W10", "WzEsIDJd", 5, "é"])
def test_a_cursor_that_is_not_ours_is_refused(program, cursor):
    problem_of(program.post("/audiences/members/", {"audience": EVERYONE, "cursor": cursor}), 422)


def test_an_unknown_person_cannot_be_explained(program):
    document = problem_of(program.post("/audiences/explain/", {"audience": EVERYONE, "profile": "nobody"}), 422)
    assert document["errors"][0]["path"] == "/profile"


def test_segments_are_made_used_and_protected(program, campaign):
    inner = program.post("/segments/", {"name": "Openers", "audience": all_of(condition("opened", campaign))}).json()
    outer = program.post(
        "/segments/",
        {"name": "Not openers", "audience": all_of({"kind": "segment", "id": inner["id"], "member": False})},
    ).json()
    count = program.post("/audiences/count/", {"audience": outer["audience"]}).json()["count"]
    assert count == 5
    document = problem_of(program.delete(f"/segments/{inner['id']}/"), 409)
    assert "Not openers" in document["detail"]
    circle = all_of({"kind": "segment", "id": outer["id"], "member": True})
    document = problem_of(program.patch(f"/segments/{inner['id']}/", {"audience": circle}), 422)
    assert "Openers → Not openers → Openers" in document["errors"][0]["message"]
    assert program.delete(f"/segments/{outer['id']}/").status_code == 204
    assert Segment.objects.count() == 1


def test_a_name_can_be_had_by_one_segment_only(program):
    assert program.post("/segments/", {"name": "All", "audience": EVERYONE}).status_code == 201
    document = problem_of(program.post("/segments/", {"name": "All", "audience": EVERYONE}), 422)
    assert document["errors"][0]["path"] == "/name"


def test_reading_audiences_needs_the_read_scope_only(program_with, stranger):
    assert program_with("read").post("/audiences/count/", {"audience": EVERYONE}).status_code == 200
    problem_of(program_with("ingest").post("/audiences/count/", {"audience": EVERYONE}), 403)
    problem_of(stranger.post("/audiences/count/", {"audience": EVERYONE}), 401)
    problem_of(program_with("read").post("/segments/", {"name": "All", "audience": EVERYONE}), 403)
