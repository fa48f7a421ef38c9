"""Segments with their numbers, and the rules that the API shares with the pages of segments and lists."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from retargeting.audiences.models import Segment
from retargeting.profiles.actions import remove_member
from retargeting.profiles.models import ListMember, Profile, ProfileList
from tests.api.conftest import Program, paths_of, problem_of

pytestmark = pytest.mark.django_db

IN_FRANCE = {"kind": "attribute", "attribute": "country", "operator": "is", "value": "FR"}


def tree(*conditions: dict) -> dict:
    return {"match": "all", "conditions": list(conditions)}


def inside(segment: int) -> dict:
    return {"kind": "segment", "id": segment, "member": True}


def made(program: Program, name: str, *conditions: dict) -> int:
    answer = program.post("/segments/", {"name": name, "audience": tree(*conditions)})
    assert answer.status_code == 201
    return answer.json()["id"]


@pytest.fixture(autouse=True)
def _people(db):
    for name, country in (("ana", "FR"), ("ben", "BE"), ("cleo", "FR"), ("dan", None)):
        Profile.objects.create(external_id=name, attributes={"country": country} if country else {})


def test_a_segment_comes_with_its_number_its_sentence_and_where_it_is_used(program):
    french = made(program, "French", IN_FRANCE)
    made(program, "Both", inside(french))
    answer = program.get(f"/segments/{french}/").json()
    assert (answer["count"], answer["used_in"]) == (2, ["the segment Both"])
    assert answer["sentence"] == "People whose country is FR."
    assert answer["counted_at"].endswith("Z")
    assert program.patch(f"/segments/{french}/", {"audience": tree()}).json()["count"] == 4


def test_segments_are_counted_in_as_many_queries_for_many_as_for_few(program):
    made(program, "French", IN_FRANCE)
    broken = Segment.objects.create(name="Broken", audience=tree({"kind": "list", "id": 99, "member": True}))
    shown = program.get("/segments/").json()["results"]
    assert [(row["count"], row["sentence"]) for row in shown] == [(2, "People whose country is FR."), (None, None)]
    broken.delete()

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert program.get("/segments/").status_code == 200
        return len(captured)

    few = queries()
    for number in range(10):
        made(program, f"Segment {number}", IN_FRANCE)
    assert queries() <= few


def test_a_circle_is_refused_by_name(program):
    inner = made(program, "Inner", IN_FRANCE)
    outer = made(program, "Outer", inside(made(program, "Middle", inside(inner))))
    answer = program.patch(f"/segments/{inner}/", {"audience": tree(inside(outer))})
    [error] = problem_of(answer, 422)["errors"]
    assert error["path"] == "/audience"
    assert error["message"] == "this segment would contain itself: Inner → Outer → Middle → Inner"
    assert Segment.objects.get(pk=inner).audience == tree(IN_FRANCE)


def test_a_name_that_is_taken_is_an_error_of_the_name(program):
    made(program, "French", IN_FRANCE)
    other = made(program, "Other")
    assert paths_of(program.post("/segments/", {"name": "French", "audience": tree()})) == ["/name"]
    assert paths_of(program.patch(f"/segments/{other}/", {"name": "French"})) == ["/name"]


def test_what_is_used_is_not_deleted_and_says_by_what(program):
    vip = program.post("/lists/", {"name": "VIP"}).json()["id"]
    guests = made(program, "Guests", {"kind": "list", "id": vip, "member": True})
    more = made(program, "More", inside(guests))
    assert "the segment Guests" in problem_of(program.delete(f"/lists/{vip}/"), 409)["detail"]
    assert "the segment More" in problem_of(program.delete(f"/segments/{guests}/"), 409)["detail"]
    for path in (f"/segments/{more}/", f"/segments/{guests}/", f"/lists/{vip}/"):
        assert program.delete(path).status_code == 204


def test_who_was_taken_off_by_hand_comes_back_only_when_told_so(program):
    vip = program.post("/lists/", {"name": "VIP"}).json()["id"]
    path = f"/lists/{vip}/members/"
    assert program.post(path, {"add": ["ana", "ben"]}).json()["added"] == 2
    remove_member(actor=None, profile_list=ProfileList.objects.get(), profile=Profile.objects.get(external_id="ana"))
    answer = program.post(path, {"add": ["cleo", "ana"]}).json()
    assert (answer["added"], [error["path"] for error in answer["errors"]]) == (1, ["/add/1"])
    assert "put_back" in answer["errors"][0]["message"]
    assert program.post(path, {"add": ["ana"], "put_back": True}).json() == {"added": 1, "removed": 0, "errors": []}
    assert set(ListMember.objects.values_list("source", flat=True)) == {"api"}
    assert paths_of(program.post(path, {"put_back": "yes"})) == ["/put_back"]
