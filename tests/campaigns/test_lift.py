"""Whether a campaign brings its goal about: who is compared with whom, in which time, and what is said of it."""

from __future__ import annotations

import csv
import io
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone
from pyroaring import BitMap

from campaigns import actions, moves, tasks
from campaigns.lift import TO_GET, Goal, groups, lift
from campaigns.models import Campaign
from retargeting.audiences.engine import evaluate
from retargeting.conditions import codec
from retargeting.interactions.ingest import CustomEventRow, record_custom_events
from retargeting.messaging.models import ControlGroup, Delivery, DeliveryStatus, Dispatch
from retargeting.profiles.models import Address, Profile
from tests.messaging.test_sending import drain

pytestmark = pytest.mark.django_db

ORDER = Goal("order", 7)


@pytest.fixture
def people(db) -> list[Profile]:
    profiles = Profile.objects.bulk_create(Profile(external_id=f"p{index}") for index in range(420))
    Address.objects.bulk_create(
        Address(profile=profile, channel="email", address=f"{profile}@example.com") for profile in profiles[:400]
    )
    return profiles


@pytest.fixture
def sent(campaign, people, marketer) -> Campaign:
    ControlGroup.objects.create(percent=10)
    actions.update_campaign(actor=marketer, campaign=campaign, holdout=30)
    run = moves.launch(actor=marketer, campaign=campaign)
    tasks.prepare_run(run.pk)
    drain()
    campaign.refresh_from_db()
    return campaign


def do(ids, name="order", **later) -> None:
    moment = Dispatch.objects.get().started_at + timedelta(**later or {"microseconds": 1})
    record_custom_events([CustomEventRow(uuid.uuid4(), id, name, {}, moment) for id in ids])


def skipped(reason: str) -> BitMap:
    return BitMap(Delivery.objects.filter(reason=reason).values_list("profile_id", flat=True))


def report(client, campaign, path="", **query):
    return client.get(f"/campaigns/{campaign.pk}/report/{path}", query)


def test_the_groups_are_those_whom_the_lots_parted_and_nobody_without_an_address(sent):
    found = groups(sent)
    assert found["holdout"] == skipped("holdout")
    assert found["control_group"] == skipped("control_group")
    assert all(found.values())
    assert sum(len(members) for members in found.values()) == 400


def test_whoever_was_stopped_after_the_lots_still_was_to_get_it(sent):
    before = groups(sent)[TO_GET]
    one, other, third = Delivery.objects.filter(status="sent")[:3]
    Delivery.objects.filter(pk=one.pk).update(status=DeliveryStatus.SKIPPED, reason="capped")
    Delivery.objects.filter(pk=other.pk).update(status=DeliveryStatus.FAILED)
    Delivery.objects.filter(pk=third.pk).update(status=DeliveryStatus.UNCERTAIN)
    assert groups(sent)[TO_GET] == before


def test_an_event_counts_from_the_start_to_so_many_days_after_the_last_message(sent):
    first, second, third, fourth, *_ = groups(sent)[TO_GET]
    do([first], minutes=-1)
    do([second])
    do([third], days=6, hours=23)
    do([fourth], days=7, hours=1)
    do([third, fourth], days=30)
    do([first], name="visit")
    assert lift(sent, ORDER).rate.hits == 2


def test_a_clear_lift_is_said_with_its_interval_and_an_unclear_one_with_what_it_needs(sent, marketer_client):
    people = groups(sent)
    do(list(people[TO_GET])[: len(people[TO_GET]) // 2])
    do(list(people["holdout"])[: len(people["holdout"]) // 10])
    do(list(people["control_group"])[: len(people["control_group"]) * 9 // 20])
    found = lift(sent, ORDER)
    against = {each.key: each for each in found.comparisons}
    assert against["holdout"].is_clear
    assert against["holdout"].lift.needed is None
    assert not against["control_group"].is_clear
    assert against["control_group"].lift.needed > 100
    shown = report(marketer_client, sent, goal="order", days=7)
    text = shown.content.decode()
    assert "more people did order than would have without the message" in text
    assert f"needs about {against['control_group'].lift.needed:,} more people" in text


def test_nobody_held_out_shows_no_comparison(campaign, people, marketer, marketer_client):
    run = moves.launch(actor=marketer, campaign=campaign)
    tasks.prepare_run(run.pk)
    drain()
    assert lift(campaign, ORDER) is None
    assert b'id="lift"' not in report(marketer_client, campaign).content


def test_the_campaigns_own_goal_is_compared_unless_another_is_asked_for(sent, marketer_client):
    Campaign.objects.filter(pk=sent.pk).update(goal_event="order", goal_days=3)
    assert report(marketer_client, sent).context["lift"].goal == Goal("order", 3)
    assert report(marketer_client, sent, goal="visit").context["lift"].goal == Goal("visit", 3)
    wrong = report(marketer_client, sent, goal="visit", days=1000)
    assert wrong.context["lift"] is None
    assert b"less than or equal to 90" in wrong.content


def test_every_number_opens_its_people_who_can_be_written_to(sent, marketer_client):
    people = groups(sent)
    did = list(people["holdout"])[:4]
    do(did)
    for group, members in people.items():
        listed = report(marketer_client, sent, f"goal/{group}/", goal="order", days=7)
        assert listed.context["paginator"].count == len(members)
    listed = report(marketer_client, sent, "goal/holdout/", goal="order", days=7, did="yes")
    assert [person.pk for person in listed.context["object_list"]] == did
    url = f"/campaigns/{sent.pk}/report/goal/holdout/?goal=order&days=7&did=no"
    draft = marketer_client.post(url, follow=True).context["campaign"]
    assert draft.follow_up_of == sent
    assert evaluate(codec.decode(draft.audience)).members == people["holdout"] - BitMap(did)


@pytest.mark.parametrize("path", ["goal/nobody/?goal=order", "goal/holdout/?goal=order&did=maybe", "goal/file/"])
def test_what_is_not_there_is_not_found(sent, marketer_client, path):
    assert marketer_client.get(f"/campaigns/{sent.pk}/report/{path}").status_code == 404


def test_viewers_see_it_and_cannot_write_to_those_people(sent, viewer_client):
    url = f"/campaigns/{sent.pk}/report/goal/holdout/?goal=order&days=7"
    assert b"Follow up" not in viewer_client.get(url).content
    assert viewer_client.post(url).status_code == 403


def test_the_file_has_the_numbers_of_the_card(sent, marketer_client):
    do(list(groups(sent)[TO_GET])[:10])
    answer = report(marketer_client, sent, "goal/file/", goal="order", days=7)
    head, *rows = csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig")))
    assert head == ["group", "people", "order", "share", "difference", "low", "high"]
    assert [row[2] for row in rows] == ["10", "0", "0"]
    share, low, high = map(float, rows[1][4:])
    assert share == pytest.approx(float(rows[0][3]))
    assert low < share < high


def test_the_goal_is_set_beside_the_holdout_and_said_in_the_review(campaign, people, marketer_client):
    url = f"/campaigns/{campaign.pk}/"
    fields = {"mode": "now", "zone": "UTC", "holdout": 10, "goal_event": "order", "goal_days": 3}
    assert marketer_client.post(f"{url}?step=when", fields).status_code == 302
    campaign.refresh_from_db()
    assert (campaign.holdout, campaign.goal_event, campaign.goal_days) == (10, "order", 3)
    assert b"It is to bring about order within 3 days" in marketer_client.get(f"{url}?step=review").content


def test_it_is_still_to_come_while_the_days_of_the_goal_run(sent):
    assert not lift(sent, ORDER).is_over
    Dispatch.objects.update(finished_at=timezone.now() - timedelta(days=8))
    assert lift(sent, ORDER).is_over
