"""Exact numbers when a campaign is stopped; failed messages once more; and what uncertain ones were."""

from __future__ import annotations

import pytest
from django.utils import timezone
from pyroaring import BitMap

from campaigns import aftermath, moves, tasks
from campaigns.models import Campaign, CampaignStatus
from campaigns.progress import Progress
from retargeting.accounts.models import Activity
from retargeting.conditions.nodes import Interaction
from retargeting.messaging import dispatches, sending
from retargeting.messaging.models import Chunk, Delivery, DeliveryStatus, Dispatch
from retargeting.messaging.settling import Decision
from retargeting.profiles.models import Address, Profile, Suppression
from tests.api.conftest import program, program_with  # noqa: F401 - fixtures
from tests.messaging.conftest import mail_server, smtp  # noqa: F401 - fixtures
from tests.messaging.test_sending import drain, with_event

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(db) -> list[Profile]:
    profiles = Profile.objects.bulk_create(Profile(external_id=f"p{index}") for index in range(20))
    Address.objects.bulk_create(
        Address(profile=profile, channel="email", address=f"{profile}@example.com") for profile in profiles
    )
    return profiles


@pytest.fixture
def under_way(campaign, people, marketer, monkeypatch) -> Campaign:
    """In four chunks, of which one has been sent."""
    monkeypatch.setattr(dispatches, "CHUNK_SIZE", 5)
    monkeypatch.setattr("retargeting.channels.sandbox.provider.SandboxProvider.batch_size", 5)
    tasks.prepare_run(moves.launch(actor=marketer, campaign=campaign).pk)
    sending.send_chunk(chunk_id=Chunk.objects.first().pk)
    return campaign


def finish(campaign: Campaign) -> Campaign:
    dispatches.retry_due()
    drain()
    campaign.refresh_from_db()
    return campaign


@pytest.mark.parametrize(("verb", "word"), [("pause", "Paused"), ("cancel", "Canceled")])
def test_whoever_stops_it_reads_how_many_were_sent_and_stopped(under_way, marketer_client, verb, word):
    if verb == "cancel":
        assert "5 sent, 15 will not be sent" in marketer_client.get(f"/campaigns/{under_way.pk}/cancel/").text
    page = marketer_client.post(f"/campaigns/{under_way.pk}/{verb}/", follow=True).text
    assert f"{word} Spring sale: 5 sent, 15 stopped" in page
    assert Activity.objects.first().summary == f"{word} Spring sale: 5 sent, 15 stopped."


def test_what_is_with_the_provider_is_neither_sent_nor_stopped(under_way, people, marketer):
    chunk = Chunk.objects.last()
    Delivery.objects.create(dispatch=chunk.dispatch, chunk=chunk, profile_id=people[19].pk, status="sending")
    moves.pause(actor=marketer, campaign=under_way)
    assert Activity.objects.first().summary == "Paused Spring sale: 5 sent, 14 stopped, 1 with the provider."


def test_of_a_canceled_one_those_who_were_put_off_are_stopped_too(under_way, people, marketer):
    chunk = Chunk.objects.last()
    Delivery.objects.create(dispatch=chunk.dispatch, chunk=chunk, profile_id=people[19].pk, status="deferred",
                            reason="capped", retry_at=timezone.now())  # fmt: skip
    moves.cancel(actor=marketer, campaign=under_way)
    assert (Progress.of(under_way).sent, Progress.of(under_way).stopped) == (5, 15)


@pytest.fixture
def with_failures(smtp, campaign, people, marketer) -> Campaign:  # noqa: F811
    """Through, with two that the server refused for now and one whose mailbox is gone."""
    smtp.mailbox.refuse = {f"p{n}@example.com": "554 not today" for n in (1, 2)} | {"p3@example.com": "550 gone"}
    tasks.prepare_run(moves.launch(actor=marketer, campaign=campaign).pk)
    drain()
    smtp.mailbox.refuse.clear()
    campaign.refresh_from_db()
    assert campaign.status == CampaignStatus.COMPLETED
    return campaign


def test_only_what_failed_is_tried_again(smtp, with_failures, marketer_client):  # noqa: F811
    address = f"/campaigns/{with_failures.pk}/retry/"
    assert "2 messages are tried again" in marketer_client.get(address).text
    assert address in marketer_client.get(f"/campaigns/{with_failures.pk}/report/").text
    marketer_client.post(address)
    with_failures.refresh_from_db()
    assert with_failures.status == CampaignStatus.RUNNING
    assert finish(with_failures).status == CampaignStatus.COMPLETED
    assert set(smtp.mailbox.per_address.values()) == {1}
    assert len(smtp.mailbox.mails) == 19
    assert set(Delivery.objects.filter(address__in=["p1@example.com", "p2@example.com"]).values_list("attempt")) == {
        (1,)
    }
    assert Delivery.objects.get(status="failed").address == Suppression.objects.get().address == "p3@example.com"
    assert "nothing left to retry" in marketer_client.post(address, follow=True).text


@pytest.fixture
def uncertain(campaign, people, marketer) -> Campaign:
    """Through, but of three nobody knows whether they got it."""
    tasks.prepare_run(moves.launch(actor=marketer, campaign=campaign).pk)
    chunk = Chunk.objects.get()
    Delivery.objects.bulk_create(
        Delivery(dispatch=chunk.dispatch, chunk=chunk, profile_id=person.pk, status="uncertain", detail="Lost.")
        for person in people[:3]
    )
    return finish(campaign)


@pytest.mark.parametrize(
    ("decision", "statuses"),
    [
        (Decision.RESEND, {"sent": 20}),
        (Decision.SENT, {"sent": 20}),
        (Decision.FAILED, {"sent": 17, "failed": 3}),
    ],
)
def test_somebody_decides_what_uncertain_ones_were(uncertain, people, marketer_client, decision, statuses):
    address = f"/campaigns/{uncertain.pk}/uncertain/"
    assert "all 3" in marketer_client.get(address).text
    answer = marketer_client.post(address, {"decision": decision, "which": "all"}, follow=True)
    assert f"3 deliveries: {decision.label.lower()}" in answer.text
    assert finish(uncertain).status == CampaignStatus.COMPLETED
    assert Progress.of(uncertain).counts == statuses
    sent = with_event(Dispatch.objects.get(), Interaction.SENT)
    assert sent == BitMap(person.pk for person in people[0 if decision != Decision.FAILED else 3 :])


def test_the_ticked_ones_alone_are_decided_about(uncertain, marketer_client):
    address = f"/campaigns/{uncertain.pk}/uncertain/"
    one = Delivery.objects.filter(status=DeliveryStatus.UNCERTAIN).first()
    assert "Tick the deliveries first" in marketer_client.post(address, {"decision": "sent"}, follow=True).text
    assert "Choose what" in marketer_client.post(address, {"delivery": one.pk}, follow=True).text
    marketer_client.post(address, {"decision": "failed", "delivery": [one.pk, "x", "9" * 30]})
    assert list(Delivery.objects.filter(status="failed").values_list("pk", flat=True)) == [one.pk]
    assert Delivery.objects.filter(status=DeliveryStatus.UNCERTAIN).count() == 2


def test_of_a_canceled_campaign_nothing_is_sent_again(uncertain, marketer):
    Dispatch.objects.update(status="canceled")
    assert aftermath.decide_uncertain(actor=marketer, campaign=uncertain, decision=Decision.RESEND) == 0
    assert aftermath.decide_uncertain(actor=marketer, campaign=uncertain, decision=Decision.SENT) == 3


def test_who_may_only_look_decides_nothing(uncertain, viewer_client):
    for page in ("uncertain", "retry", "undo"):
        assert viewer_client.post(f"/campaigns/{uncertain.pk}/{page}/").status_code == 403


def test_programs_decide_the_same(uncertain, program):  # noqa: F811
    base = f"/campaigns/{uncertain.pk}"
    one = Delivery.objects.filter(status=DeliveryStatus.UNCERTAIN).first()
    answer = program.post(f"{base}/uncertain/", {"decision": "failed", "deliveries": [one.pk]})
    assert answer.json() == {"deliveries": 1}
    assert program.get(f"{base}/progress/").json()["uncertain"] == 2
    assert program.post(f"{base}/retry-failed/").json() == {"deliveries": 1}
    assert program.post(f"{base}/uncertain/", {"decision": "sent"}).json() == {"deliveries": 2}
    assert program.post(f"{base}/uncertain/", {"decision": "maybe"}).status_code == 422
    finish(uncertain)
    assert program.get(f"{base}/progress/").json()["sent"] == 20
