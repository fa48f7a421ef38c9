from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import urlsplit

import pytest
import time_machine
from django.db.models import F

from retargeting.conditions.nodes import Interaction
from retargeting.interactions.models import MessageEvent
from retargeting.messaging import clicks, dispatches, machines, tracking
from retargeting.messaging.models import Delivery, HeldClick
from retargeting.messaging.tracking import Recipient
from retargeting.profiles.actions import erase
from retargeting.profiles.models import Address, Profile
from tests.messaging.test_sending import drain

pytestmark = pytest.mark.django_db

GMAIL_AHEAD = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135"
    " Safari/537.36 Edge/12.246 Mozilla/5.0"
)
GMAIL_READ = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
READER = {"HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64) Thunderbird/128.0"}


@pytest.fixture
def links(smtp, people, dispatch) -> dict[str, str]:
    """The addresses in a mail that somebody got: open, click, unsubscribe, without the host."""
    dispatches.start(dispatch=dispatch, members=people(1))
    drain()
    Delivery.objects.update(updated_at=F("updated_at") - timedelta(minutes=1))  # nobody reads it at once
    html = smtp.mailbox.to("p0@example.com").get_body(("html",)).get_content()
    urls = [unescape(url) for url in re.findall(r'(?:href|src)="([^"]+)"', html)]
    paths = [urlsplit(url)._replace(scheme="", netloc="").geturl() for url in urls]
    return {name: next(path for path in paths if path.startswith(f"/t/{name}/")) for name in ("o", "c", "u")}


def later(seconds: float = 6) -> int:
    """What the clock does some seconds after the clicks that were made so far."""
    HeldClick.objects.update(clicked_at=F("clicked_at") - timedelta(seconds=seconds))
    return clicks.judge_held()


def recorded() -> list[tuple[Interaction, bool]]:
    events = MessageEvent.objects.exclude(event=1).order_by("occurred_at")
    return [(event.kind, event.machine) for event in events]


def test_a_fetched_pixel_is_an_open(client, links):
    response = client.get(links["o"], **READER)
    assert response["Content-Type"] == "image/gif"
    assert response["Cache-Control"] == "no-store"
    assert recorded() == [(Interaction.OPENED, False)]


def test_a_click_is_recorded_and_leads_to_where_the_link_said(client, links):
    response = client.get(links["c"], **READER)
    assert response.status_code == 302
    assert response["Location"] == "https://shop.example/sale?a=1&b=2"
    assert recorded() == []
    assert later() == 1
    assert recorded() == [(Interaction.CLICKED, False)]


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("head", READER),
        ("get", {"HTTP_USER_AGENT": "curl/8.5"}),
        ("get", {}),
        ("get", {**READER, "HTTP_SEC_PURPOSE": "prefetch"}),
        ("get", {"HTTP_USER_AGENT": "Slackbot-LinkExpanding 1.0"}),
        ("get", {"HTTP_USER_AGENT": "Mozilla/5.0"}),
        ("get", {"HTTP_USER_AGENT": GMAIL_AHEAD}),
    ],
)
def test_what_no_reader_did_is_marked_as_done_by_a_machine(client, links, method, headers):
    getattr(client, method)(links["c"], **headers)
    assert recorded() == [(Interaction.CLICKED, True)]


def test_an_image_proxy_that_fetches_for_a_reader_is_one(client, links):
    client.get(links["o"], HTTP_USER_AGENT=GMAIL_READ)
    assert recorded() == [(Interaction.OPENED, False)]


@pytest.mark.parametrize(("link", "event"), [("o", Interaction.OPENED), ("c", Interaction.CLICKED)])
@pytest.mark.parametrize(("seconds", "machine"), [(4, True), (6, False)])
def test_what_happens_within_seconds_of_the_send_is_a_machines(client, links, link, event, seconds, machine):
    sent = datetime(2026, 3, 1, 9, tzinfo=UTC)
    Delivery.objects.update(updated_at=sent)
    with time_machine.travel(sent + timedelta(seconds=seconds), tick=False):
        client.get(links[link], **READER)
    later()
    assert recorded() == [(event, machine)]


def test_what_happens_before_the_provider_has_answered_is_a_machines(client, links):
    Delivery.objects.update(status="sending")
    client.get(links["o"], **READER)
    assert recorded() == [(Interaction.OPENED, True)]


def test_without_the_rule_of_time_everything_counts_at_once(client, links, settings):
    settings.MACHINE_SECONDS = 0
    Delivery.objects.update(updated_at=datetime.now(UTC))
    client.get(links["c"], **READER)
    assert recorded() == [(Interaction.CLICKED, False)]


def follow(client, *urls: str) -> None:
    recipient = Recipient(Delivery.objects.get().dispatch_id, Delivery.objects.get().profile_id)
    for url in urls:
        path = urlsplit(tracking.click_url(recipient, url))
        assert client.get(f"{path.path}?{path.query}", **READER).status_code == 302


def test_who_follows_all_links_at_once_is_a_machine(client, links):
    follow(client, "https://shop.example/1", "https://shop.example/2", "https://shop.example/3")
    assert later() == 3
    assert recorded() == [(Interaction.CLICKED, True)] * 3


def test_who_follows_one_link_and_later_another_is_a_person(client, links):
    follow(client, "https://shop.example/1", "https://shop.example/1")
    HeldClick.objects.update(clicked_at=F("clicked_at") - timedelta(seconds=3))
    follow(client, "https://shop.example/2")
    assert later(1) == 0, "the oldest is not yet old enough"
    assert later() == 3
    assert recorded() == [(Interaction.CLICKED, False)] * 3


def test_a_click_stands_at_the_moment_at_which_it_was_made(client, links):
    moment = datetime(2026, 3, 1, 9, tzinfo=UTC)
    Delivery.objects.update(updated_at=moment - timedelta(hours=1))
    with time_machine.travel(moment, tick=False):
        client.get(links["c"], **READER)
    clicks.judge_held()
    assert MessageEvent.objects.get(event=4).occurred_at == moment


def test_a_held_click_of_somebody_who_was_erased_goes(client, links):
    client.get(links["c"], **READER)
    erase(actor=None, profile=Profile.objects.get())
    assert later() == 0
    assert not HeldClick.objects.exists()


NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("clicked", "machine"),
    [
        ("a0", ""),
        ("a0 a0.1 a0.2", ""),
        ("a0 b0.9", "a0 b0.9"),
        ("a0 b2", ""),
        ("a0 b2 c4", "a0 b2 c4"),
        ("a0 b3 c6", ""),
        ("a0 b60 c60.1 d60.2", "b60 c60.1 d60.2"),
        ("a0 b0.1 a90", "a0 b0.1"),
    ],
)
def test_only_links_that_are_followed_faster_than_people_do_are_a_burst(clicked, machine):
    moments = {name: NINE + timedelta(seconds=float(name[1:])) for name in clicked.split()}
    found = machines.bursts((at, name[0]) for name, at in moments.items())
    inside = [name for name, at in moments.items() if any(start <= at <= end for start, end in found)]
    assert " ".join(inside) == machine


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.replace("shop.example", "evil.example"),
        lambda path: path.split("?")[0],
        lambda path: re.sub(r"^/t/c/(\d+)", lambda match: f"/t/c/{int(match[1]) + 1}", path),
        lambda path: re.sub(r"-(\d+)-", lambda match: f"-{int(match[1]) + 1}-", path, count=1),
        lambda path: "/t/c/1-2-x/?to=https://evil.example",
        lambda path: "/t/c/" + "9" * 40 + "-2-x/?to=https://evil.example",
    ],
)
def test_a_link_that_we_did_not_sign_leads_nowhere(client, links, change):
    response = client.get(change(links["c"]), **READER)
    assert response.status_code == 404
    assert recorded() == []


def test_a_token_for_one_purpose_does_not_serve_another(client, links):
    token = links["o"].removeprefix("/t/o/").removesuffix(".gif")
    assert client.post(f"/t/u/{token}/").status_code == 404


def test_looking_at_the_unsubscribe_page_changes_nothing(client, links):
    for method in (client.get, client.head):
        assert method(links["u"], **READER).status_code == 200
    assert Address.objects.filter(subscribed=False).count() == 0
    assert recorded() == []


def test_one_click_unsubscribes_without_a_cookie_and_is_recorded_once(links):
    from django.test import Client

    stranger = Client(enforce_csrf_checks=True)
    for _ in range(2):
        response = stranger.post(links["u"], {"List-Unsubscribe": "One-Click"})
        assert response.status_code == 200
    assert Address.objects.get().subscribed is False
    assert recorded() == [(Interaction.UNSUBSCRIBED, False)]


def test_html_that_is_not_ours_to_change_stays_as_it_was():
    html = '<a href="mailto:a@b.example">x</a> <a href="#top">y</a> <a name="z" href=\'tel:1\'>z</a>'
    assert tracking.track_html(html, Recipient(1, 2)).startswith(html)


@pytest.mark.parametrize(("length", "tracked"), [(3000, True), (9000, False)])
def test_a_link_too_long_to_be_counted_still_leads_to_its_place(client, length, tracked):
    url = f"https://x.example/{'a' * length}"
    html = tracking.track_html(f'<a href="{url}">x</a>', Recipient(1, 2))
    assert ("/t/c/" in html) is tracked
    if tracked:
        path = urlsplit(unescape(html.split('"')[1]))
        assert client.get(f"{path.path}?{path.query}")["Location"] == url


def test_the_pixel_goes_inside_the_body():
    html = tracking.track_html("<html><body>Hi</body></html>", Recipient(1, 2))
    assert html.endswith("></body></html>")
