from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns import tasks
from campaigns.models import Campaign
from retargeting.orchestrations.models import Label
from retargeting.profiles.models import Address, Profile
from tests.api.conftest import paths_of, problem_of
from tests.messaging.test_sending import drain

pytestmark = pytest.mark.django_db

BODY = {
    "name": "Spring sale",
    "channel": "email",
    "labels": ["promo"],
    "audience": {"match": "all", "conditions": []},
    "message": {"subject": "Hello", "text": "It is on."},
}


@pytest.fixture
def campaign(program) -> int:
    Label.objects.create(code="promo", name="Promo")
    Profile.objects.bulk_create(Profile(external_id=f"p{index}") for index in range(3))
    Address.objects.bulk_create(
        Address(profile=profile, channel="email", address=f"{profile}@example.com")
        for profile in Profile.objects.all()
    )
    answer = program.post("/campaigns/", BODY)
    assert answer.status_code == 201, answer.content
    return answer.json()["id"]


def work() -> None:
    for campaign in Campaign.objects.all():
        for run in campaign.runs.all():
            tasks.prepare_run(run.pk)
    drain()


def test_a_campaign_goes_from_draft_to_report_and_follow_up(program, campaign):
    draft = program.get(f"/campaigns/{campaign}/").json()
    assert (draft["status"], draft["labels"], draft["message"]) == ("draft", ["promo"], BODY["message"])
    assert program.post(f"/campaigns/{campaign}/launch/").json()["status"] == "running"
    work()
    report = program.get(f"/campaigns/{campaign}/report/").json()
    assert (report["matched"], report["people"]["sent"], report["people"]["sent_not_opened"]) == (3, 3, 3)
    deliveries = program.get(f"/campaigns/{campaign}/deliveries/?status=sent").json()
    assert {row["profile"] for row in deliveries["results"]} == {"p0", "p1", "p2"}
    follow_up = program.post(f"/campaigns/{campaign}/follow-up/", {"outcome": "sent_not_opened"}).json()
    assert (follow_up["status"], follow_up["follow_up_of"]) == ("draft", campaign)
    count = program.post("/audiences/count/", {"audience": follow_up["audience"]}).json()["count"]
    assert count == 3


def test_pausing_resuming_and_canceling(program, campaign):
    program.post(f"/campaigns/{campaign}/launch/")
    assert program.post(f"/campaigns/{campaign}/pause/").json()["status"] == "paused"
    assert program.post(f"/campaigns/{campaign}/resume/").json()["status"] == "running"
    assert program.post(f"/campaigns/{campaign}/cancel/").json()["status"] == "canceled"
    problem_of(program.post(f"/campaigns/{campaign}/resume/"), 409)


def test_scheduling(program, campaign):
    at = (timezone.now() + timedelta(days=1)).isoformat()
    assert program.post(f"/campaigns/{campaign}/schedule/", {"send_at": at}).json()["status"] == "scheduled"
    assert program.post(f"/campaigns/{campaign}/unschedule/").json()["status"] == "draft"
    past = (timezone.now() - timedelta(days=1)).isoformat()
    problem_of(program.post(f"/campaigns/{campaign}/schedule/", {"send_at": past}), 422)


def test_a_campaign_with_gaps_is_not_launched(program, campaign):
    program.patch(f"/campaigns/{campaign}/", {"message": {}})
    document = problem_of(program.post(f"/campaigns/{campaign}/launch/"), 422)
    assert document["errors"][0]["path"] == "/message"


def test_only_drafts_can_be_changed(program, campaign):
    changed = program.patch(f"/campaigns/{campaign}/", {"name": "Summer sale", "schedule": {"send_at": None}})
    assert changed.json()["name"] == "Summer sale"
    program.post(f"/campaigns/{campaign}/launch/")
    problem_of(program.patch(f"/campaigns/{campaign}/", {"message": {"subject": "x", "text": "y"}}), 409)


def test_deleting_a_sent_campaign_archives_it(program, campaign):
    program.post(f"/campaigns/{campaign}/launch/")
    work()
    assert program.delete(f"/campaigns/{campaign}/").status_code == 204
    assert program.get(f"/campaigns/{campaign}/").json()["archived"] is True
    copy = program.post(f"/campaigns/{campaign}/duplicate/").json()["id"]
    assert program.delete(f"/campaigns/{copy}/").status_code == 204
    problem_of(program.get(f"/campaigns/{copy}/"), 404)


def test_a_test_goes_to_one_person_and_counts_nowhere(program, campaign):
    answer = program.post(f"/campaigns/{campaign}/test/", {"profile": "p1"})
    assert answer.json()["accepted"] is True
    assert program.get(f"/campaigns/{campaign}/report/").json()["people"]["sent"] == 0


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"name": ""}, "/name"),
        ({"name": None}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"channel": "pigeon"}, "/channel"),
        ({"labels": ["nope"]}, "/labels/0"),
        ({"labels": "promo"}, "/labels"),
        ({"message": {"subject": "{{ x"}}, "/message/subject"),
        ({"message": {"title": "x"}}, "/message/title"),
        ({"message": []}, "/message"),
        ({"schedule": {"send_at": "tomorrow"}}, "/schedule/send_at"),
        ({"schedule": {"at": "x"}}, "/schedule/at"),
        ({"audience": {"match": "any", "conditions": []}}, "/audience/conditions"),
        ({"colour": "red"}, "/colour"),
        ({"status": "completed"}, "/status"),
    ],
)
def test_what_is_wrong_is_said_with_its_path_and_nothing_is_changed(program, campaign, change, path):
    before = program.get(f"/campaigns/{campaign}/").json()
    for answer in (program.patch(f"/campaigns/{campaign}/", change), program.post("/campaigns/", {**BODY, **change})):
        assert path in [error["path"] for error in problem_of(answer, 422)["errors"]]
    assert program.get(f"/campaigns/{campaign}/").json() == before
    assert Campaign.objects.count() == 1


def test_sending_needs_the_send_scope(program_with, campaign):
    manager, sender = program_with("manage", "read"), program_with("send")
    for verb in ("launch", "schedule", "pause", "resume", "cancel", "test"):
        problem_of(manager.post(f"/campaigns/{campaign}/{verb}/"), 403)
    problem_of(sender.patch(f"/campaigns/{campaign}/", {"name": "x"}), 403)
    assert sender.post(f"/campaigns/{campaign}/launch/").status_code == 200


def test_the_list_can_be_narrowed(program, campaign):
    assert len(program.get("/campaigns/?status=draft&channel=email").json()["results"]) == 1
    assert program.get("/campaigns/?status=completed").json()["results"] == []


@pytest.mark.parametrize("zone", ["-14:00", "Z", "+14:00"])
def test_a_time_that_no_page_could_show_is_refused(program, campaign, zone):
    far = f"9999-12-31T23:59:59{zone}"
    assert paths_of(program.post("/campaigns/", {**BODY, "schedule": {"send_at": far}})) == ["/schedule/send_at"]
    assert paths_of(program.patch(f"/campaigns/{campaign}/", {"schedule": {"send_at": far}})) == ["/schedule/send_at"]
    assert paths_of(program.post(f"/campaigns/{campaign}/schedule/", {"send_at": far})) == ["/send_at"]


def test_a_run_is_explained_for_anybody(program, campaign):
    everybody_but = {
        "match": "all",
        "conditions": [{"kind": "attribute", "attribute": "plan", "operator": "is_not_set"}],
    }
    assert program.patch(f"/campaigns/{campaign}/", {"audience": everybody_but}).status_code == 200
    Profile.objects.filter(external_id="p1").update(attributes={"plan": "gold"})
    Address.objects.filter(profile__external_id="p2").update(subscribed=False)
    problem_of(program.get(f"/campaigns/{campaign}/explain/?profile=p0"), 409)
    program.post(f"/campaigns/{campaign}/launch/")
    assert program.get(f"/campaigns/{campaign}/explain/?profile=p0").json()["member"] is None
    work()
    got, out, skipped = (program.get(f"/campaigns/{campaign}/explain/?profile=p{n}").json() for n in range(3))
    assert set(got) == {"run", "as_of", "member", "sentence", "delivery", "explanation", "as_now"}
    assert (got["run"], got["member"], got["delivery"]["status"], got["as_now"]) == (1, True, "sent", ["attributes"])
    assert (out["member"], out["delivery"]) == (False, None)
    assert out["explanation"]["nodes"]["/conditions/0"]["met"] is False
    assert out["explanation"]["outlook"]["sentence"] == "Would have been in if plan were not set."
    assert (skipped["member"], skipped["delivery"]["reason"]) == (True, "unsubscribed")


def test_a_run_is_explained_to_who_may_read(program, program_with, stranger, campaign):
    path = f"/campaigns/{campaign}/explain/"
    for query in ("", "?profile=", "?profile=nobody", "?profile=%00"):
        assert paths_of(program.get(path + query)) == ["/profile"]
    problem_of(stranger.get(path), 401)
    problem_of(program_with("ingest").get(path), 403)
    problem_of(program_with("read").get("/campaigns/999999/explain/?profile=p0"), 404)
