"""Lists and segments in a real browser: a file with and without JavaScript, undo, and what axe and a phone say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from retargeting.audiences.actions import create_segment
from retargeting.audiences.models import SegmentSize
from retargeting.conditions import codec
from retargeting.profiles.imports import running
from retargeting.profiles.models import ListImport, ProfileList
from tests.profiles.uploads import imported, members, new_list, people, started, uploaded

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AXE = (settings.BASE_DIR / "tests/vendor/axe-core/axe.min.js").read_text()
RULES = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}"
FILE = {"name": "people.csv", "mimeType": "text/csv", "buffer": b"id\nana\nnobody\n"}


@pytest.fixture
def vip() -> ProfileList:
    people("ana", "ben")
    return new_list()


def sign_in(context, live_server, client) -> None:
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])


def work() -> None:
    for list_import in ListImport.objects.under_way():
        running.run(import_id=list_import.pk)


def test_a_file_is_uploaded_watched_and_taken_back_by_hand(page, live_server, marketer_client, vip):
    sign_in(page.context, live_server, marketer_client)
    page.goto(live_server.url + reverse("list", args=[vip.pk]))
    page.get_by_role("link", name="Upload CSV").first.click()
    page.get_by_label("CSV file").set_input_files(FILE)
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("button", name="Start").click()
    page.get_by_text("0.0 % read").or_(page.get_by_text("% read, 0 lines")).wait_for()
    work()
    page.get_by_text("unknown person").wait_for()  # the page came by itself
    page.get_by_role("link", name="To the list").click()
    page.get_by_role("button", name="Take ana off the list").click()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("ana is back on the list.").wait_for()
    assert members(vip) == {"ana": "upload"}


def test_without_javascript_a_file_is_uploaded_and_looked_at_by_loading_again(
    browser, live_server, marketer_client, vip
):
    context = browser.new_context(java_script_enabled=False)
    sign_in(context, live_server, marketer_client)
    page = context.new_page()
    page.goto(live_server.url + reverse("list-upload", args=[vip.pk]))
    page.get_by_label("CSV file").set_input_files(FILE)
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("button", name="Start").click()
    page.get_by_role("link", name="Look again").click()
    work()
    page.get_by_role("link", name="Look again").click()
    assert "unknown person" in page.content()
    context.close()


def test_the_pages_are_accessible_and_nothing_sticks_out_on_a_phone(page, live_server, marketer_client, vip):
    sign_in(page.context, live_server, marketer_client)
    everyone = create_segment(actor=None, name="All", audience=codec.decode({"match": "all", "conditions": []}))
    for day in range(5):
        on = timezone.now().date() - timedelta(days=day)
        SegmentSize.objects.create(segment=everyone, day=on, people=day, counted_at=timezone.now())
    done = imported(vip, "id\nana\nnobody\n")
    waiting, going = uploaded(vip, "id,name\nana,Ana\n"), started(vip, "id\nben\n")
    addresses = [reverse(name) for name in ("audiences", "lists", "list-create")]
    addresses += [reverse(name, args=[vip.pk]) for name in ("list", "list-removed", "list-upload", "list-delete")]
    addresses += [reverse("import", args=[upload.pk]) for upload in (done, waiting, going)]
    addresses += [reverse("segment", args=[everyone.pk])]
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for address in addresses:
            page.set_viewport_size({"width": 1440, "height": 900})
            page.goto(live_server.url + address, wait_until="load")
            page.evaluate(AXE)
            found = page.evaluate(f"async () => (await axe.run(document, {RULES})).violations")
            assert not found, (
                f"{address} in {theme}: {[(rule['id'], rule['nodes'][0]['html'][:120]) for rule in found]}"
            )
            page.set_viewport_size({"width": 390, "height": 844})
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, address
