"""Variants: the lot of each person, those who wait, and that the change between loses and doubles nobody."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from retargeting.messaging import dispatches, sending, variants
from retargeting.messaging.models import Chunk, ChunkStatus, Delivery, Dispatch, DispatchStatus
from tests.messaging.test_sending import drain

pytestmark = pytest.mark.django_db


def told(*weights: int) -> list[dict[str, object]]:
    return [
        {"key": key, "name": key.upper(), "weight": weight, "content": {"subject": f"Variant {key}", "text": "Hello"}}
        for key, weight in zip("abcdefgh", weights, strict=False)
    ]


@pytest.fixture
def trial(dispatch) -> Dispatch:
    """Half of the people try two variants, the others wait."""
    Dispatch.objects.update(variants=told(50, 50), test_share=50)
    dispatch.refresh_from_db()
    return dispatch


def subjects(smtp) -> Counter[str]:
    return Counter(str(mail["Subject"]) for _, mail in smtp.mailbox.mails)


def of_variant() -> Counter[str]:
    return Counter(Delivery.objects.values_list("variant", flat=True))


def release() -> None:
    dispatches.release_due()
    drain()


weights = st.sets(st.integers(1, 99), max_size=7).map(
    lambda cuts: [b - a for a, b in pairwise([0, *sorted(cuts), 100])]
)


@given(weights=weights, share=st.integers(1, 100), seed=st.integers(1, 10**6))
def test_the_lots_of_variants_fall_as_their_weights_say_and_always_the_same(weights, share, seed):
    dispatch = Dispatch(orchestration_id=seed, variants=told(*weights), test_share=share, winner="a")
    members = BitMap(range(1, 4001))
    found = variants.assigned(dispatch, members)
    assert variants.assigned(dispatch, BitMap(range(100, 200))) == {id: found[id] for id in range(100, 200)}
    trying = variants.testers(dispatch, members)
    counts = Counter(found[id] for id in trying)
    for weight, variant in zip(weights, dispatch.variants, strict=True):
        expected = len(trying) * weight / 100
        assert abs(counts[variant["key"]] - expected) <= 6 * max(expected, 1) ** 0.5 + 1
    assert {found[id] for id in members - trying} <= {"a"}


@given(number=st.integers(1, 8))
def test_even_weights_are_whole_make_100_and_differ_by_one_at_most(number):
    found = variants.even_weights(number)
    assert not variants.check_weights(found)
    assert max(found) - min(found) <= 1


@pytest.mark.parametrize(("weights", "words"), [([50, 49], "make 99 %"), ([100, 0], "at least 1 %")])
def test_weights_that_do_not_make_100_are_refused_in_words(weights, words):
    assert words in variants.check_weights(weights)


def test_each_gets_the_message_of_their_variant_and_the_delivery_says_which(smtp, people, dispatch):
    Dispatch.objects.update(variants=told(30, 70))
    dispatch.refresh_from_db()
    members = people(60)
    dispatches.start(dispatch=dispatch, members=members)
    drain()
    found = variants.assigned(dispatch, members)
    assert dict(Delivery.objects.values_list("profile_id", "variant")) == found
    assert subjects(smtp) == Counter(f"Variant {key}" for key in found.values())
    assert set(Delivery.objects.values_list("provider", flat=True)) == {"smtp"}
    dispatch.refresh_from_db()
    assert dispatch.status == DispatchStatus.COMPLETED


def test_the_rest_waits_and_then_gets_the_winner_and_each_person_one_mail(smtp, people, trial):
    members = people(80)
    dispatches.start(dispatch=trial, members=members)
    release()
    trying = variants.testers(trial, members)
    assert sum(subjects(smtp).values()) == len(trying) < 80
    assert not dispatches.is_trying(trial)
    trial.refresh_from_db()
    assert trial.status == DispatchStatus.SENDING

    assert dispatches.choose_winner(dispatch=trial, key="b")
    assert not dispatches.choose_winner(dispatch=trial, key="a")
    release()
    assert set(smtp.mailbox.per_address.values()) == {1}
    assert len(smtp.mailbox.per_address) == 80
    rest = Delivery.objects.exclude(profile_id__in=trying)
    assert set(rest.values_list("variant", flat=True)) == {"b"}
    trial.refresh_from_db()
    assert (trial.status, trial.winner) == (DispatchStatus.COMPLETED, "b")


def test_a_winner_that_is_chosen_while_it_is_paused_goes_out_when_it_is_resumed(smtp, people, trial):
    dispatches.start(dispatch=trial, members=people(40))
    release()
    before = sum(subjects(smtp).values())
    dispatches.pause(dispatch=trial)
    assert dispatches.choose_winner(dispatch=trial, key="a")
    release()
    assert sum(subjects(smtp).values()) == before
    dispatches.resume(dispatch=trial)
    release()
    assert len(smtp.mailbox.per_address) == 40
    assert set(smtp.mailbox.per_address.values()) == {1}


def test_after_a_cancel_there_is_no_winner_and_nobody_of_the_rest_is_written_to(smtp, people, trial):
    dispatches.start(dispatch=trial, members=people(40))
    release()
    before = sum(subjects(smtp).values())
    dispatches.cancel(dispatch=trial)
    assert not dispatches.choose_winner(dispatch=trial, key="a")
    release()
    assert sum(subjects(smtp).values()) == before


def test_a_worker_that_dies_on_the_winner_leaves_a_chunk_that_another_one_finishes(smtp, people, trial):
    dispatches.start(dispatch=trial, members=people(40))
    release()
    dispatches.choose_winner(dispatch=trial, key="b")
    dispatches.release_due()
    chunk = Chunk.objects.get(status=ChunkStatus.PENDING)
    assert sending._claim(chunk)
    Chunk.objects.filter(pk=chunk.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    dispatches.recover_expired_leases()
    drain()
    assert len(smtp.mailbox.per_address) == 40
    assert set(smtp.mailbox.per_address.values()) == {1}


def test_a_worker_that_read_the_dispatch_before_the_winner_still_sends_the_winner(smtp, people, trial):
    dispatches.start(dispatch=trial, members=people(40))
    release()
    stale = Chunk.objects.select_related("dispatch__orchestration").get(status=ChunkStatus.WAITING)
    dispatches.choose_winner(dispatch=Dispatch.objects.get(), key="b")
    dispatches.release_due()
    assert stale.dispatch.winner == ""
    assert sending.send_chunk(chunk_id=stale.pk)
    assert set(stale.deliveries.values_list("variant", flat=True)) == {"b"}


def test_who_still_waits_at_the_deadline_is_skipped_as_too_late(smtp, people, trial):
    Dispatch.objects.update(deadline=timezone.now() + timedelta(hours=1))
    trial.refresh_from_db()
    dispatches.start(dispatch=trial, members=people(40))
    release()
    dispatches.give_up_waiting()
    assert dispatches.awaiting_winner().count() == 1
    Dispatch.objects.update(deadline=timezone.now() - timedelta(seconds=1))
    dispatches.give_up_waiting()
    release()
    reasons = Counter(Delivery.objects.filter(status="skipped").values_list("reason", "variant"))
    assert list(reasons) == [("expired", "")]
    trial.refresh_from_db()
    assert trial.status == DispatchStatus.COMPLETED
    assert Delivery.objects.count() == 40


def test_what_is_tried_again_keeps_its_variant(smtp, people, trial):
    members = people(30)
    smtp.mailbox.refuse = {f"p{index}@example.com": "450 not now" for index in range(0, 30, 3)}
    dispatches.start(dispatch=trial, members=members)
    release()
    dispatches.choose_winner(dispatch=trial, key="a")
    release()
    assert Delivery.objects.filter(status="retry").count() == 10
    smtp.mailbox.refuse = {}
    Delivery.objects.filter(status="retry").update(retry_at=timezone.now())
    dispatches.retry_due()
    release()
    trial.refresh_from_db()
    assert dict(Delivery.objects.values_list("profile_id", "variant")) == variants.assigned(trial, members)
    assert len(smtp.mailbox.per_address) == 30
    assert set(smtp.mailbox.per_address.values()) == {1}
