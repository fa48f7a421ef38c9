"""What is vendored is what its projects released, and pages ask for nothing that is not there."""

from __future__ import annotations

import hashlib
import re

from django.conf import settings

ROOT = settings.BASE_DIR


def vendored() -> dict[str, str]:
    lines = (ROOT / "static/vendor/VENDORED.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")][2:]
    return {file: digest for *_, file, digest in rows}


def test_every_vendored_file_has_the_checksum_that_is_noted_for_it():
    for file, digest in vendored().items():
        assert hashlib.sha256((ROOT / file).read_bytes()).hexdigest() == digest, file


def test_every_vendored_file_is_noted_and_has_its_licence_beside_it():
    for folder in (ROOT / "static/vendor", ROOT / "tests/vendor"):
        for path in folder.rglob("*"):
            if path.is_file() and path.name not in {"LICENSE", "VENDORED.md"}:
                assert str(path.relative_to(ROOT)) in vendored()
                assert (path.parent / "LICENSE").exists()


def test_nothing_vendored_points_at_a_source_map_that_is_not_there():
    for file in vendored():
        assert b"sourceMappingURL" not in (ROOT / file).read_bytes(), file


def test_every_icon_that_a_page_or_an_entry_asks_for_is_there():
    asked = set()
    for path in ROOT.glob("templates/**/*.html"):
        asked |= set(re.findall(r"""{% (?:icon|empty_state) "([a-z0-9-]+)\"""", path.read_text()))
    for path in [*ROOT.glob("retargeting/**/*.py"), *ROOT.glob("campaigns/**/*.py"), *ROOT.glob("automations/*.py")]:
        asked |= set(re.findall(r"""Entry\([^)]*?"[a-z-]+", "([a-z0-9-]+)",""", path.read_text()))
    there = {path.stem for path in (ROOT / "static/icons").glob("*.svg")}
    assert asked
    assert asked <= there
