"""Whatever is sent to a bulk call: an error that names the place, nothing half-written, never a 500."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retargeting.api.parsers import MAX_BODY
from retargeting.interactions.models import AcceptedId, CustomEvent, MessageEvent
from retargeting.orchestrations.models import Kind, MessageStep, Orchestration
from retargeting.profiles.models import Address, Profile
from tests.api.conftest import paths_of, problem_of

pytestmark = pytest.mark.django_db

BULK = ["profiles", "events", "interactions"]


@pytest.fixture
def campaign(db):
    made = Orchestration.objects.create(kind=Kind.CAMPAIGN, name="Spring")
    MessageStep.objects.create(orchestration=made, channel="email")
    return made


@pytest.fixture
def ana(db):
    return Profile.objects.create(external_id="ana")


@pytest.fixture
def good(ana, campaign):
    """An item that each bulk call takes."""
    return {
        "profiles": {"external_id": "ben"},
        "events": {"id": "1", "profile": "ana", "event": "bought"},
        "interactions": {"id": "1", "profile": "ana", "event": "opened", "campaign": campaign.id},
    }


def stored() -> int:
    models = (Profile, Address, CustomEvent, MessageEvent, AcceptedId)
    return sum(model.objects.count() for model in models)


@pytest.mark.parametrize("name", BULK)
@pytest.mark.parametrize(
    "body",
    [
        b"{", b"nonsense", b'{"%s": [}', b"\xff\xfe", b'"\xed\xa0\x80"', b'{"%s": NaN}', b'{"%s": [{"id": Infinity}]}',
        b'{"%s": [-Infinity]}', b'{"%s": [], "%s": []}', b'{"%s": [{"id": "1", "id": "2"}]}', b'{"%s": "a\x00b"}',
        b"[" * 100_000, b'{"%s":' * 50_000, b"\xef\xbb\xbf{}", b'{"%s": []} x', b"1" * 5_000, b"'",
    ],
)  # fmt: skip
def test_what_is_not_json_is_refused_as_a_whole(program, name, body):
    body = body.replace(b"%s", name.encode())
    problem_of(program.post_raw(f"/{name}/bulk/", body), 400)


@pytest.mark.parametrize("name", BULK)
def test_a_body_that_is_not_a_batch_is_named(program, name):
    cases: list[tuple[object, str]] = [
        (None, ""), (1, ""), ("text", ""), ([], ""), (True, ""), (1e400, ""),
        ({}, f"/{name}"), ({name: None}, f"/{name}"), ({name: {}}, f"/{name}"),
        ({name: [], "more": 1}, "/more"), ({name: [], "a/b": 1}, "/a~1b"),
        ({name: [], "\ud800": 1}, "/?"), ({name: [None] * 10_001}, f"/{name}"),
    ]  # fmt: skip
    for body, path in cases:
        text = json.dumps(body).replace("Infinity", "1e999")
        assert paths_of(program.post_raw(f"/{name}/bulk/", text)) == [path], text[:80]


@pytest.mark.parametrize("name", BULK)
def test_ten_thousand_bad_items_are_ten_thousand_errors(program, name):
    answer = program.post(f"/{name}/bulk/", {name: [None] * 10_000})
    assert answer.status_code == 200
    assert [error["index"] for error in answer.json()["errors"]] == list(range(10_000))
    assert answer.json()["errors"][-1]["path"] == f"/{name}/9999"


@pytest.mark.parametrize("name", BULK)
def test_more_than_ten_megabytes_are_refused(program, good, name):
    before = stored()
    text = json.dumps({name: [good[name]]})
    problem_of(program.post_raw(f"/{name}/bulk/", text + " " * MAX_BODY), 413)
    problem_of(program.post_raw(f"/{name}/bulk/", text + " " * MAX_BODY, HTTP_IDEMPOTENCY_KEY="k"), 413)
    problem_of(program.post_raw(f"/{name}/bulk/", " " * (30 * 1024 * 1024), HTTP_IDEMPOTENCY_KEY="k"), 413)
    assert stored() == before
    fits = text + " " * (MAX_BODY - len(text))
    assert program.post_raw(f"/{name}/bulk/", fits).status_code == 200


@pytest.mark.parametrize("name", BULK)
def test_other_kinds_of_bodies_are_refused(program, name):
    for kind in ("text/csv", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "nonsense"):
        problem_of(program.generic("POST", f"/{name}/bulk/", "a=1", content_type=kind), 415)
    assert program.generic("POST", f"/{name}/bulk/", "", content_type="application/json").status_code == 422


@pytest.mark.parametrize("name", BULK)
@pytest.mark.parametrize("escape", [r"\u0000", r"\ud800", r"\udfff", r"\ud83d", r"\ude00\ud83d"])
def test_texts_that_cannot_be_stored_are_refused_item_by_item(program, good, name, escape):
    """In every text of an item and in its keys."""
    item = good[name]
    bad = []
    for key, value in item.items():
        if isinstance(value, str):
            bad.append(json.dumps({**item, key: "@"}).replace("@", escape))
        bad.append(json.dumps({**item, "@": 1}).replace("@", escape))
    text = f'{{"{name}": [{",".join(bad)}, {json.dumps(item)}]}}'
    answer = program.post_raw(f"/{name}/bulk/", text)
    assert answer.status_code == 200, answer.content
    assert {error["index"] for error in answer.json()["errors"]} == set(range(len(bad)))
    assert answer.json().get("accepted", answer.json().get("created")) == 1


def test_surrogates_in_pairs_are_characters(program, ana):
    text = r'{"events": [{"id": "1", "profile": "ana", "event": "\ud83d\ude00"}]}'
    assert program.post_raw("/events/bulk/", text).json()["accepted"] == 1
    assert CustomEvent.objects.get().name == "😀"


def test_an_address_that_is_none_is_refused(program):
    items = [
        {"external_id": str(number), "addresses": [{"channel": channel, "address": address}]}
        for number, (channel, address) in enumerate(
            [
                ("email", "nobody"),
                ("email", "a@b"),
                ("email", ""),
                ("sms", "12"),
                ("sms", "abc"),
                ("push", ""),
                ("in_app", ""),
            ]
        )
    ]
    answer = program.post("/profiles/bulk/", {"profiles": items}).json()
    assert [error["path"] for error in answer["errors"]] == [f"/profiles/{n}/addresses/0/address" for n in range(7)]
    assert not Profile.objects.exists()


def test_other_writes_refuse_what_cannot_be_stored(program):
    for text in (r'{"name": "\u0000"}', r'{"name": "\ud800"}'):
        assert paths_of(program.post_raw("/lists/", text)) == ["/name"]
    assert paths_of(program.post_raw("/lists/", r'{"\ud800": 1}')) == ["/?"]
    assert paths_of(program.post_raw("/lists/", '{"name": 1e999}')) == ["/name"]
    assert paths_of(program.post_raw("/lists/", '{"name": 99999999999999999999999}')) == ["/name"]
    problem_of(program.post_raw("/lists/", b'{"name": "a", "name": "b"}'), 400)


def test_addresses_that_lead_nowhere_answer_with_a_problem(program):
    for path in (
        "/nix/", "/nix", "/profiles/", "/profiles/nobody/", "/profiles/%00/", "/profiles/%ff/", "/profiles/a%0Ab/",
        "/profiles/" + "x" * 300 + "/", "/lists/999999999999999999/", "/lists/abc/", "/labels/nix/", "/channels/fax/",
        "/profiles/nobody/timeline/",
    ):  # fmt: skip
        problem_of(program.get(path), 404)
    for method in ("put", "patch", "delete"):
        problem_of(getattr(program, method)("/nix/", {}), 404)
    problem_of(program.put("/labels/", {}), 405)
    problem_of(program.delete("/events/bulk/"), 405)


def test_cursors_and_limits_of_ones_own_making_are_refused(program, ana):
    import base64

    for text in ("", "p=abc", "p=%00", "o=9999999", "p=2026-01-01", "r=1&p=x", '["2026",1]', "[]", "[1,2]",
                 '["a","b"]', '["2026-01-01T00:00:00", "x"]', "[" * 5000):  # fmt: skip
        for cursor in (text, base64.b64encode(text.encode()).decode()):
            for path in ("/labels/", "/lists/", "/channels/", "/profiles/ana/timeline/"):
                answer = program.get(path, {"cursor": cursor})
                assert answer.status_code in {200, 422}, (path, cursor, answer.content)
    for limit in ("0", "-1", "x", "99999", "1e3", "²"):
        problem_of(program.get("/profiles/ana/timeline/", {"limit": limit}), 422)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
plausible = st.sampled_from(
    [
        "ana",
        "1",
        "opened",
        "email",
        "push",
        "a@example.com",
        "2026-11-01T10:00:00Z",
        "Europe/Paris",
        "fr",
        1,
        True,
        [],
        {},
    ]
)
keys = {
    "profiles": ["external_id", "attributes", "time_zone", "language", "addresses", "nix"],
    "events": ["id", "profile", "event", "properties", "occurred_at", "nix"],
    "interactions": ["id", "profile", "event", "campaign", "automation", "step", "occurred_at", "machine", "nix"],
}
addresses = st.lists(
    st.dictionaries(st.sampled_from(["channel", "address", "subscribed", "x"]), plausible | json_values), max_size=2
)


@pytest.mark.parametrize("name", BULK)
def test_nothing_that_is_json_makes_the_server_fail(program, good, name):
    item = st.dictionaries(st.sampled_from(keys[name]), plausible | json_values | addresses) | json_values

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(item, max_size=4) | json_values)
    def sent(items):
        answer = program.post_raw(f"/{name}/bulk/", json.dumps({name: items}))
        assert answer.status_code in {200, 400, 422}
        document = json.loads(answer.content)
        if answer.status_code == 200:
            bad = {error["index"] for error in document["errors"]}
            taken = sum(document.get(key, 0) for key in ("accepted", "duplicates", "created", "updated"))
            assert len(bad) + taken == len(items)

    sent()
