"""The report: every number leads to its people, and a person's own story is told from what was frozen."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pyroaring import BitMap

from campaigns import moves, tasks
from campaigns.models import Campaign, CampaignStatus
from retargeting.bitmaps import pack
from retargeting.conditions.nodes import Interaction
from retargeting.messaging.actions import record_reaction
from retargeting.messaging.models import Delivery, DeliveryStatus, Dispatch
from retargeting.messaging.tracking import Recipient
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


@pytest.fixture
def sent(campaign, people, marketer) -> Campaign:
    """Eight got it, two could not; two of the eight opened it, and a machine opened it for a third."""
    run = moves.launch(actor=marketer, campaign=campaign)
    tasks.prepare_run(run.pk)
    drain()
    for person, machine in ((people[0], False), (people[1], False), (people[2], True)):
        record_reaction(recipient=Recipient(run.dispatch_id, person.pk), event=Interaction.OPENED, machine=machine)
    campaign.refresh_from_db()
    return campaign


def page(client, campaign, path="", **query):
    return client.get(f"/campaigns/{campaign.pk}/report/{path}", query)


def test_the_numbers_are_those_of_the_people_behind_them(sent, marketer_client):
    report = page(marketer_client, sent)
    assert sent.status == CampaignStatus.COMPLETED
    for outcome, number in report.context["outcomes"]:
        listed = page(marketer_client, sent, f"people/{outcome.key}/")
        assert listed.context["paginator"].count == number, outcome.key
    counted = {outcome.key: number for outcome, number in report.context["outcomes"]}
    assert (counted["sent"], counted["opened"], counted["sent_not_opened"]) == (8, 2, 6)
    assert report.context["skips"] == [("no_address", "no address", 2)]
    assert page(marketer_client, sent, "deliveries/", status="skipped").context["paginator"].count == 2


def test_machines_can_be_counted_in(sent, marketer_client):
    counted = {outcome.key: number for outcome, number in page(marketer_client, sent, opens="all").context["outcomes"]}
    assert counted["opened"] == 3
    assert page(marketer_client, sent, "people/opened/", opens="all").context["paginator"].count == 3


def test_a_number_leads_to_a_follow_up(sent, marketer_client):
    response = marketer_client.post(f"/campaigns/{sent.pk}/follow-up/", {"outcome": "sent_not_opened"})
    draft = Campaign.objects.get(follow_up_of=sent)
    assert response.url == f"/campaigns/{draft.pk}/?step=message"
    assert marketer_client.get(f"/campaigns/{draft.pk}/?step=review").context["forecast"].matched == 6
    assert list(page(marketer_client, sent).context["follow_ups"]) == [draft]


@pytest.mark.parametrize("outcome", ["", "nothing", "\x00"])
def test_there_is_no_follow_up_to_nothing(outcome, sent, marketer_client):
    assert marketer_client.post(f"/campaigns/{sent.pk}/follow-up/", {"outcome": outcome}).status_code == 404


def test_people_of_no_outcome_are_a_404(sent, marketer_client):
    assert page(marketer_client, sent, "people/nothing/").status_code == 404


def test_why_somebody_was_in_the_run_or_not(sent, people, marketer_client):
    def verdict(who: str) -> str:
        return page(marketer_client, sent, person=who).context["presence"].verdict

    late = Profile.objects.create(external_id="late")
    assert verdict("p0") == "Was in the audience. It was sent to p0@example.com."
    assert verdict("p9") == "Was in the audience. It was skipped: no address."
    assert verdict(late.external_id).startswith("Was not in the audience: this person was added")
    run = sent.runs.get()
    run.members = pack(BitMap([people[1].pk]))
    run.save()
    assert verdict("p0") == "Was not in the audience: did not match it at that moment."
    asked = page(marketer_client, sent, person="nobody")
    assert asked.context["person_form"].errors
    assert page(marketer_client, sent, person="\x00").status_code == 200


def test_an_erased_person_leaves_the_lists_working(sent, people, marketer_client):
    people[0].delete()
    assert page(marketer_client, sent, "deliveries/").status_code == 200
    assert page(marketer_client, sent, "people/opened/").context["paginator"].count == 1


def test_uncertain_deliveries_are_pointed_out(sent, marketer_client):
    Delivery.objects.filter(address="p0@example.com").update(status=DeliveryStatus.UNCERTAIN)
    assert page(marketer_client, sent).context["uncertain"] == 1
    texts = [concern.text for concern in marketer_client.get("/").context["concerns"]]
    assert "Spring sale: 1 delivery is uncertain." in texts


def test_progress_is_asked_for_only_while_it_moves(campaign, people, marketer, marketer_client):
    run = moves.launch(actor=marketer, campaign=campaign)
    progress = f"/campaigns/{campaign.pk}/report/progress/"
    waiting = marketer_client.get(progress)
    assert waiting.context["progress"].matched is None
    tasks.prepare_run(run.pk)
    moving = marketer_client.get(progress)
    assert (moving.context["progress"].matched, moving.context["progress"].waiting) == (10, 10)
    assert b"every 2s" in moving.content
    assert b"every 2s" in page(marketer_client, campaign).content
    drain()
    done = marketer_client.get(progress)
    assert (done.status_code, done["HX-Refresh"]) == (204, "true")
    assert b"every 2s" not in page(marketer_client, campaign).content


def test_one_that_is_scheduled_shows_whom_it_would_reach_now(campaign, people, marketer, viewer_client):
    moves.schedule(actor=marketer, campaign=campaign, send_at=timezone.now() + timedelta(days=2))
    assert page(viewer_client, campaign).context["forecast"].will_be_sent == 8


def test_pause_resume_and_cancel(campaign, people, marketer, marketer_client):
    run = moves.launch(actor=marketer, campaign=campaign)
    tasks.prepare_run(run.pk)

    def post(verb: str):
        return marketer_client.post(f"/campaigns/{campaign.pk}/{verb}/", follow=True)

    for verb, status in (("pause", "paused"), ("resume", "running"), ("pause", "paused")):
        post(verb)
        campaign.refresh_from_db()
        assert campaign.status == status
    question = marketer_client.get(f"/campaigns/{campaign.pk}/cancel/")
    assert question.context["sentence"].startswith("0 sent, 10 will not be sent.")
    post("cancel")
    campaign.refresh_from_db()
    assert campaign.status == CampaignStatus.CANCELED
    assert Dispatch.objects.get().status == "canceled"
    [message] = post("resume").context["messages"]
    assert "canceled already" in str(message)


def test_a_viewer_sees_the_report_and_no_buttons(sent, viewer_client):
    report = page(viewer_client, sent)
    assert report.status_code == 200
    assert b"Follow up</button>" not in report.content
    assert f"/campaigns/{sent.pk}/duplicate/".encode() not in report.content
