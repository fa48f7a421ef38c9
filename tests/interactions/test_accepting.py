from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from retargeting.interactions.actions import accept_events, accept_interactions
from retargeting.interactions.models import AcceptedId, CustomEvent, MessageEvent
from retargeting.orchestrations.models import Kind, MessageStep, Orchestration
from retargeting.profiles.actions import erase
from retargeting.profiles.models import Profile

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def ana():
    return Profile.objects.create(external_id="ana")


@pytest.fixture
def campaigns():
    """One campaign per channel, by channel."""
    made = {}
    for channel in ("push", "email", "sms", "in_app"):
        made[channel] = Orchestration.objects.create(kind=Kind.CAMPAIGN, name=channel)
        MessageStep.objects.create(orchestration=made[channel], channel=channel)
    return made


@pytest.fixture
def automation():
    made = Orchestration.objects.create(kind=Kind.AUTOMATION, name="Welcome")
    MessageStep.objects.create(orchestration=made, key="hello", channel="email")
    return made


def event(id="1", **fields):
    return {"id": id, "profile": "ana", "event": "bought", **fields}


def events(*items):
    return accept_events(actor=None, items=items)


def interactions(*items):
    return accept_interactions(actor=None, items=items)


def places(result):
    return [(error.item, error.path) for error in result.errors]


def test_an_event_is_stored_as_it_was_told(ana):
    properties = {"value": 59.9, "items": ["a", 1, True], "note": None}
    assert events(event(properties=properties, occurred_at="2026-11-01T10:00:00.123456+02:00")) == (1, 0, [])
    stored = CustomEvent.objects.get()
    assert (stored.profile_id, stored.name, stored.properties) == (ana.id, "bought", properties)
    assert stored.occurred_at == datetime(2026, 11, 1, 8, 0, 0, 123_456, tzinfo=UTC)


def test_what_has_no_time_happened_now(ana):
    events(event())
    assert CustomEvent.objects.get().occurred_at == NOW


@pytest.mark.parametrize(
    "moment",
    [
        "2026-11-23T12:10:00Z",
        "2000-01-01T00:00:00Z",
        "2026-11-23T12:00:00.123456789Z",
        "2026-11-23T13:09+01:00",
    ],
)
def test_times_at_the_edges_are_taken(ana, moment):
    assert events(event(occurred_at=moment)).accepted == 1


@pytest.mark.parametrize(
    "moment",
    [
        "2026-11-23T12:10:00.000001Z", "1999-12-31T23:59:59Z", "2026-11-01T10:00:00", "2026-11-01", "yesterday", "",
        1762000000, None, True, [], {}, "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00",
        "2026-02-30T10:00:00Z", "2026-11-01T10:00:00+25:00", "\x00", "\ud800",
    ],
)  # fmt: skip
def test_other_times_are_refused(ana, moment):
    assert places(events(event(occurred_at=moment))) == [(0, "/occurred_at")]
    assert not CustomEvent.objects.exists()


@pytest.mark.parametrize(
    ("item", "path"),
    [
        (None, ""),
        ("text", ""),
        ([], ""),
        ({"profile": "ana", "event": "x"}, "/id"),
        ({"id": "1", "event": "x"}, "/profile"),
        ({"id": "1", "profile": "ana"}, "/event"),
        (event(extra=1), "/extra"),
        (event(id=1), "/id"),
        (event(id=""), "/id"),
        (event(id="x" * 256), "/id"),
        (event(id="\ud800"), "/id"),
        (event(profile="nobody"), "/profile"),
        (event(profile=None), "/profile"),
        (event(profile=["ana"]), "/profile"),
        (event(profile="\x00"), "/profile"),
        (event(profile="\udfff"), "/profile"),
        (event(event=""), "/event"),
        (event(event="x" * 201), "/event"),
        (event(event="a\x00"), "/event"),
        (event(event="a\ud800"), "/event"),
        (event(event=5), "/event"),
        (event(properties=None), "/properties"),
        (event(properties=[1]), "/properties"),
        (event(properties={"a": {"b": 1}}), "/properties/a"),
        (event(properties={"a/b": ["\x00"]}), "/properties/a~1b/0"),
        (event(properties={"a": float("inf")}), "/properties/a"),
        (event(properties={"a": 10**40}), "/properties/a"),
        (event(properties={"\ud800": 1}), "/properties/?"),
        (event(properties={"a": "\udc00"}), "/properties/a"),
    ],
)
def test_a_bad_event_is_named_and_the_good_one_stored(ana, item, path):
    result = events(item, event("good"))
    assert (result.accepted, result.duplicates) == (1, 0)
    assert places(result) == [(0, path)]
    assert CustomEvent.objects.count() == 1


def test_the_first_of_two_items_with_one_id_stays(ana):
    assert events(event("1", event="first"), event("1", event="second"), event("1", nonsense=1)) == (1, 2, [])
    assert events(event("1", event="third"), event("1", profile="nobody")) == (0, 2, [])
    assert CustomEvent.objects.get().name == "first"


def test_a_bad_item_claims_no_id(ana):
    result = events(event("1", profile="nobody"), event("1"))
    assert (result.accepted, result.duplicates, places(result)) == (1, 0, [(0, "/profile")])


def test_events_and_interactions_have_ids_of_their_own(ana, campaigns):
    assert events(event("1")).accepted == 1
    assert interactions(event("1", event="opened", campaign=campaigns["email"].id)).accepted == 1
    assert AcceptedId.objects.count() == 2


def test_an_interaction_takes_its_channel_from_its_target(ana, campaigns, automation):
    step = automation.message_steps.get()
    result = interactions(
        event("1", event="opened", campaign=campaigns["push"].id, machine=True),
        event("2", event="clicked", automation=automation.id, step="hello"),
    )
    assert result == (2, 0, [])
    push, email = MessageEvent.objects.order_by("channel")
    assert (push.channel, push.event, push.machine, push.orchestration_id) == (1, 3, True, campaigns["push"].id)
    assert (email.channel, email.event, email.machine, email.step_id) == (2, 4, False, step.id)


def test_history_of_an_archived_campaign_and_a_removed_step_is_taken(ana, campaigns, automation):
    Orchestration.objects.update(archived_at=NOW)
    MessageStep.objects.update(removed_at=NOW)
    assert interactions(
        event("1", event="sent", campaign=campaigns["sms"].id),
        event("2", event="sent", automation=automation.id, step="hello"),
    ) == (2, 0, [])


@pytest.mark.parametrize(
    ("channel", "refused"),
    [
        ("push", {"bounced", "unsubscribed", "complained"}),
        ("email", set()),
        ("sms", {"opened", "bounced", "complained"}),
        ("in_app", {"delivered", "bounced", "unsubscribed", "complained"}),
    ],
)
def test_each_channel_has_its_own_events(ana, campaigns, channel, refused):
    names = ["sent", "delivered", "opened", "clicked", "bounced", "unsubscribed", "complained", "skipped"]
    result = interactions(*(event(name, event=name, campaign=campaigns[channel].id) for name in names))
    assert {names[error.item] for error in result.errors} == refused
    assert {error.path for error in result.errors} <= {"/event"}
    assert result.accepted == len(names) - len(refused)


def test_what_is_wrong_with_an_interaction_is_named(ana, campaigns, automation):
    campaign = campaigns["email"].id
    cases = [
        (event(event="opened"), ""),
        (event(event="opened", campaign=campaign, automation=automation.id, step="hello"), ""),
        (event(event="opened", campaign=999_999), "/campaign"),
        (event(event="opened", campaign=10**30), "/campaign"),
        (event(event="opened", campaign=-1), "/campaign"),
        (event(event="opened", campaign=True), "/campaign"),
        (event(event="opened", campaign="1"), "/campaign"),
        (event(event="opened", campaign=None), "/campaign"),
        (event(event="opened", campaign=automation.id), "/campaign"),
        (event(event="opened", campaign=campaign, step="hello"), "/step"),
        (event(event="opened", automation=campaign, step="hello"), "/automation"),
        (event(event="opened", automation=automation.id), "/step"),
        (event(event="opened", automation=automation.id, step=""), "/step"),
        (event(event="opened", automation=automation.id, step="nix"), "/step"),
        (event(event="opened", automation=automation.id, step=["hello"]), "/step"),
        (event(event="Opened", campaign=campaign), "/event"),
        (event(event=None, campaign=campaign), "/event"),
        (event(event=[], campaign=campaign), "/event"),
        (event(event="opened", campaign=campaign, machine=1), "/machine"),
        (event(event="sent", campaign=campaign, machine=True), "/machine"),
        (event(event="opened", campaign=campaign, occurred_at="2030-01-01T00:00:00Z"), "/occurred_at"),
        (event(event="opened", campaign=campaign, channel="email"), "/channel"),
    ]
    for item, path in cases:
        assert places(interactions(item)) == [(0, path)], item
    assert not MessageEvent.objects.exists()
    assert not AcceptedId.objects.exists()


def test_erasing_a_person_takes_the_events_and_leaves_the_numbers(ana, campaigns):
    events(event("1", properties={"address": "Rue de Rivoli"}))
    interactions(event("1", event="opened", campaign=campaigns["email"].id))
    erase(actor=None, profile=ana)
    assert not CustomEvent.objects.exists()
    assert MessageEvent.objects.count() == 1
    assert places(events(event("2"))) == [(0, "/profile")]


def test_late_and_early_items_of_one_batch_land_in_their_months(ana):
    moments = [NOW - timedelta(days=40 * n) for n in range(12)]
    assert events(*(event(str(n), occurred_at=moment.isoformat()) for n, moment in enumerate(moments))).accepted == 12
    assert sorted(CustomEvent.objects.values_list("occurred_at", flat=True)) == sorted(moments)
