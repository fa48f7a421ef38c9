"""Variants of a campaign, from the draft to the winner."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from campaigns import actions, moves, tasks, variants
from campaigns.actions import update_campaign
from campaigns.errors import CampaignError, NotReady
from campaigns.models import Campaign, CampaignStatus, Run
from campaigns.trial import last_trial
from campaigns.variants import Told
from retargeting.accounts.models import Activity
from retargeting.conditions.nodes import Interaction
from retargeting.messaging import dispatches
from retargeting.messaging.actions import record_reaction
from retargeting.messaging.models import Delivery, Dispatch
from retargeting.messaging.tracking import Recipient
from retargeting.profiles.models import Address, Profile
from tests.messaging.test_sending import drain

pytestmark = pytest.mark.django_db

SECOND = {"subject": "Only today", "text": "Come."}


@pytest.fixture
def crowd(db) -> list[Profile]:
    profiles = Profile.objects.bulk_create(Profile(external_id=f"p{index}") for index in range(400))
    Address.objects.bulk_create(
        Address(profile=profile, channel="email", address=f"{profile}@example.com") for profile in profiles
    )
    return profiles


@pytest.fixture
def ab(campaign, marketer) -> Campaign:
    """Two variants; half of the people try them for an hour, and clicks decide."""
    told = variants.added(variants.told_of(campaign), SECOND, "Urgent")
    return variants.set_variants(
        actor=marketer, campaign=campaign, variants=told, test_share=50, winner_by="clicked", winner_after=60
    )


def begin(campaign: Campaign, marketer) -> Run:
    run = moves.launch(actor=marketer, campaign=campaign)
    tasks.prepare_run(run.pk)
    go_on()
    run.refresh_from_db()
    return run


def go_on() -> None:
    dispatches.release_due()
    drain()


def click(run: Run, key: str, number: int) -> None:
    ids = (
        Delivery.objects.filter(dispatch=run.dispatch_id, variant=key)
        .order_by("pk")
        .values_list("profile_id", flat=True)
    )
    for id in ids[:number]:
        record_reaction(recipient=Recipient(run.dispatch_id, id), event=Interaction.CLICKED)


def test_a_new_variant_gets_a_letter_and_all_get_even_weights(ab):
    assert [(t.key, t.name, t.weight) for t in variants.told_of(ab)] == [("a", "Original", 50), ("b", "Urgent", 50)]
    assert "Urgent" in Activity.objects.filter(object_type="campaign").latest("pk").summary


def test_the_original_gets_what_the_others_leave(ab, marketer):
    told = [*variants.told_of(ab), Told("Third", 10, {})]
    told = [Told(t.name, weight, t.content, t.key) for t, weight in zip(told, [70, 20, 10], strict=True)]
    ab = variants.set_variants(actor=marketer, campaign=ab, variants=told)
    assert [(t.key, t.weight) for t in variants.told_of(ab)] == [("a", 70), ("b", 20), ("c", 10)]
    fewer = variants.removed(variants.told_of(ab), "b")
    ab = variants.set_variants(actor=marketer, campaign=ab, variants=fewer)
    assert [(t.key, t.weight) for t in variants.told_of(ab)] == [("a", 90), ("c", 10)]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ([Told("A", 60), Told("B", 50)], "make 110 %"),
        ([Told("A", 100), Told("B", 0)], "at least 1 %"),
        ([Told("A", 50), Told(" ", 50)], "needs a name"),
        ([Told(str(number), 11) for number in range(9)], "8 variants at most"),
    ],
)
def test_what_cannot_be_is_refused_in_words_and_changes_nothing(campaign, marketer, told, words):
    with pytest.raises(CampaignError, match=words):
        variants.set_variants(actor=marketer, campaign=campaign, variants=told)
    campaign.refresh_from_db()
    assert not campaign.variants.exists()
    assert campaign.original_name == "Original"


def test_a_draft_alone_can_be_changed(ab, crowd, marketer):
    begin(ab, marketer)
    with pytest.raises(CampaignError, match="only a draft"):
        variants.write_variant(actor=marketer, campaign=ab, key="b", content=SECOND)


def test_a_variant_that_is_not_finished_holds_the_launch_back(ab, marketer):
    variants.write_variant(actor=marketer, campaign=ab, key="b", content={"subject": "Only today"})
    with pytest.raises(NotReady, match="variant B: write the HTML"):
        moves.launch(actor=marketer, campaign=ab)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"own_zones": True, "send_at": timezone.now() + timedelta(days=1)}, "one for all zones"),
        ({"expires_after": 60}, "expires before the winner"),
    ],
)
def test_a_winner_that_would_come_too_late_holds_the_launch_back(ab, marketer, settings, words):
    update_campaign(actor=marketer, campaign=ab, **settings)
    with pytest.raises(NotReady, match=words):
        moves.launch(actor=marketer, campaign=ab)


def test_a_copy_has_the_variants_too(ab, marketer):
    copy = actions.duplicate(actor=marketer, campaign=ab)
    assert variants.told_of(copy) == variants.told_of(ab)
    assert (copy.test_share, copy.winner_after) == (50, 60)


def test_on_another_channel_variants_keep_only_what_that_has(ab, marketer):
    update_campaign(actor=marketer, campaign=ab, channel="sms")
    assert ab.variants.get().content == {"text": "Come."}


def test_after_its_time_the_better_one_goes_to_the_rest_and_each_gets_one(ab, crowd, marketer):
    run = begin(ab, marketer)
    assert 0 < Delivery.objects.count() < 400
    click(run, "a", 2)
    click(run, "b", 9)
    moves.choose_due_winners()
    run.refresh_from_db()
    assert run.decides_at is not None
    moves.choose_due_winners()
    go_on()
    assert Delivery.objects.count() < 400
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        moves.choose_due_winners()
        go_on()
    run.refresh_from_db()
    assert run.dispatch.winner == "b"
    assert "B Urgent won" in run.decision
    assert Delivery.objects.filter(status="sent").count() == 400
    assert Delivery.objects.values("profile_id").distinct().count() == 400
    found = last_trial(ab)
    assert found.waiting == 0
    assert found.winner.name == "Urgent"
    assert {result.key: result.rates["clicked"].hits for result in found.results} == {"a": 2, "b": 9}
    assert sum(result.sent for result in found.results) < 400
    ab.refresh_from_db()
    assert ab.status == CampaignStatus.COMPLETED


def test_without_a_click_the_original_wins(ab, crowd, marketer):
    run = begin(ab, marketer)
    words = moves.choose_winner(actor=None, campaign=ab)
    assert "A Original goes on: nobody has clicked yet" in words
    assert Dispatch.objects.get(pk=run.dispatch_id).winner == "a"


def test_somebody_can_choose_before_the_time_and_only_once(ab, crowd, marketer):
    begin(ab, marketer)
    moves.choose_winner(actor=marketer, campaign=ab, key="b")
    with pytest.raises(CampaignError, match="Nobody of Spring sale waits"):
        moves.choose_winner(actor=marketer, campaign=ab, key="a")
    go_on()
    assert Delivery.objects.filter(status="sent").count() == 400
    assert Activity.objects.filter(verb="choose").count() == 1


def test_where_a_hand_is_to_choose_the_clock_does_not(ab, crowd, marketer):
    update_campaign(actor=marketer, campaign=ab, winner_by="hand")
    begin(ab, marketer)
    moves.choose_due_winners(now=timezone.now() + timedelta(days=30))
    assert Run.objects.get().decides_at is None
    assert last_trial(ab).waiting > 0


def test_while_it_is_paused_nothing_is_chosen_by_itself(ab, crowd, marketer):
    begin(ab, marketer)
    moves.choose_due_winners()
    moves.pause(actor=marketer, campaign=ab)
    moves.choose_due_winners(now=timezone.now() + timedelta(days=1))
    assert Dispatch.objects.get().winner == ""
    moves.resume(actor=marketer, campaign=Campaign.objects.get(pk=ab.pk))
    moves.choose_due_winners(now=timezone.now() + timedelta(days=1))
    assert Dispatch.objects.get().winner == "a"


def test_a_canceled_one_has_no_winner_and_says_how_many_were_stopped(ab, crowd, marketer):
    begin(ab, marketer)
    sent = Delivery.objects.count()
    moves.cancel(actor=marketer, campaign=ab)
    with pytest.raises(CampaignError):
        moves.choose_winner(actor=marketer, campaign=ab, key="a")
    go_on()
    assert Delivery.objects.count() == sent
    assert moves.how_far(ab) == f"{sent} sent, {400 - sent} stopped"


def test_chances_are_shown_of_enough_people_only(ab, crowd, marketer):
    update_campaign(actor=marketer, campaign=ab, test_share=100)
    run = begin(ab, marketer)
    click(run, "b", 12)
    found = last_trial(ab)
    assert found.results[0].chances["clicked"] is None
    assert found.results[1].chances["clicked"] > 0.99
    Delivery.objects.filter(variant="b").exclude(pk__in=Delivery.objects.filter(variant="b")[:50]).update(variant="a")
    assert last_trial(ab).results[1].chances["clicked"] is None


def test_a_letter_that_an_earlier_run_used_is_not_given_to_another_message(ab, crowd, marketer):
    update_campaign(actor=marketer, campaign=ab, test_share=100)
    begin(ab, marketer)
    Campaign.objects.filter(pk=ab.pk).update(status=CampaignStatus.DRAFT)
    fewer = variants.removed(variants.told_of(ab), "b")
    ab = variants.set_variants(actor=marketer, campaign=ab, variants=fewer)
    more = variants.added(fewer, SECOND, "New")
    ab = variants.set_variants(actor=marketer, campaign=ab, variants=more)
    assert [t.key for t in variants.told_of(ab)] == ["a", "c"]


def test_the_file_of_the_variants_has_the_numbers_of_the_card(ab, crowd, marketer, marketer_client):
    run = begin(ab, marketer)
    click(run, "b", 20)
    answer = marketer_client.get(f"/campaigns/{ab.pk}/report/variants/file/")
    head, first, second = csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig")))
    found = last_trial(ab)
    assert [first[1], second[1]] == ["Original", "Urgent"]
    assert int(second[head.index("sent")]) == found.results[1].sent
    assert (first[head.index("clicked")], second[head.index("clicked")]) == ("0", "20")
    assert (
        float(second[head.index("clicked low")])
        < 20 / found.results[1].sent
        < float(second[head.index("clicked high")])
    )


def test_there_is_no_file_of_variants_of_a_campaign_with_one_message(campaign, marketer_client):
    assert marketer_client.get(f"/campaigns/{campaign.pk}/report/variants/file/").status_code == 404
