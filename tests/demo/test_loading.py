"""The sample data as it lies in the database: that its numbers hang together."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Count, Max
from django.utils import timezone
from pyroaring import BitMap

from automations.graph import editing
from automations.graph.codec import decode
from automations.models import Automation, Journey
from automations.numbers import What, of_steps
from automations.readiness import problems
from campaigns.models import Campaign, CampaignStatus, Run
from retargeting.accounts.models import Activity, User
from retargeting.audiences import references
from retargeting.audiences.engine import evaluate
from retargeting.audiences.models import Segment
from retargeting.bitmaps import unpack
from retargeting.channels.models import ChannelConfig, SandboxMessage
from retargeting.conditions import codec
from retargeting.conditions.nodes import Channel, Interaction
from retargeting.conditions.operators import INTERACTIONS
from retargeting.demo.loading import load
from retargeting.demo.people import PASSWORD, USERNAME, make_people
from retargeting.interactions.models import CHANNELS_BY_CODE, EVENT_CODES, CustomEvent, MessageEvent
from retargeting.messaging.models import Chunk, ChunkStatus, Delivery, DeliveryStatus, Dispatch
from retargeting.orchestrations.models import Label, MessageStep, Orchestration
from retargeting.profiles.models import Address, Profile, ProfileList, Suppression

pytestmark = pytest.mark.django_db

PEOPLE = 500
NOW = timezone.now()


@pytest.fixture(scope="module", autouse=True)
def demo(django_db_setup, django_db_blocker):
    """Loaded once for the whole module, and taken back at its end."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield load(size=PEOPLE, seed=7, now=NOW)
        transaction.set_rollback(True)


def events(event: Interaction):
    return MessageEvent.objects.filter(event=EVENT_CODES[event])


def rows(query: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def test_it_says_what_it_loaded(demo):
    assert demo.people == Profile.objects.count() == PEOPLE
    assert demo.campaigns == Campaign.objects.count() == 40
    assert demo.deliveries == Delivery.objects.count()
    assert demo.message_events == MessageEvent.objects.count()
    assert demo.custom_events == CustomEvent.objects.count()
    assert (Label.objects.count(), ProfileList.objects.count(), Segment.objects.count()) == (9, 2, 6)
    assert ChannelConfig.objects.filter(provider="sandbox").exclude(sender="").count() == 4
    assert Automation.objects.count() == 3


def test_the_printed_account_is_an_admin_and_the_others_are_not():
    user = User.objects.get(username=USERNAME)
    assert user.check_password(PASSWORD)
    assert (user.role, user.is_staff, user.is_superuser) == ("admin", True, True)
    assert set(User.objects.exclude(pk=user.pk).values_list("role", "is_staff")) == {
        ("marketer", False),
        ("viewer", False),
    }


def test_every_sent_delivery_of_a_campaign_has_its_event_and_the_other_way_round():
    by_campaign = "orchestration_id", "profile_id"
    sent = events(Interaction.SENT).filter(orchestration_id__in=Campaign.objects.values("pk"))
    deliveries = Delivery.objects.filter(status=DeliveryStatus.SENT)
    assert sorted(sent.values_list(*by_campaign)) == sorted(
        deliveries.values_list("dispatch__orchestration_id", "profile_id")
    )
    skipped = events(Interaction.SKIPPED).filter(orchestration_id__in=Campaign.objects.values("pk"))
    skips = Delivery.objects.filter(status=DeliveryStatus.SKIPPED)
    assert sorted(skipped.values_list(*by_campaign)) == sorted(
        skips.values_list("dispatch__orchestration_id", "profile_id")
    )


def test_skips_have_every_reason_and_no_address_where_there_is_none():
    skips = Delivery.objects.filter(status=DeliveryStatus.SKIPPED)
    assert set(skips.values_list("reason", flat=True)) == {"no_address", "unsubscribed", "suppressed"}
    assert not skips.filter(reason="no_address").exclude(address="").exists()
    assert not Delivery.objects.exclude(reason="no_address").filter(address="").exists()


def test_whoever_reacts_was_sent_the_message_before():
    assert (
        rows("""
        SELECT * FROM interactions_messageevent AS reaction WHERE event NOT IN (1, 8) AND NOT EXISTS (
            SELECT FROM interactions_messageevent AS sent
            WHERE sent.event = 1 AND sent.profile_id = reaction.profile_id AND sent.step_id = reaction.step_id
                AND sent.occurred_at <= reaction.occurred_at
        )""")
        == []
    )


def test_clicks_come_after_opens_where_opens_can_be_seen():
    assert (
        rows("""
        SELECT * FROM interactions_messageevent AS click WHERE event = 4 AND channel <> 3 AND NOT EXISTS (
            SELECT FROM interactions_messageevent AS opened
            WHERE opened.event = 3 AND opened.profile_id = click.profile_id AND opened.step_id = click.step_id
                AND opened.machine = click.machine AND opened.occurred_at <= click.occurred_at
        )""")
        == []
    )


def test_every_event_exists_on_its_channel_and_names_the_step_that_sends_there():
    for channel, event in rows("SELECT DISTINCT channel, event FROM interactions_messageevent"):
        interaction = next(name for name, code in EVENT_CODES.items() if code == event)
        assert CHANNELS_BY_CODE[channel] in INTERACTIONS[interaction].channels
    steps = {
        (step.pk, step.orchestration_id, step.channel) for step in MessageStep.objects.filter(orchestration__gt=0)
    }
    found = rows("SELECT DISTINCT step_id, orchestration_id, channel FROM interactions_messageevent")
    assert {(step, orchestration, CHANNELS_BY_CODE[channel]) for step, orchestration, channel in found} <= steps


def test_nothing_lies_in_the_future_and_nothing_happens_to_people_before_they_joined():
    for model in (MessageEvent, CustomEvent):
        assert model.objects.aggregate(last=Max("occurred_at"))["last"] <= NOW
    assert Activity.objects.aggregate(last=Max("at"))["last"] <= NOW
    assert Delivery.objects.aggregate(last=Max("updated_at"))["last"] <= NOW
    assert Address.objects.aggregate(last=Max("updated_at"))["last"] <= NOW
    assert (
        rows("""
        SELECT * FROM interactions_messageevent AS event JOIN profiles_profile AS profile ON profile.id = profile_id
        WHERE occurred_at < profile.created_at""")
        == []
    )


def test_only_machines_are_that_fast():
    opens = events(Interaction.OPENED)
    assert opens.filter(machine=True).exists()
    assert opens.filter(machine=False).exists()
    assert not MessageEvent.objects.filter(machine=True).exclude(event__in=[3, 4]).exists()


def test_nobody_gets_anything_after_unsubscribing_or_bouncing():
    assert (
        rows("""
        SELECT * FROM interactions_messageevent AS sent JOIN interactions_messageevent AS closing
            ON closing.profile_id = sent.profile_id AND closing.channel = sent.channel
        WHERE sent.event = 1 AND closing.event IN (5, 6, 7) AND sent.occurred_at > closing.occurred_at + '1 day'""")
        == []
    )
    bounced = events(Interaction.BOUNCED).values("profile_id")
    addresses = Address.objects.filter(profile__in=bounced, channel="email").values("address")
    assert Suppression.objects.filter(address__in=addresses, reason="bounced").count() == addresses.count()


@pytest.mark.parametrize("name", ["Spring sale, second chance", "We would love your opinion", "Double points week"])
def test_a_run_reached_whom_its_audience_gives_for_that_moment(name):
    run = Run.objects.get(campaign__name=name)
    there = Profile.objects.filter(created_at__lte=run.as_of).values_list("id", flat=True)
    members = evaluate(codec.decode(run.audience), as_of=run.as_of).members & BitMap(there)
    assert unpack(run.members or b"") == members
    assert run.matched == len(members) > 0
    assert run.sentence


def test_every_run_that_is_through_has_one_delivery_for_each_member():
    for run in Run.objects.filter(campaign__status=CampaignStatus.COMPLETED).select_related("dispatch"):
        assert BitMap(run.dispatch.deliveries.values_list("profile_id", flat=True)) == unpack(run.members or b"")
        assert not run.dispatch.chunks.exclude(status=ChunkStatus.DONE).exists()


@pytest.mark.parametrize("status", [CampaignStatus.PAUSED, CampaignStatus.CANCELED])
def test_a_run_that_was_stopped_has_deliveries_for_the_chunks_that_are_done_and_no_others(status):
    dispatch = Dispatch.objects.get(orchestration__campaign__status=status)
    assert dispatch.status == status
    by_status = {state: BitMap() for state in ChunkStatus}
    for chunk in Chunk.objects.filter(dispatch=dispatch):
        by_status[ChunkStatus(chunk.status)] |= unpack(chunk.profiles)
    assert BitMap(dispatch.deliveries.values_list("profile_id", flat=True)) == by_status[ChunkStatus.DONE]
    assert by_status[ChunkStatus.DONE]
    assert by_status[ChunkStatus.PENDING]
    assert not by_status[ChunkStatus.CLAIMED]


def test_every_campaign_and_segment_refers_to_what_exists():
    for audience in [
        *Campaign.objects.values_list("audience", flat=True),
        *Segment.objects.values_list("audience", flat=True),
    ]:
        references.check(codec.decode(audience))


def test_every_campaign_has_its_one_step_and_scheduled_ones_lie_ahead():
    assert Campaign.objects.exclude(kind="campaign").count() == 0
    steps = Orchestration.objects.filter(kind="campaign").annotate(n=Count("message_steps"))
    assert set(steps.values_list("n", "message_steps__key")) == {(1, "")}
    scheduled = Campaign.objects.filter(status=CampaignStatus.SCHEDULED)
    assert scheduled
    assert all(campaign.send_at and campaign.send_at > NOW for campaign in scheduled)


def test_addresses_can_reach_nobody_in_the_world():
    for address in Address.objects.filter(channel="email").values_list("address", flat=True):
        assert address.endswith(("@example.com", "@example.org", "@example.net"))
    assert Profile.objects.filter(addresses=None).exists()


def test_the_outbox_shows_finished_messages():
    message = SandboxMessage.objects.filter(channel=Channel.EMAIL).last()
    assert message is not None
    assert "/t/" in message.content["html"]
    assert Delivery.objects.get(pk=message.delivery_id or 0).profile_id == message.profile_id


def test_a_second_load_does_nothing_and_says_so(capsys):
    before = MessageEvent.objects.count(), Activity.objects.count()
    call_command("load_demo", people=100)
    assert capsys.readouterr().out.strip() == "There is data already; no sample data was loaded."
    assert (MessageEvent.objects.count(), Activity.objects.count()) == before


def test_the_same_seed_gives_the_same_people_whenever_it_is():
    later = datetime(2031, 2, 3, 4, 5, tzinfo=UTC)
    first, second, other = (
        make_people(np.random.default_rng(seed), 200, moment)
        for seed, moment in ((3, later), (3, later + timedelta(days=77)), (4, later))
    )
    without_dates = [
        [{key: value for key, value in item.items() if key != "signup_date"} for item in people.attributes]
        for people in (first, second, other)
    ]
    assert without_dates[0] == without_dates[1] != without_dates[2]
    assert first.addresses == second.addresses


def test_everybody_who_entered_waits_at_the_first_step_has_left_there_or_has_passed_it():
    for automation in Automation.objects.all():
        first = automation.versions.get(status="current").definition["steps"][0]["key"]
        counts = of_steps(automation)[first].counts
        assert counts[What.WAITING] + counts[What.LEFT] + counts[What.PASSED] == automation.journeys.count()
    assert not Journey.objects.filter(step="").exists()


def test_people_wait_in_every_automation_and_go_on_later():
    for automation in Automation.objects.all():
        version = automation.versions.get(status="current")
        waits = {step["key"] for step in editing.walk(version.definition["steps"]) if step["type"] == "delay"}
        waiting = Journey.objects.filter(version=version, status="waiting")
        assert set(waiting.values_list("step", flat=True)) <= waits
        assert waiting.exists()
        assert not waiting.filter(due_at__lt=NOW).exists()
        assert not problems(automation.pk, decode(version.definition))


def test_whoever_has_gone_on_has_passed_what_is_before():
    [(short,)] = rows(
        """
        SELECT count(*) FROM automations_journey AS journey
        WHERE (journey.status = 'completed' OR journey.step <> (
            SELECT definition #>> '{steps,0,key}' FROM automations_version WHERE id = version_id
        )) AND journey.status <> 'left' AND NOT EXISTS (
            SELECT FROM automations_passage AS passage WHERE passage.journey_id = journey.id
        )
        """
    )
    assert short == 0
    [(late,)] = rows(
        "SELECT count(*) FROM automations_passage AS passage JOIN automations_journey AS journey"
        " ON journey.id = journey_id WHERE passed_at < entered_at OR passed_at > coalesce(ended_at, now())"
    )
    assert late == 0
