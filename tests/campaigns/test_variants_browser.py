"""A campaign with two messages in a real browser: from the message page to the winner in the report."""

from __future__ import annotations

import pytest
from django.urls import reverse

from campaigns import tasks
from campaigns.models import Campaign, Run
from retargeting.messaging.models import Delivery, Dispatch
from tests.campaigns.test_variants import click, crowd, go_on  # noqa: F401  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_from_the_message_page_to_the_winner(page, live_server, marketer_client, campaign, crowd):  # noqa: F811
    session = marketer_client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    url = live_server.url + reverse("campaign", args=[campaign.pk])
    page.goto(f"{url}?step=message")
    page.get_by_role("button", name="variant").first.click()
    page.get_by_role("heading", name="2 variants").wait_for()
    page.get_by_label("Subject").fill("Only today")
    page.get_by_role("button", name="Save and continue").click()
    page.get_by_role("heading", name="Limits").wait_for()
    Campaign.objects.filter(pk=campaign.pk).update(test_share=50, winner_by="hand")
    page.goto(f"{url}?step=review")
    page.get_by_role("link", name="Send to 400 people").click()
    page.get_by_label("is what I mean").check()  # it goes to everybody
    page.locator("#dialog").get_by_role("button").filter(has_text="Send").click()
    page.locator("#progress").wait_for()
    run = Run.objects.get()
    Dispatch.objects.update(held_until=None)
    tasks.prepare_run(run.pk)
    go_on()
    tried = Delivery.objects.filter(status="sent").count()
    assert 150 < tried < 250
    click(run, "b", 20)
    page.goto(f"{url}report/")
    page.get_by_text(f"{400 - tried} people wait for the winner.").wait_for()
    page.get_by_role("link", name="Send variant B to the rest").click()
    page.locator("#dialog").get_by_role("button").filter(has_text="Send").click()
    page.locator("#trial").get_by_text("winner").first.wait_for()
    go_on()
    assert Delivery.objects.filter(status="sent").count() == 400
    rest = Delivery.objects.filter(variant="b").count()
    assert rest > 400 - tried
