"""The guide's example in a real browser: push, wait, "did they open the previous push?", and a follow-up for no."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from automations.engine import reacting
from automations.engine.following import turn
from automations.models import Automation
from retargeting.conditions.nodes import Interaction
from retargeting.interactions.actions import accept_events
from retargeting.messaging import actions as messaging
from retargeting.messaging.models import Delivery
from retargeting.messaging.tracking import Recipient
from retargeting.profiles.models import Profile
from tests.automations.conftest import Town

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def add(page: Page, place: int, kind: str) -> None:
    """A step at one of the plus signs, counted from the top."""
    page.get_by_role("link", name="Add a step here").nth(place).click()
    page.get_by_role("button", name=kind, exact=True).click()
    page.locator("#step-form").wait_for()


def write(page: Page, title: str) -> None:
    """Whatever is done next, what was typed is saved first."""
    page.get_by_label("Title", exact=True).fill(title)
    page.get_by_label("Text", exact=True).fill("It is waiting for you.")


def test_the_example_of_the_guide(page, live_server, marketer_client, town: Town):
    people = town.people(6)
    session = marketer_client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page.goto(live_server.url + reverse("automation-create"))
    page.get_by_label("Name").fill("Abandoned cart")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="When: Nothing yet").click()
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_label("Event", exact=True).fill("added_to_cart")
    expect(page.locator("#card-of-trigger")).to_contain_text("added_to_cart")
    add(page, 0, "Push")
    write(page, "Your cart is waiting")
    add(page, 1, "Delay")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_label("Wait: how many").fill("4")
    expect(page.locator(".step-card.is-current")).to_contain_text("Wait 4 days")
    add(page, 2, "Yes/no split")
    build_condition(page)
    expect(page.locator(".step-card.is-current")).to_contain_text("Opened")
    add(page, 4, "Push")
    write(page, "Last pieces left")
    page.get_by_role("link", name="Publish").click()
    page.get_by_role("button", name="Publish version 1").click()
    page.get_by_text("Version 1 is published").wait_for()
    automation = Automation.objects.get()

    reacting.read_events()
    items = [
        {"id": f"e{number}", "profile": person.external_id, "event": "added_to_cart"}
        for number, person in enumerate(people[:5])
    ]
    assert not accept_events(actor=None, items=items).errors
    go(town)
    assert [len(town.got(person)) for person in people] == [1, 1, 1, 1, 1, 0]
    for person in people[:2]:
        opened(person)
    with time_machine.travel(timezone.now() + timedelta(days=4, minutes=1), tick=True):
        go(town)
    first, second = [step.key for step in automation.message_steps.order_by("position")]
    assert [town.got(person) for person in people] == [[first], [first], *[[first, second]] * 3, []]
    page.reload()
    expect(page.locator(f"#card-{first}")).to_contain_text("5 sent")
    expect(page.locator(f"#card-{second}")).to_contain_text("3 sent")
    expect(page.locator(".lane-name.is-good")).to_contain_text("Yes 2")
    page.locator(f"#card-{second}").get_by_role("link", name="3 sent").click()
    for person in people[2:5]:
        expect(page.get_by_role("link", name=person.external_id, exact=True)).to_be_visible()


def build_condition(page: Page) -> None:
    """Opened the push of the previous step, by clicking."""
    panel = page.locator(".panel-condition")
    panel.get_by_role("button", name="Condition", exact=True).click()
    panel.get_by_label("What happened").select_option(label="opened")
    panel.get_by_label("Target").select_option("automation")
    settled(page)
    panel.locator(".picker summary").first.click()
    panel.get_by_role("checkbox", name="Abandoned cart").check()
    settled(page)
    page.keyboard.press("Escape")
    panel.locator(".picker summary").nth(1).click()
    panel.get_by_role("checkbox", name="Your cart is waiting").check()
    settled(page)


def settled(page: Page) -> None:
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)


def go(town: Town) -> None:
    """What the processes do, until nobody is due and everything is sent."""
    for _ in range(20):
        turn()
        town.send()


def opened(person: Profile) -> None:
    delivery = Delivery.objects.get(profile_id=person.pk)
    recipient = Recipient(delivery.dispatch_id, person.pk)
    assert messaging.record_reaction(recipient=recipient, event=Interaction.OPENED)
