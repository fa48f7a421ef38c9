"""The waterfall of a review: exact, in sets that do not overlap, and what the launch then finds, reason by reason."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from pyroaring import BitMap

from campaigns import actions, moves, tasks
from campaigns.forecast import forecast
from campaigns.models import Campaign
from campaigns.report import report
from retargeting.conditions.codec import decode
from retargeting.conditions.nodes import Interaction
from retargeting.interactions.ingest import record_message_events
from retargeting.messaging import eligibility
from retargeting.messaging.deliveries import event_rows
from retargeting.messaging.eligibility import Intent
from retargeting.messaging.models import ControlGroup, Delivery, Dispatch, FrequencyCap, QuietHours, SkipReason
from retargeting.profiles.models import Address, Profile, Suppression
from tests.messaging.test_sending import drain

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(db) -> list[Profile]:
    """Three hundred with up to three email addresses each, subscribed and suppressed as it comes."""
    random = Random(3)
    profiles = Profile.objects.bulk_create(
        Profile(external_id=f"p{index}", attributes={"country": random.choice(["FR", "IT"])}) for index in range(300)
    )
    addresses = [
        Address(
            profile=profile, channel="email", address=f"{profile}.{n}@example.com", subscribed=random.random() < 0.7
        )
        for profile in profiles
        for n in range(random.choice([0, 1, 1, 2, 3]))
    ]
    Address.objects.bulk_create(addresses)
    refused = random.sample(addresses, 120)
    Suppression.objects.bulk_create(
        Suppression(channel="email", address=address.address, reason="manual") for address in refused
    )
    return profiles


@pytest.fixture
def no_thirteens() -> Iterator[None]:
    """A further rule, as caps will be one: everybody whose id can be divided by 13 is left out."""

    def unlucky(members: BitMap, intent: Intent) -> BitMap:
        assert intent.channel == "email"
        return BitMap(id for id in members if id % 13 == 0)

    eligibility.register(SkipReason.EXPIRED, unlucky)
    yield
    eligibility._rules[:] = [rule for rule in eligibility._rules if rule.find is not unlucky]


FRENCH = decode(
    {
        "match": "all",
        "conditions": [{"kind": "attribute", "attribute": "country", "operator": "is", "value": "FR"}],
    }
)


def launched(campaign: Campaign, marketer) -> Campaign:
    run = moves.launch(actor=marketer, campaign=campaign)
    tasks.prepare_run(run.pk)
    drain()
    return campaign


def check_that_the_launch_finds_what_was_forecast(campaign: Campaign, marketer, *reasons: SkipReason) -> None:
    actions.update_campaign(actor=marketer, campaign=campaign, audience=FRENCH)
    campaign.refresh_from_db()
    before = forecast(campaign)
    assert before is not None
    found = {reason: people for reason, people in before.reach.skips.items() if people}
    assert set(found) == {*eligibility.ABOUT_ADDRESSES, *reasons}
    after = report(launched(campaign, marketer))
    assert after.matched == before.matched
    assert after.skips == {str(reason.label): len(people) for reason, people in found.items()}
    assert after.deliveries["sent"] == before.will_be_sent
    for reason, people in found.items():
        skipped = Delivery.objects.filter(dispatch__orchestration=campaign.pk, reason=reason)
        assert BitMap(skipped.values_list("profile_id", flat=True)) == people


def test_the_launch_finds_what_the_review_said(campaign, people, marketer):
    check_that_the_launch_finds_what_was_forecast(campaign, marketer)


def test_a_further_rule_counts_in_the_review_and_in_the_launch(campaign, people, marketer, no_thirteens):
    check_that_the_launch_finds_what_was_forecast(campaign, marketer, SkipReason.EXPIRED)


def test_every_limit_counts_in_the_review_and_in_the_launch(campaign, people, marketer):
    """Caps, quiet hours, control group, holdout and shared addresses at once, each with somebody of its own."""
    Profile.objects.filter(pk__in=[person.pk for person in people[::7]]).update(time_zone="Pacific/Kiritimati")
    now = timezone.now().astimezone(ZoneInfo("Pacific/Kiritimati"))
    start, end = ((now + timedelta(hours=hours)).time() for hours in (-2, 2))
    QuietHours.objects.create(starts=start, ends=end, time_zone="UTC", when_reached="skip")
    for person in people[60:90]:
        Address.objects.create(profile=person, channel="email", address="family@example.com")
    ControlGroup.objects.create(percent=10)
    FrequencyCap.objects.create(name="One a day", most=1, amount=1, unit="day")
    earlier = actions.create_campaign(actor=marketer, name="Earlier", channel="push")
    dispatch = Dispatch(orchestration_id=earlier.pk, step=earlier.message_steps.get(), channel="push")
    record_message_events(event_rows(dispatch, Interaction.SENT, [person.pk for person in people[::5]]))
    actions.update_campaign(actor=marketer, campaign=campaign, holdout=10)
    check_that_the_launch_finds_what_was_forecast(
        campaign,
        marketer,
        SkipReason.DUPLICATE,
        SkipReason.CONTROL_GROUP,
        SkipReason.HOLDOUT,
        SkipReason.QUIET_HOURS,
        SkipReason.CAPPED,
    )


def test_who_gets_it_later_is_said_below_who_gets_it(campaign, people, marketer_client):
    FrequencyCap.objects.create(name="One a day", most=1, amount=1, unit="day", when_reached="defer")
    other = actions.create_campaign(actor=None, name="Earlier", channel="push")
    dispatch = Dispatch(orchestration_id=other.pk, step=other.message_steps.get(), channel="push")
    record_message_events(event_rows(dispatch, Interaction.SENT, [person.pk for person in people]))
    found = forecast(campaign)
    assert found.reach.later == found.recipients
    assert [line.label for line in found.lines][-2:] == ["Will be sent", "of them later"]
    listed = marketer_client.get(f"/campaigns/{campaign.pk}/reach/later/")
    assert listed.context["paginator"].count == len(found.recipients)


def test_a_reason_has_one_rule(no_thirteens):
    for reason in (SkipReason.EXPIRED, SkipReason.SUPPRESSED):
        with pytest.raises(ValueError, match="already"):
            eligibility.register(reason, lambda members, intent: members)


def test_the_parts_do_not_overlap_and_make_up_the_whole(campaign, people):
    reach = forecast(campaign).reach
    parts = [*reach.skips.values(), reach.recipients]
    assert sum(map(len, parts)) == len(BitMap.union(*parts)) == len(reach.matched) == 300


def test_the_lines_lead_from_who_matches_to_who_is_sent_it(campaign, people):
    lines = forecast(campaign).lines
    assert [line.label for line in lines] == [
        "Match",
        "no email address",
        "unsubscribed",
        "address suppressed",
        "Will be sent",
    ]
    assert sum(line.number for line in lines[:-1]) == lines[-1].number
    assert lines[0].bar == ("0.00", "100.00")
    start, length = lines[1].bar
    assert float(start) + float(length) == pytest.approx(100)


def test_nobody_makes_no_bars(campaign):
    assert {line.bar for line in forecast(campaign).lines} == {("0", "0")}


def test_every_number_of_a_review_leads_to_its_people(campaign, people, viewer_client):
    review = viewer_client.get(f"/campaigns/{campaign.pk}/?step=review")
    for line in review.context["forecast"].lines:
        listed = viewer_client.get(line.url)
        assert listed.context["paginator"].count == line.size, line.label
        assert line.url.encode() in review.content
    part = viewer_client.get(line.url, headers={"HX-Request": "true", "HX-Target": "list"})
    assert b'id="sidebar"' not in part.content


def test_what_nobody_is_left_out_for_is_a_404(campaign, marketer_client):
    for part in ("expired", "nothing", "render_error"):
        assert marketer_client.get(f"/campaigns/{campaign.pk}/reach/{part}/").status_code == 404


def test_what_has_gone_out_is_listed_by_its_report(campaign, people, marketer, marketer_client):
    launched(campaign, marketer)
    answer = marketer_client.get(f"/campaigns/{campaign.pk}/reach/recipients/")
    assert answer.url == f"/campaigns/{campaign.pk}/report/"


def test_the_rail_shows_the_same_numbers(campaign, people, marketer_client):
    page = marketer_client.get(f"/campaigns/{campaign.pk}/?step=audience").content.decode()
    for line in forecast(campaign).lines:
        assert f"{line.label}</span></dt><dd>{'−' if line.number < 0 else ''}{line.size:,}</dd>" in page
