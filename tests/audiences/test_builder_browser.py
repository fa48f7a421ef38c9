"""The builder in a real browser, with and without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from retargeting.accounts.actions import create_api_key
from retargeting.audiences import engine
from retargeting.conditions.codec import decode
from retargeting.interactions.index.folding import fold_all
from tests.audiences.cast import Cast, set_up

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
AXE = Path(__file__).parents[1] / "vendor" / "axe-core" / "axe.min.js"


@pytest.fixture
def cast(transactional_db) -> Cast:
    return set_up()


def sign_in(page: Page, client: Client, live_server) -> None:
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])


@pytest.fixture
def plain_page(browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def expected(cast: Cast, *, value: bool = False) -> str:
    target = {"type": "campaign", "ids": [cast.sale.pk]}
    row = {"kind": "message", "event": "opened", "target": target, "test": {"type": "occurred", "value": value}}
    return str(len(engine.evaluate(decode({"match": "all", "conditions": [row]})).members))


def settled(page: Page) -> None:
    """Wait until no answer is on its way that could move what is clicked next."""
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)


def total(page: Page):
    return page.locator("[data-total]")


def rows(page: Page):
    return page.get_by_role("group", name=re.compile(r"^Condition [0-9.]+$"))


def test_the_whole_way_by_clicking(page: Page, marketer_client, live_server, cast):
    sign_in(page, marketer_client, live_server)
    page.goto(f"{live_server.url}/audiences/try/")
    expect(total(page)).to_have_text("4")

    # Was sent A and did not open it.
    page.get_by_role("button", name="Condition", exact=True).click()
    expect(page.get_by_label("What happened")).to_be_focused()
    page.get_by_label("What happened").select_option(label="was sent and did not open")
    expect(page.get_by_text("choose a campaign")).to_be_visible()
    page.locator(".picker summary").click()
    page.get_by_role("searchbox", name="Search campaigns").press_sequentially("spring")
    expect(page.get_by_role("checkbox", name="Newsletter")).to_have_count(0)
    page.get_by_role("checkbox", name="Spring sale").check()
    expect(total(page)).to_have_text(expected(cast))
    expect(page.get_by_role("checkbox", name="Spring sale")).to_be_visible()  # the pop-over is still open
    expect(page.locator("#audience-sentence")).to_contain_text("did not open it")
    page.keyboard.press("Escape")

    # A group, a copy, away with it, and back.
    page.get_by_role("button", name="Group", exact=True).first.click()
    expect(rows(page)).to_have_count(2)
    rows(page).nth(0).hover()
    rows(page).nth(0).get_by_role("button", name="Duplicate").click()
    expect(rows(page)).to_have_count(3)
    expect(rows(page).nth(1).get_by_label("What happened")).to_be_focused()
    rows(page).nth(1).hover()
    rows(page).nth(1).get_by_role("button", name="Delete").click()
    expect(rows(page)).to_have_count(2)
    expect(page.get_by_text("Deleted.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(rows(page)).to_have_count(3)
    expect(page.get_by_text("Deleted.")).to_have_count(0)
    expect(total(page)).to_have_text(expected(cast))


def test_a_late_answer_does_not_undo_a_search(page: Page, marketer_client, live_server, cast):
    sign_in(page, marketer_client, live_server)
    page.goto(f"{live_server.url}/audiences/try/")
    page.get_by_role("button", name="Condition", exact=True).click()
    expect(page.get_by_label("What happened")).to_be_focused()
    settled(page)
    late = []
    page.route(re.compile(r"/audiences/builder/(\?|$)"), lambda route: late.append(route), times=1)
    page.get_by_label("What happened").select_option(label="was sent and did not open")
    page.locator(".picker summary").click()
    page.get_by_role("searchbox", name="Search campaigns").press_sequentially("spring")
    expect(page.get_by_role("checkbox", name="Newsletter")).to_have_count(0)
    with page.expect_response(re.compile(r"/audiences/builder/(\?|$)")):
        late[0].continue_()
    settled(page)
    expect(page.get_by_role("checkbox", name="Newsletter")).to_have_count(0)
    expect(page.get_by_role("searchbox", name="Search campaigns")).to_have_value("spring")


def test_the_numbers_follow_the_events_as_they_arrive(page: Page, marketer_client, live_server, cast):
    _, key = create_api_key(actor=None, name="shop", scopes=["ingest"])
    shop = Client(headers={"authorization": f"Bearer {key}"})
    page.clock.install()
    sign_in(page, marketer_client, live_server)
    page.goto(f"{live_server.url}/audiences/try/")
    page.get_by_role("button", name="Condition", exact=True).click()
    page.locator(".picker summary").click()
    page.get_by_role("checkbox", name="Spring sale").check()
    page.keyboard.press("Escape")
    page.get_by_label("What happened").select_option(label="opened")
    settled(page)
    before = int(expected(cast, value=True))
    expect(total(page)).to_have_text(str(before))

    for number, person in enumerate(("dan", "ben", "cleo"), start=1):
        event = {"id": f"late-{number}", "profile": person, "event": "opened", "campaign": cast.sale.pk}
        body = {"interactions": [{**event, "occurred_at": timezone.now().isoformat()}]}
        answer = shop.post("/api/v1/interactions/bulk/", body, content_type="application/json")
        assert answer.json() == {"accepted": 1, "duplicates": 0, "errors": []}
        if number == 2:
            fold_all()  # once in the rows, once in the index
        page.clock.fast_forward("00:11")
        expect(total(page)).to_have_text(str(before + number))
    assert expected(cast, value=True) == str(before + 3)
    expect(rows(page).first).to_contain_text(expected(cast, value=True))


def test_fast_typing_loses_no_character_and_no_focus(page: Page, marketer_client, live_server, cast):
    sign_in(page, marketer_client, live_server)
    page.goto(f"{live_server.url}/audiences/try/")
    page.get_by_role("button", name="Condition", exact=True).click()
    page.get_by_label("Target").select_option("any")
    page.get_by_label("Condition", exact=True).select_option("count")
    box = page.get_by_label("Number of times")
    box.fill("")
    # Slower and faster than the pause after which the numbers are asked for, so that answers arrive while typing.
    box.press_sequentially("1234", delay=310)
    box.press_sequentially("56789", delay=40)
    expect(box).to_have_value("123456789")
    expect(box).to_be_focused()
    expect(total(page)).to_have_text("0")
    expect(box).to_have_value("123456789")
    expect(box).to_be_focused()


def test_a_button_pressed_right_after_typing_keeps_both(page: Page, marketer_client, live_server, cast):
    sign_in(page, marketer_client, live_server)
    page.goto(f"{live_server.url}/audiences/try/")
    page.get_by_role("button", name="Condition", exact=True).click()
    page.get_by_label("What happened").select_option("attribute")
    page.get_by_label("Name of the attribute").press_sequentially("country")
    page.get_by_label("Value", exact=True).press_sequentially("FR")
    page.get_by_role("button", name="Condition", exact=True).click()
    expect(rows(page)).to_have_count(2)
    expect(total(page)).to_have_text("2")
    expect(page.get_by_label("Value", exact=True)).to_have_value("FR")


def test_the_same_way_without_javascript(plain_page: Page, marketer_client, live_server, cast):
    page = plain_page
    sign_in(page, marketer_client, live_server)
    page.goto(f"{live_server.url}/audiences/try/")
    page.get_by_role("button", name="Condition", exact=True).click()
    page.get_by_label("What happened").select_option("not_opened")
    page.locator(".picker summary").click()
    page.get_by_role("searchbox", name="Search campaigns").fill("spring")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_role("checkbox", name="Newsletter")).to_have_count(0)
    page.get_by_role("checkbox", name="Spring sale").check()
    page.locator(".b-update").click()
    expect(total(page)).to_have_text(expected(cast))
    page.get_by_role("button", name="Group", exact=True).first.click()
    expect(rows(page)).to_have_count(2)
    rows(page).nth(0).hover()
    rows(page).nth(0).get_by_role("button", name="Duplicate").click()
    expect(rows(page)).to_have_count(3)
    rows(page).nth(1).hover()
    rows(page).nth(1).get_by_role("button", name="Delete").click()
    expect(rows(page)).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(rows(page)).to_have_count(3)
    page.get_by_label("Check a person").fill("ben")
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.locator(".b-verdict").filter(has_text="In.")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_in_the_way_of_assistive_technology(browser, marketer_client, live_server, cast, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    sign_in(page, marketer_client, live_server)
    page.goto(f"{live_server.url}/audiences/try/")
    page.get_by_role("button", name="Condition", exact=True).click()
    page.get_by_label("What happened").select_option("attribute")
    with page.expect_response(lambda response: response.request.method == "POST"):
        page.get_by_label("Comparison").select_option("one_of")
    settled(page)
    page.get_by_role("button", name="Group", exact=True).first.click()
    expect(rows(page)).to_have_count(2)
    page.get_by_label("What happened").last.select_option("opened")
    page.locator(".picker summary").last.click()
    page.get_by_role("checkbox", name="Spring sale").check()
    expect(total(page)).to_have_text("1")
    page.add_script_tag(path=AXE)
    found = page.evaluate(
        "axe.run().then(result => result.violations.map(each => each.id + ': ' + each.nodes[0].html))"
    )
    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
