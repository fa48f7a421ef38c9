"""Campaigns and labels side by side: the same numbers as in their reports, and what is beyond chance."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime

import pytest

from campaigns import comparison
from campaigns.actions import create_campaign
from campaigns.models import Campaign
from retargeting.audiences.engine import evaluate
from retargeting.conditions.codec import decode
from retargeting.conditions.nodes import Interaction
from retargeting.interactions.ingest import MessageEventRow, record_message_events
from retargeting.interactions.models import CHANNEL_CODES, EVENT_CODES
from retargeting.orchestrations.models import Label
from retargeting.profiles.models import Profile

pytestmark = pytest.mark.django_db
AT = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def sent(marketer):
    """Makes a campaign that so many were sent, opened and clicked."""
    people = [each.pk for each in Profile.objects.bulk_create(Profile(external_id=f"p{n}") for n in range(400))]

    def make(name: str, opened: int, clicked: int, *, label: Label | None = None, channel: str = "email"):
        labels = [label] if label else []
        campaign = create_campaign(actor=marketer, name=name, channel=channel, labels=labels)
        step = campaign.message_steps.get()
        counts = {Interaction.SENT: 400, Interaction.OPENED: opened, Interaction.CLICKED: clicked}
        record_message_events(
            MessageEventRow(
                uuid.uuid4(), person, campaign.pk, step.pk, None, CHANNEL_CODES[channel], EVENT_CODES[event], False, AT
            )
            for event, number in counts.items()
            for person in people[:number]
        )
        return campaign

    return make


def shares(rows, event: Interaction) -> list[float | None]:
    return [row.cells[event].share for row in rows]


def test_campaigns_stand_side_by_side_and_the_clearly_better_one_is_marked(sent):
    rows = comparison.of_campaigns([sent("A", 200, 20), sent("B", 100, 25)])
    assert [row.cells[Interaction.SENT].people for row in rows] == [400, 400]
    assert shares(rows, Interaction.OPENED) == [0.5, 0.25]
    assert [row.cells[Interaction.OPENED].best for row in rows] == [True, False]
    # 5 % and 6.25 % of 400 may well be chance.
    assert [row.cells[Interaction.CLICKED].best for row in rows] == [False, False]


def test_of_text_messages_nobody_knows_who_opened_them(sent):
    rows = comparison.of_campaigns([sent("A", 0, 20, channel="sms"), sent("B", 100, 25)])
    assert shares(rows, Interaction.OPENED) == [None, 0.25]
    assert [row.cells[Interaction.OPENED].best for row in rows] == [False, False]


def test_of_a_label_everybody_counts_once(sent):
    promo, news = (Label.objects.create(code=code, name=code) for code in ("promo", "news"))
    sent("A", 200, 0, label=promo)
    sent("B", 100, 0, label=promo)
    sent("C", 40, 0, label=news)
    rows = comparison.of_labels([promo, news])
    assert [row.cells[Interaction.SENT].people for row in rows] == [400, 400]
    assert shares(rows, Interaction.OPENED) == [0.5, 0.1]


def test_the_page_and_its_file(sent, viewer_client):
    a, b = sent("A", 200, 20), sent("=B", 100, 25)
    url = f"/campaigns/compare/?campaign={a.pk}&campaign={b.pk}&campaign={a.pk}"
    page = viewer_client.get(url)
    assert page.status_code == 200
    assert "50.0 %" in page.content.decode()
    text = b"".join(viewer_client.get(url + "&format=csv").streaming_content).decode()
    assert len(text.strip().splitlines()) == 3
    assert "\n=B" not in text
    assert "50.0 %" in text


def test_what_a_channel_cannot_tell_is_no_number(sent):
    [push, _] = comparison.of_campaigns([sent("A", 200, 20, channel="push"), sent("B", 100, 25)])
    assert push.cells[Interaction.COMPLAINED].share is None


def test_every_number_opens_the_people_behind_it(sent, viewer_client):
    a, b = sent("A", 200, 20), sent("B", 100, 25, channel="push")
    page = viewer_client.get(f"/campaigns/compare/?campaign={a.pk}&campaign={b.pk}&opens=all").content.decode()
    links = re.findall(r'class="people-count" href="([^"]+)"', page)
    assert f"/campaigns/{a.pk}/report/people/opened/?opens=all" in links
    assert {viewer_client.get(link).status_code for link in links} == {200}


def test_the_people_of_a_label_get_a_campaign(sent, marketer_client, viewer_client):
    promo, news = (Label.objects.create(code=code, name=code) for code in ("promo", "news"))
    sent("A", 200, 20, label=promo)
    sent("B", 0, 0, label=news)
    page = marketer_client.get("/labels/compare/").content.decode()
    assert f"/labels/{promo.pk}/people/opened/" in page
    url = f"/labels/{promo.pk}/people/opened/"
    assert marketer_client.get(url).context["paginator"].count == 200
    assert marketer_client.get(f"/labels/{promo.pk}/people/skipped/").status_code == 404
    asked = marketer_client.get(url).context["follow_up"]
    sent_back = {"name": asked["name"], "audience": asked["audience"], "label": asked["labels"]}
    assert marketer_client.post("/campaigns/write-to/", {**sent_back, "channel": "fax"}).status_code == 400
    broken = {**sent_back, "channel": "push", "audience": '{"match": "all"}'}
    assert marketer_client.post("/campaigns/write-to/", broken).status_code == 400
    endless = {**sent_back, "channel": "push", "audience": "[" * 100_000}
    assert marketer_client.post("/campaigns/write-to/", endless).status_code == 400
    marketer_client.post("/campaigns/write-to/", {**sent_back, "channel": "push"})
    draft = Campaign.objects.latest("pk")
    assert (draft.channel, draft.status, list(draft.labels.all())) == ("push", "draft", [promo])
    assert len(evaluate(decode(draft.audience)).members) == 200


@pytest.mark.parametrize("query", ["", "?campaign=1", "?campaign=x&campaign=y", "?campaign=1&campaign=1"])
def test_one_campaign_cannot_be_compared(query, viewer_client):
    assert viewer_client.get(f"/campaigns/compare/{query}").url == "/campaigns/"


def test_labels_are_compared_all_together(sent, viewer_client):
    assert viewer_client.get("/labels/compare/").url == "/labels/"
    for code in ("promo", "news"):
        sent(code, 100, 10, label=Label.objects.create(code=code, name=code))
    page = viewer_client.get("/labels/compare/")
    assert page.status_code == 200
    assert len(page.context["rows"]) == 2
