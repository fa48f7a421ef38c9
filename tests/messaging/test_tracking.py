from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlsplit

import pytest

from retargeting.conditions.nodes import Interaction
from retargeting.interactions.models import MessageEvent
from retargeting.messaging import dispatches, tracking
from retargeting.messaging.tracking import Recipient
from retargeting.profiles.models import Address
from tests.messaging.test_sending import drain

pytestmark = pytest.mark.django_db

READER = {"HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64) Thunderbird/128.0"}


@pytest.fixture
def links(smtp, people, dispatch) -> dict[str, str]:
    """The addresses in a mail that somebody got: open, click, unsubscribe, without the host."""
    dispatches.start(dispatch=dispatch, members=people(1))
    drain()
    html = smtp.mailbox.to("p0@example.com").get_body(("html",)).get_content()
    urls = [unescape(url) for url in re.findall(r'(?:href|src)="([^"]+)"', html)]
    paths = [urlsplit(url)._replace(scheme="", netloc="").geturl() for url in urls]
    return {name: next(path for path in paths if path.startswith(f"/t/{name}/")) for name in ("o", "c", "u")}


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
    assert recorded() == [(Interaction.CLICKED, False)]


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("head", READER),
        ("get", {"HTTP_USER_AGENT": "curl/8.5"}),
        ("get", {}),
        ("get", {**READER, "HTTP_SEC_PURPOSE": "prefetch"}),
        ("get", {"HTTP_USER_AGENT": "Slackbot-LinkExpanding 1.0"}),
    ],
)
def test_what_no_reader_did_is_marked_as_done_by_a_machine(client, links, method, headers):
    getattr(client, method)(links["c"], **headers)
    assert recorded() == [(Interaction.CLICKED, True)]


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
