"""When campaigns go out: in people's own zones, again and again, at a pace, until a deadline, after a grace."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from campaigns import actions, moves, tasks
from campaigns.errors import CampaignError, NotReady
from campaigns.forms import WhenForm
from campaigns.models import Campaign, CampaignStatus, Run
from retargeting import queue
from retargeting.accounts.models import Activity
from retargeting.channels.models import SandboxMessage
from retargeting.messaging import dispatches
from retargeting.messaging.models import Chunk, Delivery, Dispatch
from retargeting.messaging.recurring import RepeatError, check_repeat, first_run, next_run, repeat_words
from retargeting.profiles.models import Address, Profile
from tests.messaging.test_sending import drain

pytestmark = pytest.mark.django_db

PARIS, NEW_YORK = ZoneInfo("Europe/Paris"), ZoneInfo("America/New_York")
DAILY = {"every": "day"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("repeat", "last", "zone", "following"),
    [
        (DAILY, "2026-12-01T09:00", PARIS, "2026-12-02T09:00"),
        (DAILY, "2026-03-28T09:00", PARIS, "2026-03-29T08:00"),  # 10:00 stays 10:00 over the change of clocks
        (DAILY, "2026-03-28T01:30", PARIS, "2026-03-29T01:00"),  # 02:30 is skipped: when the clocks go forward
        (DAILY, "2026-10-24T00:30", PARIS, "2026-10-25T00:30"),  # 02:30 comes twice: the first
        ({"every": "week", "weekdays": ["mon", "thu"]}, "2026-12-03T09:00", PARIS, "2026-12-07T09:00"),
        ({"every": "month", "day": 31}, "2026-01-31T12:00", NEW_YORK, "2026-02-28T12:00"),
        ({"every": "month", "day": 30}, "2028-01-30T12:00", NEW_YORK, "2028-02-29T12:00"),
        ({**DAILY, "until": "2026-12-01"}, "2026-12-01T09:00", PARIS, None),
        ({**DAILY, "runs": 1}, "2026-12-01T09:00", PARIS, None),
        (None, "2026-12-01T09:00", PARIS, None),
    ],
)
def test_the_next_run_is_at_the_same_time_of_the_wall_clock(repeat, last, zone, following):
    found = next_run(repeat, at(last), zone, runs=1, now=at(last) + timedelta(minutes=5))
    assert found == (at(following) if following else None)


def test_a_time_that_the_clocks_skip_once_is_back_on_the_next_day():
    clock = time(2, 30)
    skipped = next_run(DAILY, at("2026-03-28T01:30"), PARIS, runs=1, now=at("2026-03-28T02:00"), clock=clock)
    assert skipped == at("2026-03-29T01:00")
    assert next_run(DAILY, skipped, PARIS, runs=2, now=skipped, clock=clock) == at("2026-03-30T00:30")


def test_runs_that_were_missed_are_not_made_up_for():
    now = at("2026-12-10T12:00")
    assert next_run(DAILY, at("2026-12-01T09:00"), PARIS, runs=1, now=now) == at("2026-12-11T09:00")
    far = at("2029-06-01T12:00")
    assert next_run(DAILY, at("2026-12-01T09:00"), PARIS, runs=1, now=far) == at("2029-06-02T08:00")


def test_the_first_run_is_on_a_day_that_fits():
    monday = {"every": "week", "weekdays": ["mon"]}
    assert first_run(monday, at("2026-12-03T09:00"), PARIS) == at("2026-12-07T09:00")
    assert first_run({**monday, "until": "2026-12-05"}, at("2026-12-03T09:00"), PARIS) is None


@pytest.mark.parametrize(
    ("repeat", "key"),
    [
        ("daily", ""), ({}, "every"), ({"every": "year"}, "every"), ({"every": "day", "day": 3}, "day"),
        ({"every": "week"}, "weekdays"), ({"every": "week", "weekdays": ["mon", "mon"]}, "weekdays"),
        ({"every": "week", "weekdays": ["monday"]}, "weekdays"), ({"every": "month", "day": 32}, "day"),
        ({"every": "month", "day": True}, "day"), ({**DAILY, "until": "tomorrow"}, "until"),
        ({**DAILY, "until": 5}, "until"), ({**DAILY, "runs": 0}, "runs"),
    ],
)  # fmt: skip
def test_a_repeat_that_cannot_be_says_what_is_wrong(repeat, key):
    with pytest.raises(RepeatError) as caught:
        check_repeat(repeat)
    assert caught.value.key == key


def test_a_repeat_is_told_in_words():
    week = {"every": "week", "weekdays": ["thu", "mon"], "runs": 10}
    assert repeat_words(week) == "every Monday and Thursday, 10 times in all"
    assert repeat_words({"every": "month", "day": 31}) == "every month on day 31, or its last one"
    assert repeat_words({**DAILY, "until": "2027-01-31"}) == "every day, until 31 Jan 2027"


def somebody(name: str, zone: str = "") -> Profile:
    profile = Profile.objects.create(external_id=name, time_zone=zone)
    Address.objects.create(profile=profile, channel="email", address=f"{name}@example.com")
    return profile


def tick() -> None:
    """What the clock and the workers do."""
    moves.start_due()
    tasks.end_grace()
    for run in Run.objects.filter(dispatch__status="preparing"):
        tasks.prepare_run(run.pk)
    dispatches.release_due()
    dispatches.retry_due()
    drain()


def got_it() -> list[str]:
    return sorted(address.partition("@")[0] for address in SandboxMessage.objects.values_list("address", flat=True))


BEFORE = at("2026-12-20T00:00")


@time_machine.travel(BEFORE, tick=False)
def test_everybody_gets_it_at_ten_on_their_own_clocks(campaign, marketer):
    for name, zone in {"auckland": "Pacific/Auckland", "paris": "Europe/Paris", "new-york": "America/New_York",
                       "nowhere": "", "mars": "Mars/Base"}.items():  # fmt: skip
        somebody(name, zone)
    ten_in_paris = at("2026-12-24T09:00")
    actions.update_campaign(actor=marketer, campaign=campaign, own_zones=True, time_zone="Europe/Paris")
    moves.schedule(actor=marketer, campaign=campaign, send_at=ten_in_paris)
    expected = [
        ("2026-12-23T19:59", []),
        ("2026-12-23T20:00", []),  # the first zone has ten: work begins, though nobody lives there
        ("2026-12-23T21:00", ["auckland"]),
        ("2026-12-24T08:59", ["auckland"]),
        ("2026-12-24T09:00", ["auckland", "mars", "nowhere", "paris"]),
        ("2026-12-24T15:00", ["auckland", "mars", "new-york", "nowhere", "paris"]),
    ]
    for moment, names in expected:
        with time_machine.travel(at(moment), tick=False):
            tick()
            assert got_it() == names, moment
    campaign.refresh_from_db()
    assert campaign.status == CampaignStatus.COMPLETED


@pytest.mark.parametrize(("if_past", "outcome"), [("send", ("sent", "")), ("skip", ("skipped", "expired"))])
@time_machine.travel(at("2026-12-24T06:00"), tick=False)
def test_where_the_time_is_over_a_stated_rule_decides(campaign, marketer, if_past, outcome):
    somebody("paris", "Europe/Paris")
    over = somebody("auckland", "Pacific/Auckland")
    changes = {"own_zones": True, "time_zone": "Europe/Paris", "if_past": if_past, "expires_after": 120}
    actions.update_campaign(actor=marketer, campaign=campaign, **changes)
    moves.schedule(actor=marketer, campaign=campaign, send_at=at("2026-12-24T09:00"))
    tick()
    assert Delivery.objects.values_list("status", "reason").get(profile_id=over.pk) == outcome
    with time_machine.travel(at("2026-12-24T11:01"), tick=False):
        tick()
    late = Delivery.objects.exclude(profile_id=over.pk).values_list("status", "reason").get()
    assert late == ("skipped", "expired"), "two hours after ten in Paris it is too late there"


@time_machine.travel(BEFORE, tick=False)
def test_a_time_that_is_over_everywhere_cannot_be_scheduled(campaign, marketer):
    actions.update_campaign(actor=marketer, campaign=campaign, own_zones=True)
    with pytest.raises(NotReady):
        moves.schedule(actor=marketer, campaign=campaign, send_at=at("2026-12-19T11:00"))
    moves.schedule(actor=marketer, campaign=campaign, send_at=at("2026-12-19T13:00"))


@time_machine.travel(BEFORE, tick=False)
def test_a_recurring_campaign_finds_its_audience_anew_each_time(campaign, marketer):
    somebody("ana")
    actions.update_campaign(actor=marketer, campaign=campaign, repeat={**DAILY, "runs": 3})
    moves.schedule(actor=marketer, campaign=campaign, send_at=at("2026-12-21T09:00"))
    for number, day in enumerate((21, 22, 23), start=1):
        with time_machine.travel(at(f"2026-12-{day}T09:00"), tick=False):
            tick()
            campaign.refresh_from_db()
            assert campaign.runs.count() == number
            assert campaign.runs.order_by("-number").first().matched == number
            somebody(f"more-{day}")
    assert got_it() == ["ana", "ana", "ana", "more-21", "more-21", "more-22"]
    assert campaign.status == CampaignStatus.COMPLETED
    with time_machine.travel(at("2026-12-24T09:00"), tick=False):
        assert moves.start_due() == 0


def test_a_recurring_campaign_keeps_its_time_over_a_night_that_skips_it(campaign, marketer):
    with time_machine.travel(at("2026-03-27T12:00"), tick=False):
        actions.update_campaign(actor=marketer, campaign=campaign, repeat=DAILY, time_zone="Europe/Paris")
        moves.schedule(actor=marketer, campaign=campaign, send_at=at("2026-03-28T01:30"))
    for following in ("2026-03-29T01:00", "2026-03-30T00:30"):
        campaign.refresh_from_db()
        with time_machine.travel(campaign.send_at, tick=False):
            tick()
        campaign.refresh_from_db()
        assert campaign.send_at == at(following)


@time_machine.travel(BEFORE, tick=False)
def test_between_two_runs_it_can_be_taken_back_to_a_draft(campaign, marketer, marketer_client):
    somebody("ana")
    actions.update_campaign(actor=marketer, campaign=campaign, repeat=DAILY)
    moves.schedule(actor=marketer, campaign=campaign, send_at=at("2026-12-21T09:00"))
    with time_machine.travel(at("2026-12-21T09:00"), tick=False):
        tick()
    campaign.refresh_from_db()
    assert (campaign.status, campaign.send_at) == (CampaignStatus.SCHEDULED, at("2026-12-22T09:00"))
    moves.unschedule(actor=marketer, campaign=campaign)
    actions.update_campaign(actor=marketer, campaign=campaign, repeat=None)
    marketer_client.force_login(marketer)
    assert marketer_client.get(f"/campaigns/{campaign.pk}/report/").status_code == 200, "its run has a report"


@time_machine.travel(BEFORE, tick=False)
def test_a_pace_is_kept_and_not_caught_up_with(campaign, marketer):
    for number in range(60):
        somebody(f"p{number:02}")
    actions.update_campaign(actor=marketer, campaign=campaign, pace=120)
    moves.launch(actor=marketer, campaign=campaign)
    start = timezone.now()
    sent = []
    for second in (0, 1, 5, 10, 15):
        with time_machine.travel(start + timedelta(seconds=second), tick=False):
            tick()
            sent.append(len(got_it()))
    assert sent == [10, 10, 20, 30, 40], "two a second, in parts of five seconds"
    with time_machine.travel(start + timedelta(hours=1), tick=False):
        tick()
    assert len(got_it()) == 60
    assert Chunk.objects.count() == 6


@time_machine.travel(BEFORE, tick=False)
def test_a_clock_that_stood_still_does_not_break_the_pace(campaign, marketer):
    for number in range(200):
        somebody(f"p{number:03}")
    actions.update_campaign(actor=marketer, campaign=campaign, pace=120)
    moves.launch(actor=marketer, campaign=campaign)
    tick()
    with time_machine.travel(BEFORE + timedelta(hours=2), tick=False):
        tick()
        assert len(got_it()) == 10 + 30, "ten seconds are caught up with, not two hours"


@time_machine.travel(BEFORE, tick=False)
def test_after_its_deadline_the_rest_is_skipped_and_counted(campaign, marketer):
    for number in range(40):
        somebody(f"p{number}")
    actions.update_campaign(actor=marketer, campaign=campaign, pace=60, expires_after=1)
    moves.launch(actor=marketer, campaign=campaign)
    tick()
    with time_machine.travel(BEFORE + timedelta(minutes=2), tick=False):
        for _ in range(20):
            tick()
    assert set(Delivery.objects.exclude(status="sent").values_list("reason", flat=True)) == {"expired"}


def test_within_its_grace_a_launch_is_undone_without_a_trace(campaign, marketer_client, settings):
    settings.LAUNCH_GRACE_SECONDS = 10
    somebody("ana")
    answer = marketer_client.post(f"/campaigns/{campaign.pk}/launch/", {"confirmed": 1, "sure": "yes"}, follow=True)
    assert "Undo" in answer.text
    tick()
    assert got_it() == []
    answer = marketer_client.post(f"/campaigns/{campaign.pk}/undo/", follow=True)
    assert "Nobody was written to" in answer.text
    campaign.refresh_from_db()
    assert (campaign.status, campaign.launched_at) == (CampaignStatus.DRAFT, None)
    assert not Run.objects.exists()
    assert not Dispatch.objects.exists()
    assert Activity.objects.first().verb == "undo"


def test_after_its_grace_it_goes_out_and_cannot_be_undone(campaign, marketer):
    somebody("ana")
    moves.launch(actor=marketer, campaign=campaign, grace=10)
    assert queue.backlog() == 0
    with time_machine.travel(timezone.now() + timedelta(seconds=11)):
        tick()
    assert got_it() == ["ana"]
    with pytest.raises(CampaignError, match="too late to undo"):
        moves.undo(actor=marketer, campaign=campaign)


def test_a_launch_that_is_paused_in_its_grace_can_still_be_undone(campaign, marketer):
    somebody("ana")
    moves.launch(actor=marketer, campaign=campaign, grace=10)
    moves.pause(actor=marketer, campaign=campaign)
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        tick()
        moves.undo(actor=marketer, campaign=campaign)
    assert Campaign.objects.get().status == CampaignStatus.DRAFT
    assert got_it() == []


FORM = {"mode": "later", "day": "2026-12-24", "clock": "10:00", "zone": "Europe/Paris"}


@time_machine.travel(BEFORE, tick=False)
@pytest.mark.parametrize(
    ("more", "changes"),
    [
        ({"own_zones": "on", "if_past": "skip"}, {"own_zones": True, "if_past": "skip", "repeat": None}),
        ({"every": "week"}, {"repeat": {"every": "week", "weekdays": ["thu"]}}),
        ({"every": "month", "ends": "runs", "runs": "3"}, {"repeat": {"every": "month", "day": 24, "runs": 3}}),
        ({"every": "day", "ends": "until", "until": "2026-12-31"}, {"repeat": {**DAILY, "until": "2026-12-31"}}),
        ({"every": "week", "weekdays": ["mon"]}, {"send_at": at("2026-12-28T09:00")}),
        ({"pace": "600", "hours": "1.5", "priority": "high", "holdout": "5"},
         {"pace": 600, "expires_after": 90, "priority": "high", "holdout": 5}),
        ({"mode": "now", "every": "day", "own_zones": "on"}, {"send_at": None, "repeat": None, "own_zones": False}),
    ],
)  # fmt: skip
def test_the_form_says_when_and_how(campaign, marketer, more, changes):
    form = WhenForm({**FORM, **more})
    assert form.is_valid(), form.errors
    assert changes.items() <= form.changes().items()
    actions.update_campaign(actor=marketer, campaign=campaign, **form.changes())
    campaign.refresh_from_db()
    again = WhenForm(initial=WhenForm.initial_for(campaign, "UTC"))
    posted = {name: value for name, value in again.initial.items() if value not in (None, False, "")}
    assert WhenForm(posted).is_valid()


@pytest.mark.parametrize(
    "more", [{"pace": "3"}, {"holdout": "80"}, {"every": "day", "ends": "until"},
             {"every": "month", "month_day": "40"}, {"priority": "loud"},
             {"every": "day", "ends": "until", "until": "2026-12-01"}],
)  # fmt: skip
@time_machine.travel(BEFORE, tick=False)
def test_the_form_refuses_what_cannot_be(more):
    assert not WhenForm({**FORM, **more}).is_valid()


@time_machine.travel(BEFORE, tick=False)
def test_the_review_tells_it_in_words(campaign, marketer, marketer_client):
    marketer_client.force_login(marketer)  # the session is of today
    more = {"own_zones": "on", "every": "day", "ends": "runs", "runs": "2", "pace": "600", "holdout": "5"}
    marketer_client.post(f"/campaigns/{campaign.pk}/?step=when", {**FORM, **more, "go": "review"})
    page = marketer_client.get(f"/campaigns/{campaign.pk}/?step=review").text
    for words in ("in each person&#x27;s own zone", "every day, 2 times in all", "At most 600 messages", "5 % of the"):
        assert words in page
