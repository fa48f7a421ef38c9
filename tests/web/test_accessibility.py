"""The main pages in a real browser: axe-core finds nothing, in light and in dark; nothing sticks out on a phone."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.urls import reverse

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AXE = (settings.BASE_DIR / "tests/vendor/axe-core/axe.min.js").read_text()
RULES = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}"
PAGES = ["home", "people", "person", "labels", "label", "label-create", "label-delete", "activity", "outbox"]
PAGES += ["outbox-message", "automations", "automation", "automation-publish", "automation-report"]
PAGES += ["automation-simulation", "search"]


def address_of(name: str, world) -> str:
    arguments = {"person": world.person.pk, "outbox-message": world.mail.pk}
    arguments |= {"label": world.label.pk, "label-delete": world.label.pk}
    arguments |= {
        name: world.automation.pk for name in PAGES if name.startswith("automation-") or name == "automation"
    }
    return reverse(name, args=[arguments[name]] if name in arguments else []) + ("?q=a" if name == "search" else "")


@pytest.fixture
def signed_in(page, live_server, owner_client):
    """The owner in the browser; the session is handed over instead of typing the password each time."""
    session = owner_client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    return page


def complaints(page) -> list[str]:
    """What axe says against the page as it is; its script goes in beside the page's own policy."""
    page.evaluate(AXE)
    found = page.evaluate(f"async () => (await axe.run(document, {RULES})).violations")
    return [f"{rule['id']}: {node['html'][:120]}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_are_accessible(signed_in, live_server, world, theme):
    signed_in.emulate_media(color_scheme=theme)
    for name in PAGES:
        signed_in.goto(live_server.url + address_of(name, world), wait_until="networkidle")
        assert signed_in.locator("html").get_attribute("data-bs-theme") == theme
        assert not complaints(signed_in), f"{name} in {theme}"


def test_the_log_in_page_is_accessible(page, live_server):
    page.goto(live_server.url + reverse("login"))
    assert not complaints(page)


def test_nothing_sticks_out_on_a_phone_and_the_sidebar_opens_there(signed_in, live_server, world):
    signed_in.set_viewport_size({"width": 390, "height": 844})
    for name in PAGES:
        signed_in.goto(live_server.url + address_of(name, world))
        assert signed_in.evaluate("document.documentElement.scrollWidth") <= 390, name
    signed_in.get_by_role("button", name="Menu").click()
    signed_in.get_by_role("link", name="Labels").click()
    assert signed_in.url.endswith(reverse("labels"))


def test_the_theme_is_switched_and_remembered(signed_in, live_server):
    signed_in.emulate_media(color_scheme="light")
    signed_in.goto(live_server.url)
    signed_in.get_by_role("button", name="Dark").click()
    signed_in.goto(live_server.url + reverse("people"))
    assert signed_in.locator("html").get_attribute("data-bs-theme") == "dark"


def test_typing_into_the_search_narrows_the_list_in_place_and_says_how_many(signed_in, live_server, world):
    signed_in.goto(live_server.url + reverse("people"))
    signed_in.get_by_placeholder("External id, email or phone").press_sequentially("cust-7")
    signed_in.locator("#live").get_by_text("1 person").wait_for(state="attached")
    assert signed_in.url.endswith("q=cust-7&reachable=&language=&country=")
    assert signed_in.locator("tbody tr").count() == 1
    signed_in.reload()
    assert signed_in.locator("tbody tr").count() == 1


def test_deleting_asks_in_a_dialog_and_the_keyboard_can_leave_it(signed_in, live_server, world):
    signed_in.goto(live_server.url + reverse("label", args=[world.label.pk]))
    signed_in.get_by_role("link", name="Delete").click()
    dialog = signed_in.get_by_role("dialog")
    dialog.get_by_role("heading", name="Delete the label Cart?").wait_for()
    assert not complaints(signed_in)
    signed_in.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    signed_in.get_by_role("link", name="Delete").click()
    dialog.get_by_role("button", name="Delete label").click()
    signed_in.get_by_text("Deleted the label Cart.").wait_for()


def test_a_request_that_fails_says_so(signed_in, live_server, world):
    signed_in.goto(live_server.url + reverse("people"))
    signed_in.route(re.compile(r"/people/\?"), lambda route: route.fulfill(status=500, body=""))
    signed_in.get_by_label("Language").select_option("fr")
    signed_in.get_by_role("alert").get_by_text("The server could not do that (500)").wait_for()


def test_without_javascript_lists_are_narrowed_and_things_deleted_too(browser, live_server, owner_client, world):
    context = browser.new_context(java_script_enabled=False)
    session = owner_client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    page.goto(live_server.url + reverse("people"))
    page.get_by_placeholder("External id, email or phone").fill("cust-7")
    page.get_by_role("button", name="Filter").click()
    assert page.locator("tbody tr").count() == 1
    page.goto(live_server.url + reverse("label", args=[world.label.pk]))
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete label").click()
    assert "Deleted the label Cart." in page.content()
    context.close()
