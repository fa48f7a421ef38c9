"""Quiet hours, holdout, control group and shared addresses: in the review and at the launch alike."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import time_machine
from django.core.exceptions import ValidationError
from pyroaring import BitMap

from retargeting.conditions.nodes import Interaction
from retargeting.messaging import actions, dispatches, withheld
from retargeting.messaging.draws import Purpose, drawn, lots
from retargeting.messaging.eligibility import Intent
from retargeting.messaging.models import ControlGroup, Delivery, DeliveryStatus, FrequencyCap, QuietHours
from retargeting.messaging.quiet import quiet_until
from retargeting.messaging.zones import moment_at
from retargeting.profiles.models import Address, Profile
from tests.messaging.test_sending import drain, statuses, with_event

pytestmark = pytest.mark.django_db

PARIS, NEW_YORK = ZoneInfo("Europe/Paris"), ZoneInfo("America/New_York")
TEN_AT_NIGHT, EIGHT = time(22), time(8)


@pytest.mark.parametrize(
    ("now", "zone", "until"),
    [
        ("2026-12-01T21:30+00:00", PARIS, "2026-12-02T07:00+00:00"),  # 22:30 there
        ("2026-12-02T06:59+00:00", PARIS, "2026-12-02T07:00+00:00"),
        ("2026-12-02T07:00+00:00", PARIS, None),
        ("2026-12-01T20:59+00:00", PARIS, None),
        ("2026-12-02T07:00+00:00", NEW_YORK, "2026-12-02T13:00+00:00"),
        ("2026-03-28T22:00+00:00", PARIS, "2026-03-29T06:00+00:00"),  # the night in which clocks go forward
        ("2026-10-24T22:00+00:00", PARIS, "2026-10-25T07:00+00:00"),  # and the one in which they go back
    ],
)
def test_quiet_hours_last_past_midnight_on_the_clocks_of_the_zone(now, zone, until):
    found = quiet_until(TEN_AT_NIGHT, EIGHT, datetime.fromisoformat(now), zone)
    assert found == (datetime.fromisoformat(until) if until else None)


def test_quiet_hours_within_a_day_end_on_that_day():
    noon = datetime(2026, 12, 1, 12, tzinfo=UTC)
    assert quiet_until(time(12), time(14), noon, ZoneInfo("UTC")) == datetime(2026, 12, 1, 14, tzinfo=UTC)
    assert quiet_until(time(12), time(14), noon.replace(hour=14), ZoneInfo("UTC")) is None


@pytest.mark.parametrize(
    ("wall", "zone", "moment"),
    [
        ("2026-03-29T02:30", PARIS, "2026-03-29T01:00+00:00"),  # skipped: the moment at which it is
        ("2026-10-25T02:30", PARIS, "2026-10-25T00:30+00:00"),  # twice: the first
        ("2026-03-29T03:00", PARIS, "2026-03-29T01:00+00:00"),
        ("2026-10-04T02:15", ZoneInfo("Australia/Lord_Howe"), "2026-10-03T15:30+00:00"),  # half an hour is skipped
        ("2011-12-30T12:00", ZoneInfo("Pacific/Apia"), "2011-12-30T10:00+00:00"),  # a whole day is
    ],
)
def test_a_time_that_clocks_skip_or_repeat_is_one_moment(wall, zone, moment):
    assert moment_at(datetime.fromisoformat(wall), zone) == datetime.fromisoformat(moment)


@pytest.fixture
def two_zones(people) -> tuple[int, int]:
    """Somebody in Paris, and somebody of whom no zone is known."""
    one, other = people(2)
    Profile.objects.filter(pk=one).update(time_zone="Europe/Paris")
    return one, other


MIDNIGHT = datetime(2026, 12, 2, 0, tzinfo=UTC)


@time_machine.travel(MIDNIGHT, tick=False)
@pytest.mark.parametrize(("default", "both"), [("UTC", True), ("America/New_York", False)])
def test_people_in_their_night_get_it_in_the_morning(two_zones, dispatch, default, both):
    QuietHours.objects.create(starts=TEN_AT_NIGHT, ends=EIGHT, time_zone=default)
    dispatches.start(dispatch=dispatch, members=BitMap(two_zones))
    drain()
    put_off = dict(Delivery.objects.filter(status=DeliveryStatus.DEFERRED).values_list("profile_id", "retry_at"))
    in_paris = {two_zones[0]: datetime(2026, 12, 2, 7, tzinfo=UTC)}
    assert put_off == in_paris | ({two_zones[1]: datetime(2026, 12, 2, 8, tzinfo=UTC)} if both else {})
    with time_machine.travel(MIDNIGHT.replace(hour=7), tick=False):
        dispatches.retry_due()
        drain()
    assert Delivery.objects.get(profile_id=two_zones[0]).status == DeliveryStatus.SENT


@time_machine.travel(MIDNIGHT, tick=False)
def test_quiet_hours_may_leave_people_out_instead(two_zones, dispatch):
    QuietHours.objects.create(starts=TEN_AT_NIGHT, ends=EIGHT, time_zone="America/New_York", when_reached="skip")
    dispatches.start(dispatch=dispatch, members=BitMap(two_zones))
    drain()
    assert list(Delivery.objects.filter(reason="quiet_hours").values_list("profile_id", flat=True)) == [two_zones[0]]
    assert with_event(dispatch, Interaction.SKIPPED) == BitMap([two_zones[0]])


@time_machine.travel(MIDNIGHT, tick=False)
def test_a_message_that_would_come_after_its_deadline_is_not_put_off(two_zones, dispatch):
    QuietHours.objects.create(starts=TEN_AT_NIGHT, ends=EIGHT)
    dispatch.deadline = datetime(2026, 12, 2, 7, 30, tzinfo=UTC)
    dispatch.save()
    dispatches.start(dispatch=dispatch, members=BitMap(two_zones))
    drain()
    assert statuses(dispatch) == {"deferred": 1, "skipped": 1}


def test_lots_are_even_and_stay_the_same():
    ids = np.arange(1, 100_001, dtype=np.uint32)
    found = lots(ids, Purpose.HOLDOUT, 7)
    assert abs(found.mean() - 0.5) < 0.005
    assert np.histogram(found, bins=10, range=(0, 1))[0].min() > 9_500
    assert (lots(ids, Purpose.HOLDOUT, 7) == found).all()
    for others in (lots(ids, Purpose.HOLDOUT, 8), lots(ids, Purpose.VARIANT, 7)):
        assert abs(np.corrcoef(found, others)[0, 1]) < 0.02


def test_a_larger_share_keeps_those_of_a_smaller_one():
    everyone = BitMap(range(1, 10_001))
    tenth, third = (drawn(everyone, Purpose.CONTROL_GROUP, 1, share) for share in (0.1, 0.3))
    assert tenth < third
    assert len(tenth) == pytest.approx(1000, abs=100)


def test_a_holdout_gets_nothing_and_is_recorded(people, dispatch):
    members = people(200)
    dispatch.holdout = 20
    dispatch.save()
    dispatches.start(dispatch=dispatch, members=members)
    drain()
    held_out = BitMap(Delivery.objects.filter(reason="holdout").values_list("profile_id", flat=True))
    assert held_out == drawn(members, Purpose.HOLDOUT, dispatch.orchestration_id, 0.2)
    assert with_event(dispatch, Interaction.SENT) == members - held_out
    assert with_event(dispatch, Interaction.SKIPPED) == held_out


def test_the_control_group_gets_nothing_from_anybody_until_it_is_drawn_anew(people, dispatch, owner):
    members = people(300)
    intent = Intent("email", dispatch.orchestration_id)
    actions.draw_control_group(actor=owner, percent=Decimal(10))
    before = withheld.control_group(members, intent)
    assert 10 < len(before) < 60
    actions.draw_control_group(actor=owner, percent=Decimal(20))
    assert before < withheld.control_group(members, intent)
    actions.draw_control_group(actor=owner, percent=Decimal(10), reshuffle=True)
    assert withheld.control_group(members, intent) != before
    assert not withheld.control_group(members, Intent("email", 1, priority="service"))
    dispatches.start(dispatch=dispatch, members=members)
    drain()
    reasons = Delivery.objects.filter(reason="control_group")
    assert BitMap(reasons.values_list("profile_id", flat=True)) == withheld.control_group(members, intent)


def test_one_address_gets_one_message(smtp, people, dispatch):
    members = people(4)
    ids = list(members)
    Address.objects.filter(profile__in=ids[1:3]).update(address="family@example.com")
    # p3 has that address too, but writes to them go to another one.
    Address.objects.create(profile_id=ids[3], channel="email", address="family@example.com", subscribed=False)
    dispatches.start(dispatch=dispatch, members=members)
    drain()
    assert list(Delivery.objects.filter(reason="duplicate").values_list("profile_id", flat=True)) == [ids[2]]
    assert max(smtp.mailbox.per_address.values()) == 1
    assert len(smtp.mailbox.mails) == 3


def test_limits_that_would_stop_everything_are_refused(owner):
    with pytest.raises(ValidationError, match="Fewer than"):
        actions.save_cap(actor=owner, cap=FrequencyCap(name="x", most=2, amount=1, reserved=2))
    with pytest.raises(ValidationError, match="whole day"):
        actions.save_quiet_hours(actor=owner, hours=QuietHours(starts=EIGHT, ends=EIGHT))
    with pytest.raises(ValidationError):
        actions.draw_control_group(actor=owner, percent=Decimal(80))


def test_admins_set_limits_in_the_administration(owner_client):
    form = {"name": "Three a week", "enabled": "on", "most": 3, "amount": 1, "unit": "week", "reserved": 3,
            "when_reached": "skip"}  # fmt: skip
    address = "/admin/messaging/frequencycap/add/"
    assert "Fewer than" in owner_client.post(address, form).text
    owner_client.post(address, {**form, "reserved": 1})
    assert FrequencyCap.objects.get().period.days == 7
    owner_client.post("/admin/messaging/controlgroup/add/", {"percent": "5"})
    seed = ControlGroup.objects.get().seed
    chosen = {"action": "reshuffle", "_selected_action": [ControlGroup.objects.get().pk]}
    owner_client.post("/admin/messaging/controlgroup/", chosen)
    assert ControlGroup.objects.get().seed != seed
    night = {"starts": "22:00", "ends": "08:00", "time_zone": "Europe/Pariss", "when_reached": "defer"}
    assert "no such zone" in owner_client.post("/admin/messaging/quiethours/add/", night).text
