from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from campaigns import actions, moves, tasks
from campaigns.errors import CampaignError, NotReady
from campaigns.models import Campaign, CampaignStatus, Run
from campaigns.report import report
from retargeting import queue
from retargeting.accounts.models import Activity
from retargeting.bitmaps import unpack
from retargeting.channels.models import ChannelConfig
from retargeting.conditions import codec
from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.nodes import (
    CampaignTarget,
    Group,
    Interaction,
    LabelTarget,
    Match,
    MessageCondition,
    Occurred,
)
from retargeting.messaging.actions import record_reaction
from retargeting.messaging.models import Dispatch, DispatchStatus
from retargeting.messaging.tracking import Recipient
from retargeting.orchestrations.models import Label
from retargeting.profiles.models import Address, Profile
from tests.messaging.test_sending import drain

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(db) -> list[Profile]:
    profiles = Profile.objects.bulk_create(Profile(external_id=f"p{index}") for index in range(10))
    Address.objects.bulk_create(
        Address(profile=profile, channel="email", address=f"{profile}@example.com") for profile in profiles[:8]
    )
    return profiles


def run_to_the_end(campaign: Campaign) -> None:
    for run in campaign.runs.all():
        tasks.prepare_run(run.pk)
    drain()
    campaign.refresh_from_db()


def test_a_launched_campaign_reaches_its_audience_and_completes(campaign, people, marketer):
    run = moves.launch(actor=marketer, campaign=campaign)
    assert queue.backlog() == 1
    run_to_the_end(campaign)
    assert campaign.status == CampaignStatus.COMPLETED
    run.refresh_from_db()
    assert run.matched == 10
    assert set(unpack(run.members)) == {person.pk for person in people}
    found = report(campaign)
    assert (found.matched, found.people["sent"], found.skips, found.waiting) == (10, 8, {"No address": 2}, 0)


def test_the_follow_up_goes_to_exactly_those_who_did_not_open(campaign, people, marketer):
    run = moves.launch(actor=marketer, campaign=campaign)
    run_to_the_end(campaign)
    opener = people[0]
    record_reaction(recipient=Recipient(run.dispatch_id, opener.pk), event=Interaction.OPENED)
    record_reaction(recipient=Recipient(run.dispatch_id, people[1].pk), event=Interaction.OPENED, machine=True)
    assert report(campaign).people["sent_not_opened"] == 7
    again = actions.follow_up(actor=marketer, campaign=campaign, outcome="sent_not_opened")
    actions.update_campaign(actor=marketer, campaign=again, content={"subject": "Last call", "text": "Now."})
    moves.launch(actor=marketer, campaign=again)
    run_to_the_end(again)
    assert set(unpack(again.runs.get().members)) == {person.pk for person in people[1:8]}
    assert again.follow_up_of == campaign


def test_a_second_launch_is_refused_and_makes_no_second_run(campaign, people, marketer):
    moves.launch(actor=marketer, campaign=campaign)
    with pytest.raises(CampaignError, match="sending already"):
        moves.launch(actor=marketer, campaign=Campaign.objects.get(pk=campaign.pk))
    assert Run.objects.count() == 1


def test_preparing_a_run_twice_makes_one_set_of_chunks(campaign, people, marketer):
    run = moves.launch(actor=marketer, campaign=campaign)
    tasks.prepare_run(run.pk)
    tasks.prepare_run(run.pk)
    assert run.dispatch.chunks.count() == 1


@pytest.mark.parametrize("when", ["while it is prepared", "while it is sent"])
def test_pausing_holds_everything_and_resuming_goes_on(campaign, people, marketer, when):
    run = moves.launch(actor=marketer, campaign=campaign)
    if when == "while it is sent":
        tasks.prepare_run(run.pk)
    moves.pause(actor=marketer, campaign=campaign)
    run_to_the_end(campaign)
    assert report(campaign).people["sent"] == 0
    moves.resume(actor=marketer, campaign=campaign)
    run_to_the_end(campaign)
    assert report(campaign).people["sent"] == 8
    assert campaign.status == CampaignStatus.COMPLETED


def test_a_canceled_campaign_sends_nothing_more(campaign, people, marketer):
    run = moves.launch(actor=marketer, campaign=campaign)
    tasks.prepare_run(run.pk)
    moves.cancel(actor=marketer, campaign=campaign)
    run_to_the_end(campaign)
    assert campaign.status == CampaignStatus.CANCELED
    assert Dispatch.objects.get().status == DispatchStatus.CANCELED
    assert (report(campaign).people["sent"], report(campaign).waiting) == (0, 10)


def test_a_scheduled_campaign_starts_at_its_time_and_once(campaign, people, marketer):
    at = timezone.now() + timedelta(hours=2)
    moves.schedule(actor=marketer, campaign=campaign, send_at=at)
    assert moves.start_due() == 0
    with time_machine.travel(at + timedelta(seconds=1), tick=False):
        assert moves.start_due() == 1
        assert moves.start_due() == 0
    assert Run.objects.count() == 1


def test_a_campaign_far_too_late_is_taken_back_instead_of_sent(campaign, marketer):
    at = timezone.now() + timedelta(hours=2)
    moves.schedule(actor=marketer, campaign=campaign, send_at=at)
    with time_machine.travel(at + timedelta(hours=7), tick=False):
        assert moves.start_due() == 0
    campaign.refresh_from_db()
    assert campaign.status == CampaignStatus.DRAFT
    assert "6 hours" in Activity.objects.first().summary


@pytest.mark.parametrize("send_at", [None, timezone.now() - timedelta(days=1)])
def test_a_time_that_is_none_or_past_cannot_be_scheduled(campaign, marketer, send_at):
    with pytest.raises(NotReady) as caught:
        moves.schedule(actor=marketer, campaign=campaign, send_at=send_at)
    assert caught.value.problems[0][0] == "when"


def test_gaps_are_named_with_their_section(campaign, marketer):
    actions.update_campaign(actor=marketer, campaign=campaign, content={})
    ChannelConfig.objects.update_or_create(channel="email", defaults={"enabled": False})
    with pytest.raises(NotReady) as caught:
        moves.launch(actor=marketer, campaign=campaign)
    assert {section for section, _ in caught.value.problems} == {"message"}
    assert any("switched off" in text for _, text in caught.value.problems)


def test_an_audience_whose_label_is_gone_is_not_launched(campaign, marketer):
    label = Label.objects.create(code="promo", name="Promo")
    tree = Group(Match.ALL, (MessageCondition(Interaction.SENT, LabelTarget(("promo",)), Occurred(True)),))
    actions.update_campaign(actor=marketer, campaign=campaign, audience=tree)
    label.delete()
    with pytest.raises(NotReady) as caught:
        moves.launch(actor=marketer, campaign=campaign)
    assert caught.value.problems == [("audience", "label 'promo' does not exist")]


def test_an_audience_that_refers_to_nothing_is_refused_on_save(campaign, marketer):
    tree = Group(Match.ALL, (MessageCondition(Interaction.SENT, CampaignTarget((99,)), Occurred(True)),))
    with pytest.raises(ConditionErrors) as caught:
        actions.update_campaign(actor=marketer, campaign=campaign, audience=tree)
    assert caught.value.errors[0].path == "/audience/conditions/0/target/ids/0"


def test_a_campaign_under_way_cannot_be_changed_but_renamed_and_labelled(campaign, people, marketer):
    label = Label.objects.create(code="promo", name="Promo")
    moves.launch(actor=marketer, campaign=campaign)
    with pytest.raises(CampaignError, match="only a draft"):
        actions.update_campaign(actor=marketer, campaign=campaign, content={"subject": "x", "text": "y"})
    changed = actions.update_campaign(actor=marketer, campaign=campaign, name="Renamed", labels=[label])
    assert (changed.name, list(changed.labels.all())) == ("Renamed", [label])


def test_a_copy_is_a_new_draft(campaign, marketer):
    copy = actions.duplicate(actor=marketer, campaign=campaign)
    assert copy.pk != campaign.pk
    assert (copy.status, copy.content, copy.audience) == (CampaignStatus.DRAFT, campaign.content, campaign.audience)


def test_an_archived_campaign_stays_a_target(campaign, people, marketer):
    moves.launch(actor=marketer, campaign=campaign)
    with pytest.raises(CampaignError, match="under way"):
        actions.archive(actor=marketer, campaign=campaign)
    run_to_the_end(campaign)
    actions.archive(actor=marketer, campaign=campaign)
    tree = Group(Match.ALL, (MessageCondition(Interaction.SENT, CampaignTarget((campaign.pk,)), Occurred(True)),))
    made = actions.create_campaign(actor=marketer, name="After", channel="email", audience=tree)
    assert codec.decode(made.audience) == tree


@pytest.mark.parametrize("verb", ["unschedule", "pause", "resume"])
def test_a_move_that_the_state_does_not_have_is_an_error_in_words(campaign, marketer, verb):
    with pytest.raises(CampaignError, match="is draft already"):
        getattr(moves, verb)(actor=marketer, campaign=campaign)


def test_every_state_can_be_reached_and_what_is_canceled_stays_so():
    table = Campaign.STATES
    assert set(table.moves) == set(CampaignStatus.values)
    assert {state for state in table.moves if table.is_final(state)} == {"canceled"}
    assert all(table.sources(state) for state in table.moves if state != "draft")


def test_every_change_leaves_a_line(campaign, marketer):
    actions.update_campaign(actor=marketer, campaign=campaign, name="Summer sale")
    line = Activity.objects.first()
    assert line.user == marketer
    assert "name from Spring sale to Summer sale" in line.summary


def test_an_edit_that_goes_on_is_one_line_from_the_first_to_the_last_value(campaign, marketer, owner):
    for name in ("S", "Su", "Summer sale"):
        actions.update_campaign(actor=marketer, campaign=campaign, name=name)
    [line] = Activity.objects.filter(verb="update")
    assert line.summary == "Changed the campaign Summer sale: name from Spring sale to Summer sale"
    actions.update_campaign(actor=owner, campaign=campaign, name="Sale")
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        actions.update_campaign(actor=owner, campaign=campaign, name="The sale")
    assert Activity.objects.filter(verb="update").count() == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verb", [moves.pause, moves.cancel])
def test_a_campaign_can_be_stopped_at_the_moment_it_is_completed(campaign, people, marketer, verb):
    """The two take the same locks; in another order each would wait for the other."""
    tasks.prepare_run(moves.launch(actor=marketer, campaign=campaign).pk)
    said: list[str] = []

    def stop() -> None:
        try:
            verb(actor=marketer, campaign=Campaign.objects.get())
        except CampaignError as error:
            said.append(str(error))
        finally:
            connection.close()

    stopper = threading.Thread(target=stop)
    with transaction.atomic():
        dispatch = Dispatch.objects.get()
        Dispatch.STATES.transition(dispatch, DispatchStatus.COMPLETED)
        stopper.start()
        stopper.join(0.5)
        moves.complete(dispatch)
    stopper.join(10)
    assert said == ["Spring sale is completed already."]
