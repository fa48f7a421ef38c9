"""Labels, lists, channels and single people."""

from datetime import UTC, datetime, timedelta

import pytest

from retargeting.accounts.models import Activity
from retargeting.channels.models import ChannelConfig
from retargeting.interactions.actions import accept_events, accept_interactions
from retargeting.orchestrations.models import Kind, Label, MessageStep, Orchestration
from retargeting.profiles.actions import suppress
from retargeting.profiles.models import ListMember, Profile, ProfileList
from tests.api.conftest import paths_of, problem_of

pytestmark = pytest.mark.django_db


def test_a_label_lives_from_creation_to_deletion(program):
    created = program.post("/labels/", {"code": "promo", "name": "Promo", "colour": "red"})
    assert (created.status_code, created.json()["code"]) == (201, "promo")
    assert program.patch("/labels/promo/", {"name": "Promotion"}).json()["name"] == "Promotion"
    assert program.put("/labels/promo/", {"code": "promo", "name": "P", "colour": "blue"}).json()["colour"] == "blue"
    assert program.get("/labels/promo/").json()["name"] == "P"
    assert program.delete("/labels/promo/").status_code == 204
    problem_of(program.get("/labels/promo/"), 404)
    assert [line.verb for line in Activity.objects.filter(object_type="label").order_by("id")] == [
        "create", "update", "update", "delete",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, {"/code", "/name"}),
        ([], {""}),
        ("x", {""}),
        ({"code": "Big", "name": "x"}, {"/code"}),
        ({"code": "a b", "name": "x"}, {"/code"}),
        ({"code": "x" * 51, "name": "x"}, {"/code"}),
        ({"code": "a", "name": "x" * 101}, {"/name"}),
        ({"code": "a", "name": ["x"]}, {"/name"}),
        ({"code": "a", "name": "x", "colour": "beige"}, {"/colour"}),
        ({"code": "a", "name": "x", "created_at": "2026-01-01T00:00:00Z"}, {"/created_at"}),
        ({"code": "taken", "name": "x"}, {"/code"}),
    ],
)
def test_what_is_wrong_with_a_label_is_named(program, body, paths):
    Label.objects.create(code="taken", name="Taken")
    assert set(paths_of(program.post("/labels/", body))) == paths
    assert Label.objects.count() == 1


def test_the_code_of_a_label_stays(program):
    Label.objects.create(code="promo", name="Promo")
    assert paths_of(program.patch("/labels/promo/", {"code": "other"})) == ["/code"]


def test_lists_are_paged_filtered_and_complete(program):
    for number in range(25):
        Label.objects.create(code=f"l{number:02}", name=f"Label {number}", colour="red" if number % 2 else "blue")
    found, address = [], "/labels/?limit=10"
    while address:
        page = program.get(address).json()
        assert set(page) == {"results", "next"}
        found += [label["code"] for label in page["results"]]
        address = page["next"] and page["next"].partition("/api/v1")[2]
    assert found == [f"l{number:02}" for number in range(25)]
    assert len(program.get("/labels/?colour=red").json()["results"]) == 12
    assert [label["code"] for label in program.get("/labels/?name__icontains=label 24").json()["results"]] == ["l24"]
    assert paths_of(program.get("/labels/?colour=beige")) == ["/colour"]


def test_a_list_and_its_members(program):
    for name in ("ana", "ben", "cia"):
        Profile.objects.create(external_id=name)
    number = program.post("/lists/", {"name": "VIP"}).json()["id"]
    path = f"/lists/{number}/members/"
    assert program.post(path, {"add": ["ana", "ben", "ana"]}).json() == {"added": 2, "removed": 0, "errors": []}
    answer = program.post(path, {"add": ["cia", "nobody", 5, "ben"], "remove": ["ana", "x/y", "ben"]}).json()
    assert (answer["added"], answer["removed"]) == (1, 1)
    assert [error["path"] for error in answer["errors"]] == ["/add/1", "/add/2", "/remove/1", "/remove/2"]
    members = ListMember.objects.order_by("profile__external_id").values_list("profile__external_id", flat=True)
    assert list(members) == ["ben", "cia"]
    assert program.get(f"/lists/{number}/").json()["size"] == 2
    assert program.patch(f"/lists/{number}/", {"name": "Best"}).json()["size"] == 2
    assert program.delete(f"/lists/{number}/").status_code == 204
    assert Profile.objects.count() == 3


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ([], ""),
        ({"add": "ana"}, "/add"),
        ({"add": None}, "/add"),
        ({"nix": []}, "/nix"),
        ({"remove": ["a"] * 10_001}, "/remove"),
    ],
)
def test_what_is_wrong_with_a_change_of_members_is_named(program, body, path):
    ProfileList.objects.create(name="VIP")
    assert paths_of(program.post(f"/lists/{ProfileList.objects.get().id}/members/", body)) == [path]


def test_a_list_needs_a_name_of_its_own(program):
    ProfileList.objects.create(name="VIP")
    assert paths_of(program.post("/lists/", {"name": "VIP"})) == ["/name"]
    assert paths_of(program.post("/lists/", {"name": ""})) == ["/name"]


def test_channels_are_shown_without_their_secrets(program):
    ChannelConfig.objects.update_or_create(channel="email", defaults={"settings": {"password": "hush"}})
    answer = program.get("/channels/email/")
    assert set(answer.json()) == {"channel", "name", "provider", "sender", "enabled"}
    assert [channel["channel"] for channel in program.get("/channels/").json()["results"]] == [
        "push", "email", "sms", "in_app",
    ]  # fmt: skip
    assert program.get("/channels/push/").json()["provider"] == "sandbox"
    assert "hush" not in answer.content.decode() + program.get("/channels/").content.decode()
    problem_of(program.patch("/channels/email/", {"enabled": False}), 405)


@pytest.mark.parametrize("name", ["ana", "a/b", "a b", "é😀", "a%2Fb", "?q#f", "a//b", "timeline", "/x/"])
def test_any_external_id_has_an_address(program, name):
    from urllib.parse import quote

    path = f"/profiles/{quote(name, safe='')}/"
    assert program.post("/profiles/bulk/", {"profiles": [{"external_id": name}]}).json()["created"] == 1
    assert program.get(path).json()["external_id"] == name
    assert program.get(path + "timeline/").json() == {"results": [], "next": None}
    assert program.patch(path, {"attributes": {"a": 1}}).json()["attributes"] == {"a": 1}
    assert program.delete(path).status_code == 204
    problem_of(program.get(path), 404)


def test_a_change_of_one_person_is_as_strict_as_a_batch(program):
    program.post("/profiles/bulk/", {"profiles": [{"external_id": "ana", "attributes": {"a": 1}}]})
    for body, path in [
        ({"external_id": "other"}, "/external_id"), ({"nix": 1}, "/nix"), ([], ""), ({"language": 5}, "/language"),
        ({"addresses": [{"channel": "email", "address": "x"}]}, "/addresses/0/address"),
    ]:  # fmt: skip
        assert paths_of(program.patch("/profiles/ana/", body)) == [path]
    problem_of(program.patch("/profiles/nobody/", {"attributes": {}}), 404)
    assert not Profile.objects.filter(external_id="nobody").exists()
    assert program.get("/profiles/ana/").json()["attributes"] == {"a": 1}


def test_a_person_is_shown_with_addresses_and_suppressions(program):
    address = {"channel": "email", "address": "ana@example.com"}
    program.post("/profiles/bulk/", {"profiles": [{"external_id": "ana", "language": "fr", "addresses": [address]}]})
    suppress(actor=None, channel="email", address="ana@example.com", reason="bounced")
    shown = program.get("/profiles/ana/").json()
    assert shown["addresses"] == [{**address, "subscribed": True, "suppressed": True}]
    assert (shown["language"], shown["time_zone"]) == ("fr", "")


def test_erasing_leaves_no_name_in_the_activity(program):
    program.post("/profiles/bulk/", {"profiles": [{"external_id": "ana@example.com"}]})
    old = Profile.objects.get().id
    assert program.delete("/profiles/ana@example.com/").status_code == 204
    line = Activity.objects.get(verb="erase")
    assert "ana" not in line.object_name + line.summary
    program.post("/profiles/bulk/", {"profiles": [{"external_id": "ana@example.com"}]})
    assert Profile.objects.get().id > old


def test_the_timeline_tells_everything_once_newest_first(program):
    Profile.objects.create(external_id="ana")
    campaign = Orchestration.objects.create(kind=Kind.CAMPAIGN, name="Spring")
    MessageStep.objects.create(orchestration=campaign, channel="email")
    automation = Orchestration.objects.create(kind=Kind.AUTOMATION, name="Welcome")
    MessageStep.objects.create(orchestration=automation, key="hello", channel="push")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    # Several at one and the same moment, and over months: over every seam of a page and a partition.
    times = [(start + timedelta(days=n // 4 * 9)).isoformat() for n in range(40)]
    custom = [{"id": str(n), "profile": "ana", "event": f"e{n}", "occurred_at": times[n]} for n in range(0, 40, 2)]
    messages = [
        {"id": str(n), "profile": "ana", "event": "opened", "occurred_at": times[n]}
        | (
            {"campaign": campaign.id}
            if n % 4 == 1
            else {"automation": automation.id, "step": "hello", "machine": True}
        )
        for n in range(1, 40, 2)
    ]
    assert accept_events(actor=None, items=custom).accepted == 20
    assert accept_interactions(actor=None, items=messages).accepted == 20
    found, address = [], "/profiles/ana/timeline/?limit=7"
    while address:
        page = program.get(address).json()
        found += page["results"]
        address = page["next"] and page["next"].partition("/api/v1")[2]
    assert len(found) == 40
    assert [moment["occurred_at"] for moment in found] == sorted(
        (moment["occurred_at"] for moment in found), reverse=True
    )
    assert len({moment["event"] for moment in found if moment["kind"] == "event"}) == 20
    sent = [moment for moment in found if moment["kind"] == "message"]
    assert {moment.get("campaign") for moment in sent} == {campaign.id, None}
    assert sum(moment.get("step") == "hello" and moment["automation"] == automation.id for moment in sent) == 10
    assert sent[0].keys() >= {"event", "channel", "machine", "occurred_at"}


QUERIES = {"/labels/": 2, "/lists/": 2, "/channels/": 2, "/profiles/p1/": 3, "/profiles/p1/timeline/": 7}


@pytest.mark.parametrize("path", QUERIES)
def test_a_page_takes_as_many_queries_as_it_always_did(program, django_assert_num_queries, path):
    """One for the key each. The numbers do not grow with the rows."""
    campaign = Orchestration.objects.create(kind=Kind.CAMPAIGN, name="Spring")
    MessageStep.objects.create(orchestration=campaign, channel="email")
    addresses = [{"channel": "push", "address": f"t{n}"} for n in range(5)]
    program.post("/profiles/bulk/", {"profiles": [{"external_id": f"p{n}", "addresses": addresses} for n in range(5)]})
    for number in range(5):
        Label.objects.create(code=f"l{number}", name="x")
        created = ProfileList.objects.create(name=f"x{number}")
        program.post(f"/lists/{created.id}/members/", {"add": [f"p{n}" for n in range(5)]})
        item = {"id": str(number), "profile": "p1", "event": "opened"}
        accept_events(actor=None, items=[item])
        accept_interactions(actor=None, items=[{**item, "campaign": campaign.id}])
    with django_assert_num_queries(QUERIES[path]):
        assert program.get(path).status_code == 200
