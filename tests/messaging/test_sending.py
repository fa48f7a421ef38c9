from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone
from pyroaring import BitMap

from retargeting.channels import health
from retargeting.channels.adapter import Outcome, OutgoingMessage, Result
from retargeting.channels.models import ChannelConfig, SandboxMessage
from retargeting.channels.registry import config_of
from retargeting.conditions.nodes import Interaction
from retargeting.interactions.reading import Selector, Window, snapshot
from retargeting.messaging import dispatches, sending
from retargeting.messaging.deliveries import write_outcomes
from retargeting.messaging.models import Chunk, ChunkStatus, Delivery, DeliveryStatus, Dispatch, DispatchStatus
from retargeting.profiles.actions import erase
from retargeting.profiles.models import Address, Profile, Suppression

pytestmark = pytest.mark.django_db


def drain() -> None:
    """What the workers do, without them."""
    for chunk in Chunk.objects.exclude(status=ChunkStatus.DONE):
        sending.send_chunk(chunk_id=chunk.pk)


def statuses(dispatch: Dispatch) -> dict[str, int]:
    found: dict[str, int] = {}
    for status in Delivery.objects.filter(dispatch=dispatch).values_list("status", flat=True):
        found[status] = found.get(status, 0) + 1
    return found


def with_event(dispatch: Dispatch, event: Interaction) -> BitMap:
    with snapshot() as events:
        return events.people_with(Selector(event, orchestrations=(dispatch.orchestration_id,)), Window())


def test_everyone_gets_one_mail_and_a_sent_event(smtp, people, dispatch):
    members = people(120)
    dispatches.start(dispatch=dispatch, members=members)
    drain()
    assert smtp.mailbox.per_address == {f"p{index}@example.com": 1 for index in range(120)}
    assert with_event(dispatch, Interaction.SENT) == members
    dispatch.refresh_from_db()
    assert dispatch.status == DispatchStatus.COMPLETED


def test_a_mail_has_text_html_one_click_unsubscribe_and_tracked_links(smtp, people, dispatch, client):
    dispatches.start(dispatch=dispatch, members=people(1))
    drain()
    mail = smtp.mailbox.to("p0@example.com")
    assert mail["Subject"] == "Hello Name0"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    html = mail.get_body(("html",)).get_content()
    text = mail.get_body(("plain",)).get_content()
    assert "https://shop.example/sale?a=1&b=2" in text
    assert "/t/c/" in html
    assert "/t/o/" in html
    assert "/t/u/" in html
    assert "/t/u/" in text


def test_a_chunk_that_is_sent_again_sends_nothing_more(smtp, people, dispatch):
    dispatches.start(dispatch=dispatch, members=people(30))
    drain()
    Chunk.objects.update(status=ChunkStatus.PENDING)
    Dispatch.objects.update(status=DispatchStatus.SENDING)
    drain()
    assert set(smtp.mailbox.per_address.values()) == {1}


def test_those_who_cannot_be_written_to_are_skips_with_a_reason(smtp, people, dispatch):
    members = people(5)
    ids = list(members)
    Address.objects.filter(profile=ids[0]).delete()
    Address.objects.filter(profile=ids[1]).update(subscribed=False)
    Suppression.objects.create(channel="email", address="p2@example.com", reason="complained")
    erase(actor=None, profile=Profile.objects.get(pk=ids[3]))
    dispatches.start(dispatch=dispatch, members=members)
    drain()
    reasons = dict(Delivery.objects.filter(status=DeliveryStatus.SKIPPED).values_list("profile_id", "reason"))
    assert reasons == {ids[0]: "no_address", ids[1]: "unsubscribed", ids[2]: "suppressed", ids[3]: "erased"}
    assert list(smtp.mailbox.per_address) == ["p4@example.com"]
    assert with_event(dispatch, Interaction.SKIPPED) == BitMap(ids[:3])


def test_a_message_that_cannot_be_filled_in_is_a_skip(smtp, people, dispatch):
    Dispatch.objects.update(content={"subject": "{{ first_name | divided_by: 0 }}", "text": "x"})
    dispatches.start(dispatch=Dispatch.objects.get(), members=people(2))
    drain()
    assert set(Delivery.objects.values_list("status", "reason")) == {("skipped", "render_error")}
    assert "Subject" in Delivery.objects.first().detail


def test_a_refused_mailbox_fails_bounces_and_is_suppressed(smtp, people, dispatch):
    smtp.mailbox.refuse["p1@example.com"] = "550 no such user"
    members = people(3)
    dispatches.start(dispatch=dispatch, members=members)
    drain()
    failed = Delivery.objects.get(status=DeliveryStatus.FAILED)
    assert failed.address == "p1@example.com"
    assert "550" in failed.detail
    assert Suppression.objects.get().address == "p1@example.com"
    assert list(with_event(dispatch, Interaction.BOUNCED)) == [failed.profile_id]


def test_what_the_provider_puts_off_is_tried_again_and_only_that(smtp, people, dispatch):
    smtp.mailbox.refuse["p1@example.com"] = "451 try later"
    dispatches.start(dispatch=dispatch, members=people(3))
    drain()
    waiting = Delivery.objects.get(status=DeliveryStatus.RETRY)
    assert waiting.retry_at > timezone.now()
    smtp.mailbox.refuse.clear()
    dispatches.retry_due()
    assert Chunk.objects.count() == 1, "its time has not come"
    Delivery.objects.filter(pk=waiting.pk).update(retry_at=timezone.now())
    dispatches.retry_due()
    drain()
    assert smtp.mailbox.per_address == {f"p{index}@example.com": 1 for index in range(3)}
    waiting.refresh_from_db()
    assert (waiting.status, waiting.attempt) == (DeliveryStatus.SENT, 2)
    dispatch.refresh_from_db()
    assert dispatch.status == DispatchStatus.COMPLETED


def test_without_a_server_everything_waits_and_gives_up_in_the_end(smtp, people, dispatch):
    ChannelConfig.objects.update(settings={**smtp.settings, "port": 1})
    dispatches.start(dispatch=dispatch, members=people(2))
    drain()
    assert statuses(dispatch) == {"retry": 2}
    for _ in range(10):
        health.start_afresh(config_of("email"))
        try_again()
    assert statuses(dispatch) == {"failed": 2}
    assert set(Delivery.objects.values_list("attempt", flat=True)) == {6}


def try_again() -> None:
    Delivery.objects.filter(status=DeliveryStatus.RETRY).update(retry_at=timezone.now())
    dispatches.retry_due()
    drain()


def test_waiting_for_a_provider_that_is_left_alone_uses_up_no_attempt(smtp, people, dispatch):
    ChannelConfig.objects.update(settings={**smtp.settings, "port": 1})
    dispatches.start(dispatch=dispatch, members=people(2))
    drain()
    for _ in range(10):
        try_again()
    assert statuses(dispatch) == {"retry": 2}
    assert set(Delivery.objects.values_list("attempt", flat=True)) == {health.FAILED_BATCHES}
    ChannelConfig.objects.update(settings=smtp.settings)
    health.start_afresh(config_of("email"))
    try_again()
    assert statuses(dispatch) == {"sent": 2}
    assert max(smtp.mailbox.per_address.values()) == 1


def test_a_chunk_taken_up_again_leaves_those_alone_who_wait_in_another_one(smtp, people, dispatch):
    """Its worker died after the first batch could not be sent, and all of that batch moved on to a new chunk."""
    members = people(4)
    ids = list(members)
    dispatches.start(dispatch=dispatch, members=members)
    chunk = Chunk.objects.get()
    Delivery.objects.bulk_create(
        Delivery(dispatch=dispatch, chunk=chunk, profile_id=id, status=DeliveryStatus.RETRY, retry_at=timezone.now())
        for id in ids[:2]
    )
    dispatches.retry_due()
    assert not chunk.deliveries.exists()
    assert sending.send_chunk(chunk_id=chunk.pk)
    assert statuses(dispatch) == {"retry": 2, "sent": 2}
    drain()
    assert statuses(dispatch) == {"sent": 4}
    assert max(smtp.mailbox.per_address.values()) == 1


def test_a_worker_that_died_leaves_its_batch_uncertain_and_the_rest_goes_out(smtp, people, dispatch):
    members = people(10)
    ids = list(members)
    dispatches.start(dispatch=dispatch, members=members)
    chunk = Chunk.objects.get()
    Chunk.objects.update(status=ChunkStatus.CLAIMED, claim=uuid.uuid4(), lease_until=timezone.now() - timedelta(1))
    chunk.refresh_from_db()
    for id in ids[:3]:
        Delivery.objects.create(
            dispatch=dispatch, chunk=chunk, profile_id=id, status=DeliveryStatus.SENDING, claim=chunk.claim
        )
    drain()
    assert smtp.mailbox.mails == [], "the lease is somebody else's until the clock takes it away"
    dispatches.recover_expired_leases()
    drain()
    assert statuses(dispatch) == {"uncertain": 3, "sent": 7}
    assert len(smtp.mailbox.mails) == 7


def test_a_message_that_fails_as_nobody_foresaw_holds_nothing_up(smtp, people, dispatch):
    dispatch.content = {"subject": 5}
    dispatch.save()
    dispatches.start(dispatch=dispatch, members=people(2))
    drain()
    assert statuses(dispatch) == {"skipped": 2}
    dispatch.refresh_from_db()
    assert dispatch.status == DispatchStatus.COMPLETED


@pytest.mark.parametrize("over", [DispatchStatus.COMPLETED, DispatchStatus.CANCELED])
def test_nothing_is_put_off_for_a_dispatch_that_is_over(people, dispatch, over):
    """A worker so slow that its lease ran out and the others finished without it."""
    [profile_id] = people(1)
    delivery = Delivery.objects.create(dispatch=dispatch, profile_id=profile_id, status=DeliveryStatus.UNCERTAIN)
    Dispatch.objects.update(status=over)
    message = OutgoingMessage(profile_id, "p0@example.com", {}, delivery_id=delivery.pk)
    write_outcomes(dispatch, [message], [Outcome(Result.RETRY, detail="421 busy")])
    assert statuses(dispatch) == {"failed": 1}


def test_canceling_says_of_what_was_put_off_that_it_is_not_tried_again(smtp, people, dispatch):
    smtp.mailbox.refuse["p1@example.com"] = "451 try later"
    dispatches.start(dispatch=dispatch, members=people(2))
    drain()
    assert statuses(dispatch) == {"sent": 1, "retry": 1}
    dispatches.cancel(dispatch=dispatch)
    assert statuses(dispatch) == {"sent": 1, "failed": 1}


def test_a_paused_dispatch_sends_nothing_and_goes_on_where_it_was(smtp, people, dispatch):
    dispatches.start(dispatch=dispatch, members=people(60))
    smtp.mailbox.on_mail = lambda number: None
    dispatches.pause(dispatch=dispatch)
    drain()
    assert smtp.mailbox.mails == []
    dispatches.resume(dispatch=dispatch)
    drain()
    assert set(smtp.mailbox.per_address.values()) == {1}
    assert len(smtp.mailbox.mails) == 60


def test_after_its_deadline_nothing_is_sent(smtp, people, dispatch):
    Dispatch.objects.update(deadline=timezone.now() - timedelta(seconds=1))
    dispatches.start(dispatch=Dispatch.objects.get(), members=people(2))
    drain()
    assert set(Delivery.objects.values_list("reason", flat=True)) == {"expired"}


def test_a_channel_that_is_switched_off_keeps_its_messages_waiting(smtp, people, dispatch):
    ChannelConfig.objects.update(enabled=False)
    dispatches.start(dispatch=dispatch, members=people(2))
    drain()
    assert statuses(dispatch) == {}
    ChannelConfig.objects.update(enabled=True)
    drain()
    assert statuses(dispatch) == {"sent": 2}


def test_an_empty_audience_is_completed_at_once(dispatch):
    dispatches.start(dispatch=dispatch, members=BitMap())
    dispatch.refresh_from_db()
    assert dispatch.status == DispatchStatus.COMPLETED


def test_the_sandbox_delivers_into_the_outbox(people, dispatch):
    dispatches.start(dispatch=dispatch, members=people(3))
    drain()
    assert set(SandboxMessage.objects.values_list("address", flat=True)) == {f"p{i}@example.com" for i in range(3)}


def test_of_several_addresses_the_one_changed_last_is_used(smtp, people, dispatch):
    [id] = people(1)
    Address.objects.create(profile_id=id, channel="email", address="new@example.com")
    dispatches.start(dispatch=dispatch, members=BitMap([id]))
    drain()
    assert list(smtp.mailbox.per_address) == ["new@example.com"]
