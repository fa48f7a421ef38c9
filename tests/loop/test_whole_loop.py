"""From an empty database to a retargeted mail, by clicking, in a real browser against a real mail server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.loop.product import Product, forget
from tests.messaging.mailserver import MailServer

pytestmark = [pytest.mark.browser, pytest.mark.drill]

PEOPLE = 12
EVERYONE = {f"p{index}@example.com" for index in range(PEOPLE)}


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def product(tmp_path: Path, mail_server: MailServer) -> Iterator[Product]:
    """Running, with an admin who signs in as olga, email through the mail server, and a dozen people."""
    product = Product(tmp_path)
    try:
        product.wait()
        product.manage(
            "createsuperuser", "--noinput", "--username", "olga", "--email", "olga@example.com",
            DJANGO_SUPERUSER_PASSWORD="correct-horse",
        )  # fmt: skip
        product.key = product.manage("create_api_key", "--name", "test")
        people = [
            {"external_id": f"p{index}", "addresses": [{"channel": "email", "address": f"p{index}@example.com"}]}
            for index in range(PEOPLE)
        ]
        assert product.api("/profiles/bulk/", {"profiles": people})["created"] == PEOPLE
        yield product
    finally:
        product.stop()
        forget(tmp_path)


def sign_in(page: Page, product: Product) -> None:
    page.goto(product.url)
    page.get_by_label("Username").fill("olga")
    page.get_by_label("Password").fill("correct-horse")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Home")).to_be_visible()


def set_up_email(page: Page, product: Product, mail_server: MailServer) -> None:
    """As an admin does it, in the administration."""
    page.goto(f"{product.url}/admin/channels/channelconfig/email/change/")
    page.get_by_label("Provider").select_option("smtp")
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_label("Sender").fill("Shop <shop@example.com>")
    page.get_by_label("Host").fill("127.0.0.1")
    page.get_by_label("Port").fill(str(mail_server.port))
    page.get_by_label("Security").select_option("none")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()


def new_campaign(page: Page, product: Product, name: str) -> None:
    page.goto(f"{product.url}/campaigns/new/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Email").check()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def write_message(page: Page, product: Product, subject: str) -> None:
    page.get_by_role("button", name=re.compile("Message")).click()
    page.get_by_label("Subject").fill(subject)
    page.get_by_label("HTML").fill(f'<p>Hello</p><p><a href="{product.url}/login/?from=mail">Look at it</a></p>')


def launch(page: Page, number: int) -> None:
    page.get_by_role("button", name="Review", exact=True).click()
    page.get_by_role("link", name=f"Send to {number} people").click()
    if number == PEOPLE:  # everyone: it asks whether that is meant
        page.get_by_label("is what I mean").check()
    page.get_by_role("button", name=f"Send to {number} people").click()
    expect(page.get_by_text("Completed", exact=True).first).to_be_visible(timeout=30_000)


def read_in_browser(page: Page, product: Product, mail: EmailMessage) -> None:
    """Show the mail as a mail program would, and follow its link."""
    body = mail.get_body(("html",))
    assert body is not None
    page.route("**/mail.html", lambda route: route.fulfill(content_type="text/html", body=body.get_content()))
    with page.expect_response(re.compile("/t/o/")) as pixel:
        page.goto(f"{product.url}/mail.html")
    assert pixel.value.status == 200
    page.get_by_role("link", name="Look at it").click()
    page.wait_for_url(re.compile("from=mail"))


def count_by_oracle(product: Product, audience: object) -> int:
    """The evaluation for one person, asked about everyone."""
    answers = [
        product.api("/audiences/explain/", {"audience": audience, "profile": f"p{index}"})["member"]
        for index in range(PEOPLE)
    ]
    return sum(answers)


def test_a_follow_up_reaches_exactly_those_who_did_not_open(browser, page: Page, product: Product, mail_server):
    box = mail_server.mailbox
    sign_in(page, product)
    set_up_email(page, product, mail_server)

    new_campaign(page, product, "Spring sale")
    write_message(page, product, "Spring is here")
    launch(page, PEOPLE)
    assert box.per_address == dict.fromkeys(EVERYONE, 1)

    readers = {"p3@example.com", "p7@example.com"}
    # A mail program without our cookies; as Chromium without a window it would be taken for a machine.
    reader = browser.new_context(user_agent="Mozilla/5.0 (X11; Linux x86_64) Thunderbird/128.0").new_page()
    read_in_browser(reader, product, box.to("p3@example.com"))

    # The builder: was sent Spring sale and did not open it.
    new_campaign(page, product, "Spring sale, second chance")
    page.get_by_role("button", name="Condition", exact=True).click()
    page.get_by_label("What happened").select_option(label="was sent and did not open")
    page.locator(".picker summary").click()
    page.get_by_role("checkbox", name=re.compile("Spring sale(?!,)")).check()
    page.keyboard.press("Escape")
    campaign = int(re.search(r"/campaigns/(\d+)/", page.url)[1]) - 1
    not_opened = {
        "kind": "message",
        "event": "opened",
        "target": {"type": "campaign", "ids": [campaign]},
        "test": {"type": "occurred", "value": False},
    }
    audience = {"match": "all", "conditions": [not_opened]}
    total = page.locator("[data-total]")
    expect(total).to_have_text(str(PEOPLE - 1))
    assert count_by_oracle(product, audience) == PEOPLE - 1

    # Another one opens theirs, and the number follows.
    read_in_browser(reader, product, box.to("p7@example.com"))
    page.reload()
    expect(total).to_have_text(str(PEOPLE - 2))
    assert count_by_oracle(product, audience) == PEOPLE - 2
    expect(page.locator("#audience-sentence")).to_contain_text("were sent Spring sale and did not open it")

    write_message(page, product, "Last call")
    launch(page, PEOPLE - 2)
    followed = {address for address, mail in box.mails if mail["Subject"] == "Last call"}
    assert followed == EVERYONE - readers
    assert len(box.mails) == PEOPLE + PEOPLE - 2, "and nobody got anything twice"


def test_it_stops_cleanly_and_keeps_its_data(tmp_path: Path):
    product = Product(tmp_path)
    try:
        product.wait()
        product.key = product.manage("create_api_key", "--name", "test")
        product.api("/profiles/bulk/", {"profiles": [{"external_id": "ana"}]})
    finally:
        assert product.stop() == 0
    assert processes_in(tmp_path) == []
    again = Product(tmp_path)
    try:
        again.wait()
        again.key = product.key
        assert again.api("/audiences/count/", {"audience": {"match": "all", "conditions": []}})["count"] == 1
    finally:
        again.stop()
        forget(tmp_path)
    assert processes_in(tmp_path) == []


def processes_in(data: Path) -> list[str]:
    """The command lines that still run with this data: by their environment, or naming its database."""
    marker = f"RETARGETING_DATA={data}".encode()
    places = {str(data)} | {str(path.resolve()) for path in data.glob("postgres/*")}
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        except OSError:
            continue
        line = command.replace(b"\0", b" ").decode(errors="replace")
        if marker in environment or any(place in line for place in places):
            found.append(line)
    return found
