"""The cast: an owner, a team mate who builds and sends, one who only looks, and a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client

from retargeting.accounts.models import Role, User

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
BROWSER_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if CHROMIUM:
        return
    left_out = [item for item in items if "browser" in item.keywords]
    if left_out and os.environ.get("RETARGETING_REQUIRE_BROWSER"):
        raise pytest.UsageError("RETARGETING_REQUIRE_BROWSER is set, but there is no Chromium on this machine.")
    for item in left_out:
        item.add_marker(pytest.mark.skip(reason="no Chromium on this machine: install it, or name it in CHROMIUM"))


@pytest.fixture(autouse=True)
def _no_events_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests without a transaction around them are cleaned up by Django, which does not know the event tables."""
    yield
    marker = request.node.get_closest_marker("django_db")
    if marker is not None and (marker.kwargs.get("transaction") or "live_server" in request.fixturenames):
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE interactions_messageevent, interactions_customevent")


@pytest.fixture
def owner(db) -> User:
    return User.objects.create_user(
        "olga", password="correct-horse", role=Role.ADMIN, is_staff=True, is_superuser=True, first_name="Olga"
    )


@pytest.fixture
def marketer(db) -> User:
    return User.objects.create_user("mara", password="correct-horse", role=Role.MARKETER, first_name="Mara")


@pytest.fixture
def viewer(db) -> User:
    return User.objects.create_user("vik", password="correct-horse", role=Role.VIEWER, first_name="Vik")


def _signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def owner_client(owner) -> Client:
    return _signed_in(owner)


@pytest.fixture
def marketer_client(marketer) -> Client:
    return _signed_in(marketer)


@pytest.fixture
def viewer_client(viewer) -> Client:
    return _signed_in(viewer)


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """A headless Chromium. Playwright keeps an event loop in this thread, which Django must be told is fine."""
    from playwright.sync_api import sync_playwright

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=BROWSER_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser) -> Iterator[object]:
    """A fresh window. A mistake in a page's script fails the test that ran into it."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(10_000)
    mistakes: list[str] = []
    page.on("pageerror", lambda error: mistakes.append(str(error)))
    yield page
    context.close()
    assert not mistakes
