"""Why somebody was in a run or not, from what was frozen then and what is known of that moment."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns import actions, moves, tasks
from campaigns.models import Campaign
from campaigns.presence import presence
from retargeting.audiences.models import Segment
from retargeting.conditions.codec import decode
from retargeting.orchestrations.models import Orchestration
from retargeting.profiles.models import Profile, Suppression
from tests.audiences.cast import Cast, happened, set_up
from tests.messaging.test_sending import drain

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db) -> Cast:
    """Ana, Ben and Cleo were sent the sale, Dan was not; Ana opened it."""
    return set_up()


def opened(campaign: Orchestration, value: bool = True) -> dict[str, object]:
    target = {"type": "campaign", "ids": [campaign.pk]}
    return {"kind": "message", "event": "opened", "target": target, "test": {"type": "occurred", "value": value}}


def all_of(*conditions: dict[str, object]) -> dict[str, object]:
    return {"match": "all", "conditions": list(conditions)}


FRENCH = {"kind": "attribute", "attribute": "country", "operator": "is", "value": "FR"}


def launched(campaign: Campaign, marketer, *conditions: dict[str, object]) -> Campaign:
    campaign = actions.update_campaign(actor=marketer, campaign=campaign, audience=decode(all_of(*conditions)))
    run = moves.launch(actor=marketer, campaign=campaign)
    tasks.prepare_run(run.pk)
    drain()
    return campaign


def about(campaign: Campaign, name: str):
    found = presence(campaign, Profile.objects.get(external_id=name))
    assert found is not None
    return found


def test_who_was_in_has_a_delivery_and_its_fate(campaign, cast, marketer):
    Suppression.objects.create(channel="email", address="ben@example.org", reason="manual")
    launched(campaign, marketer)
    ana, ben = about(campaign, "ana"), about(campaign, "ben")
    assert (ana.was_in, ana.delivery.status, ana.verdict) == (
        True, "sent", "Was in the audience. It was sent to ana@example.org."
    )  # fmt: skip
    assert (ben.was_in, ben.delivery.status, ben.verdict) == (
        True, "skipped", "Was in the audience. It was skipped: address suppressed."
    )  # fmt: skip
    assert not ana.outlook


def test_who_was_not_in_learns_what_would_have_let_them_in(campaign, cast, marketer):
    launched(campaign, marketer, opened(cast.sale))
    ben = about(campaign, "ben")
    assert (ben.was_in, ben.delivery, ben.changed) == (False, None, False)
    assert ben.outlook == "Would have been in if they had opened Spring sale."
    assert [verdict.met for verdict in ben.reasons] == [False]
    assert ben.as_now == []


def test_what_happens_later_changes_nothing_of_the_answer(campaign, cast, marketer):
    launched(campaign, marketer, opened(cast.sale))
    happened("opened", cast.sale, "ben", ago=timedelta(0))
    ben = about(campaign, "ben")
    assert (ben.was_in, ben.changed) == (False, False)
    assert ben.outlook == "Would have been in if they had opened Spring sale."


def test_what_is_only_known_as_it_is_now_is_named(campaign, cast, marketer):
    segment = Segment.objects.create(name="French", audience=all_of(FRENCH))
    promo = opened(cast.sale) | {"target": {"type": "label", "codes": ["promo"]}}
    launched(campaign, marketer, promo, {"kind": "segment", "id": segment.pk, "member": True})
    ana = about(campaign, "ana")
    assert ana.as_now == ["attributes", "labels", "what segments ask for"]
    assert not ana.changed
    Profile.objects.filter(external_id="ana").update(attributes={"country": "IT"})
    ana = about(campaign, "ana")
    assert (ana.was_in, ana.changed, ana.outlook) == (True, True, "")


def test_a_run_whose_segment_is_gone_is_told_without_its_conditions(campaign, cast, marketer, marketer_client):
    segment = Segment.objects.create(name="French", audience=all_of(FRENCH))
    launched(campaign, marketer, {"kind": "segment", "id": segment.pk, "member": True})
    segment.delete()
    ana = about(campaign, "ana")
    assert (ana.was_in, ana.explanation, ana.reasons) == (True, None, [])
    page = marketer_client.get(f"/campaigns/{campaign.pk}/report/", {"person": "ana"})
    assert b"a segment that has been deleted since" in page.content


@pytest.mark.parametrize("asked", ["ben", "ben@example.org"])
def test_a_viewer_asks_by_external_id_or_email(asked, campaign, cast, marketer, viewer_client):
    launched(campaign, marketer, opened(cast.sale), FRENCH)
    page = viewer_client.get(f"/campaigns/{campaign.pk}/report/", {"person": asked})
    assert page.context["presence"].profile.external_id == "ben"
    assert b"Would have been in" not in page.content
    assert b"2 conditions were missing" in page.content
    assert b"attributes are as they are now" in page.content


def test_before_the_worker_has_come_nothing_is_known(campaign, cast, marketer):
    moves.launch(actor=marketer, campaign=campaign)
    ana = about(campaign, "ana")
    assert (ana.was_in, ana.explanation, ana.as_of) == (None, None, None)
    assert not ana.changed


def test_the_moment_is_that_of_the_run(campaign, cast, marketer):
    launched(campaign, marketer, opened(cast.sale, False) | {"opens": "all"})
    before = timezone.now()
    ben = about(campaign, "ben")
    assert ben.explanation.as_of == ben.as_of <= before
