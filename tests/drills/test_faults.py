"""The short form of the fault drill: `make drill` runs it with more people, kills and providers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.drills.processes import ROOT

pytestmark = pytest.mark.drill


@pytest.mark.parametrize("provider", ["fcm", "smtp"])
def test_with_a_faulty_provider_and_kills_nobody_gets_two_and_nobody_is_lost(provider):
    drill = [sys.executable, "-m", "tests.drills.faults", "--providers", provider]
    done = subprocess.run(
        [*drill, "--people", "2500", "--kills", "4", "--seed", "1"],
        cwd=ROOT, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 of them twice" in done.stdout
