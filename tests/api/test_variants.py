from __future__ import annotations

import pytest

from campaigns import moves
from retargeting.messaging import dispatches
from retargeting.messaging.models import Delivery, Dispatch
from tests.api.conftest import paths_of
from tests.api.test_campaigns import campaign, work  # noqa: F401  # fixtures

pytestmark = pytest.mark.django_db

ORIGINAL = {"key": "a", "name": "Original", "weight": 50, "message": {"subject": "Hello", "text": "It is on."}}
SECOND = {"name": "Urgent", "weight": 50, "message": {"subject": "Only today", "text": "Come."}}


@pytest.fixture
def ab(program, campaign) -> int:  # noqa: F811
    answer = program.put(f"/campaigns/{campaign}/variants/", [ORIGINAL, SECOND])
    assert answer.status_code == 200, answer.content
    assert [row["key"] for row in answer.json()] == ["a", "b"]
    return campaign


def test_a_program_makes_variants_and_reads_them_with_the_campaign(program, ab):
    trial = {"share": 40, "winner_by": "opened", "winner_after": 90}
    assert program.patch(f"/campaigns/{ab}/", {"trial": trial}).status_code == 200
    found = program.get(f"/campaigns/{ab}/").json()
    assert [(row["name"], row["weight"]) for row in found["variants"]] == [("Original", 50), ("Urgent", 50)]
    assert found["trial"] == trial
    assert program.get(f"/campaigns/{ab}/variants/").json()[1]["message"] == SECOND["message"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"key": "x"}, "/1/key"),
        ({"message": {"subject": "{{ broken", "text": "x"}}, "/1/message/subject"),
        ({"message": {"headline": "x"}}, "/1/message/headline"),
    ],
)
def test_what_is_wrong_with_a_variant_is_said_with_its_place(program, campaign, change, path):  # noqa: F811
    answer = program.put(f"/campaigns/{campaign}/variants/", [ORIGINAL, SECOND | change])
    assert answer.status_code == 422
    assert path in paths_of(answer)


def test_weights_that_do_not_make_100_are_refused(program, campaign):  # noqa: F811
    answer = program.put(f"/campaigns/{campaign}/variants/", [ORIGINAL, SECOND | {"weight": 60}])
    assert answer.status_code == 409
    assert "110 %" in answer.json()["detail"]


def test_a_test_of_a_variant_is_that_variant(program, ab):
    body = {"profile": "p1", "variant": "b"}
    assert program.post(f"/campaigns/{ab}/test/", body).json()["accepted"]
    assert program.post(f"/campaigns/{ab}/test/", {**body, "variant": "z"}).status_code == 422


def test_a_program_chooses_the_winner_and_reads_the_report_by_variant(program, ab):
    program.patch(f"/campaigns/{ab}/", {"trial": {"share": 1, "winner_by": "hand"}})
    program.post(f"/campaigns/{ab}/launch/")
    work()
    assert Dispatch.objects.get().status == "sending"
    assert program.post(f"/campaigns/{ab}/winner/", {"variant": "z"}).status_code == 422
    assert program.post(f"/campaigns/{ab}/winner/", {"variant": "b"}).status_code == 200
    assert program.post(f"/campaigns/{ab}/winner/", {"variant": "a"}).status_code == 409
    dispatches.release_due()
    work()
    report = program.get(f"/campaigns/{ab}/report/").json()
    assert [row["winner"] for row in report["variants"]] == [False, True]
    assert "B Urgent was chosen by hand" in report["decision"]
    rows = program.get(f"/campaigns/{ab}/breakdown/?by=variant").json()
    assert {row["value"]: row["people"]["sent"] for row in rows} == {
        key: Delivery.objects.filter(variant=key).count() for key in Delivery.objects.values_list("variant", flat=True)
    }
    draft = program.post(f"/campaigns/{ab}/follow-up/", {"outcome": "sent", "by": "variant", "value": "b"}).json()
    count = program.post("/audiences/count/", {"audience": draft["audience"]}).json()["count"]
    assert count == Delivery.objects.filter(variant="b").count()
    assert moves.how_far(Delivery.objects.first().dispatch.run.campaign).startswith("3 sent")


def test_a_breakdown_by_nothing_known_names_what_there_is(program, ab):
    assert "language" in program.get(f"/campaigns/{ab}/breakdown/?by=height").json()["errors"][0]["message"]
