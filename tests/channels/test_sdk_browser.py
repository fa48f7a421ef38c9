"""The web SDK in a real page of another origin, under a strict policy."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from django.core.cache import cache
from django.test import Client
from playwright.sync_api import Locator, Page, expect

from campaigns import moves, tasks
from campaigns.actions import create_campaign
from retargeting.channels.adapter import OutgoingMessage
from retargeting.channels.models import ChannelConfig, Site
from retargeting.channels.webpush.provider import compose
from retargeting.conditions.nodes import Interaction
from retargeting.interactions.models import CustomEvent, MessageEvent
from retargeting.messaging import sending, tracking
from retargeting.messaging.models import Chunk, Dispatch
from retargeting.messaging.tracking import Recipient
from retargeting.profiles.actions import upsert_profiles
from retargeting.profiles.models import Profile

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SDK = Path(__file__).parents[2] / "static" / "sdk"
CLICK = """(action) => {
  const notification = { data: self.shown, close() {} };
  const event = Object.assign(new Event("notificationclick"), { notification, action, waitUntil() {} });
  self.dispatchEvent(event);
}"""
AXE = Path(__file__).parents[1] / "vendor" / "axe-core" / "axe.min.js"


class Shop:
    """The web site of a customer: one page with the SDK, its service worker, and where links lead."""

    def __init__(self, us: str) -> None:
        self.head = ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, body = "text/html; charset=utf-8", f"<!doctype html><title>Shop</title>{outer.head}<h1>Shop</h1>"
                if self.path == "/sw.js":
                    kind, body = "text/javascript", f'importScripts("{us}/static/sdk/retargeting-sw.js");'
                self.send_response(200)
                self.send_header("Content-Type", kind)
                policy = f"default-src 'none'; script-src 'self' {us}; connect-src {us}; worker-src 'self'"
                self.send_header("Content-Security-Policy", policy)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_address[1]}"


@pytest.fixture
def shop(live_server) -> Iterator[Shop]:
    shop = Shop(live_server.url)
    thread = Thread(target=shop.server.serve_forever, daemon=True)
    thread.start()
    yield shop
    shop.server.shutdown()
    shop.server.server_close()
    thread.join()


@pytest.fixture
def site(transactional_db, shop, live_server, settings) -> Site:
    cache.clear()
    settings.PUBLIC_URL = live_server.url
    people = [
        {"external_id": name, "addresses": [{"channel": "in_app", "address": f"tab-{name}"}]}
        for name in ("ana", "ben")
    ]
    upsert_profiles(actor=None, items=people)
    ChannelConfig.objects.create(channel="in_app", provider="in_app")
    site = Site.objects.create(name="Shop", origins=shop.url)
    shop.head = (
        f'<script src="{live_server.url}/static/sdk/retargeting.js" data-key="{site.key}" data-user="ana"'
        f' data-hash="{site.identity_of("ana")}" defer></script>'
    )
    return site


def send(marketer, channel: str = "in_app", **message: str) -> int:
    """A campaign to everybody who was sent nothing yet, on its way; returns its id."""
    content = {"title": "Spring sale", "body": "Everything half off", **message}
    campaign = create_campaign(actor=marketer, name="Spring sale", channel=channel, content=content)
    tasks.prepare_run(moves.launch(actor=marketer, campaign=campaign).pk)
    for chunk in Chunk.objects.exclude(status="done"):
        sending.send_chunk(chunk_id=chunk.pk)
    return campaign.pk


def told(*events: Interaction) -> None:
    """Wait until these, and no others, have been recorded."""
    wanted = sorted(events)
    for _ in range(100):
        found = sorted(event.kind for event in MessageEvent.objects.all())
        if found == wanted:
            return
        time.sleep(0.05)
    assert found == wanted


def builder(page: Page, client: Client, live_server, what: str) -> Locator:
    """The builder with one row about the campaign; returns where its total stands."""
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    page.goto(f"{live_server.url}/audiences/try/")
    page.get_by_role("button", name="Condition", exact=True).click()
    page.locator(".picker summary").click()
    page.get_by_role("checkbox", name="Spring sale").check()
    page.keyboard.press("Escape")
    page.get_by_label("What happened").select_option(label=what)
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)
    return page.locator("[data-total]")


def test_who_clicks_a_message_in_a_page_moves_to_those_who_clicked(
    page: Page, site, shop, live_server, marketer, marketer_client
):
    send(marketer, layout="banner", button="Look", link=f"{shop.url}/sale")
    total = builder(page, marketer_client, live_server, "was sent and did not click")
    expect(total).to_have_text("0")  # nobody's device has come for it

    visit = page.context.new_page()
    visit.goto(shop.url)
    banner = visit.get_by_role("region", name="Spring sale")
    expect(banner).to_contain_text("Everything half off")
    told(Interaction.SENT, Interaction.OPENED)
    page.reload()
    total = builder(page, marketer_client, live_server, "was sent and did not click")
    expect(total).to_have_text("1")

    banner.get_by_role("link", name="Look").click()
    visit.wait_for_url(f"{shop.url}/sale")
    told(Interaction.SENT, Interaction.OPENED, Interaction.CLICKED)
    total = builder(page, marketer_client, live_server, "was sent and did not click")
    expect(total).to_have_text("0")
    total = builder(page, marketer_client, live_server, "clicked")
    expect(total).to_have_text("1")
    visit.goto(shop.url)
    visit.wait_for_timeout(500)
    expect(visit.get_by_role("region", name="Spring sale")).to_have_count(0)  # clicked, and so not shown again


def test_a_window_in_the_middle_is_closed_by_keyboard_and_does_not_come_back(page: Page, site, shop, marketer):
    send(marketer, layout="modal", button="Look", link="shop://sale")
    page.goto(shop.url)
    window = page.get_by_role("dialog", name="Spring sale")
    expect(window).to_be_visible()
    page.evaluate(AXE.read_text())
    problems = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa']}).then((found) => found.violations)")
    assert [problem["id"] for problem in problems if problem["id"] != "html-has-lang"] == []
    page.keyboard.press("Escape")
    expect(window).to_have_count(0)
    told(Interaction.SENT, Interaction.OPENED)
    page.reload()
    page.wait_for_timeout(500)
    expect(window).to_have_count(0)


def test_several_messages_come_one_after_the_other(page: Page, site, shop, marketer):
    send(marketer)
    send(marketer, title="Second")
    page.goto(shop.url)
    page.get_by_role("region", name="Spring sale").get_by_role("button", name="Close").click()
    expect(page.get_by_role("region", name="Second")).to_be_visible()


def test_a_link_that_would_run_code_leads_nowhere(page: Page, site, shop, marketer):
    send(marketer, button="Look", link="{{ 'javascript:alert(1)' }}")
    page.goto(shop.url)
    banner = page.get_by_role("region", name="Spring sale")
    expect(banner.get_by_role("button", name="Look")).to_be_visible()
    expect(banner.get_by_role("link")).to_have_count(0)


def test_a_page_that_names_somebody_else_shows_nothing(page: Page, site, shop, marketer):
    send(marketer)
    shop.head = shop.head.replace('data-user="ana"', 'data-user="ben"')
    page.goto(shop.url)
    page.wait_for_timeout(500)
    expect(page.get_by_role("region")).to_have_count(0)
    told()


def test_events_and_what_is_known_of_a_visitor_come_through_the_sdk(page: Page, site, shop):
    site.attributes = "plan"
    site.save()
    page.goto(shop.url)
    proof = site.identity_of("ana")
    page.evaluate(f"window.retargeting.identify('ana', '{proof}', {{attributes: {{plan: 'pro'}}}})")
    assert page.evaluate("window.retargeting.track('viewed', {sku: 'a-1'})")["accepted"] == 1
    assert CustomEvent.objects.get().properties == {"sku": "a-1"}
    assert Profile.objects.get(external_id="ana").attributes == {"plan": "pro"}


def test_a_browser_shows_a_push_message_and_tells_what_became_of_it(page: Page, site, shop, marketer):
    """Through the service worker of the SDK; Chromium hands it the message in the place of the vendor's network."""
    upsert_profiles(actor=None, items=[{"external_id": "ana", "addresses": [{"channel": "push", "address": "token"}]}])
    send(marketer, "push", link=f"{shop.url}/sale", action1_label="Shop", action1_link=f"{shop.url}/now")
    ana = Profile.objects.get(external_id="ana")
    recipient = Recipient(Dispatch.objects.get().pk, ana.pk)
    content = {**Dispatch.objects.get().content}
    message = OutgoingMessage(ana.pk, "token", content, headers={"report": tracking.report_url(recipient)})

    page.context.grant_permissions(["notifications"], origin=shop.url)
    page.goto(shop.url)
    devtools = page.context.new_cdp_session(page)
    registrations: list[str] = []
    devtools.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda update: registrations.extend(item["registrationId"] for item in update["registrations"]),
    )
    devtools.send("ServiceWorker.enable")
    page.evaluate(
        "navigator.serviceWorker.register('/sw.js').then(() => navigator.serviceWorker.ready).then(() => true)"
    )
    for _ in range(50):
        if registrations:
            break
        page.wait_for_timeout(50)
    devtools.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": shop.url, "registrationId": registrations[-1], "data": json.dumps(compose(message))},
    )
    so_far = (Interaction.SKIPPED, Interaction.SENT, Interaction.DELIVERED)  # Ben has no browser
    told(*so_far)
    shown = page.evaluate(
        """navigator.serviceWorker.ready.then((registration) => registration.getNotifications())
           .then((all) => all.map(({title, body, data, actions}) => ({title, body, data, actions: actions.length})))"""
    )
    assert [(item["title"], item["body"], item["actions"]) for item in shown] == [
        ("Spring sale", "Everything half off", 1)
    ]
    assert shown[0]["data"]["link"] == f"{shop.url}/sale"
    [worker] = page.context.service_workers
    worker.evaluate("(data) => { self.shown = data; }", shown[0]["data"])
    for action, event in (("", Interaction.OPENED), ("0", Interaction.CLICKED)):
        # A click that a script makes is not trusted to open windows, but it is one to the worker.
        worker.evaluate(CLICK, action)
        so_far = (*so_far, event)
        told(*so_far)


def test_the_script_is_small_and_runs_no_text_as_code():
    for name in ("retargeting.js", "retargeting-sw.js"):
        text = (SDK / name).read_text()
        assert len(text.encode()) < 10_000
        for forbidden in ("eval(", "new Function", "innerHTML", ".style.", "document.write"):
            assert forbidden not in text
