"""Takes the pictures of the README: `make demo` in one terminal, `make screenshots` in another."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

USERNAME, PASSWORD = "demo", "show-me-around"  # what `manage.py up --demo` prints
BASE = os.environ.get("PUBLIC_URL", "http://localhost:8000")
IMAGES = Path(__file__).resolve().parent / "images"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


def take(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=IMAGES / f"{name}.jpg", type="jpeg", quality=72)


def sign_in(page: Page) -> None:
    page.goto(f"{BASE}/login/")
    page.get_by_label("Username").fill(USERNAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Home")).to_be_visible()


def campaign_named(page: Page, name: str) -> None:
    page.goto(f"{BASE}/campaigns/?q={name}")
    page.get_by_role("link", name=re.compile(f"^{name}$")).first.click()


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light").new_page()
        sign_in(page)
        campaign_named(page, "Weekend sale: opened, not clicked")
        take(page, "builder")
        campaign_named(page, "Weekend sale")
        take(page, "report")
        browser.close()


if __name__ == "__main__":
    main()
