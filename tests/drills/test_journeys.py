"""The short form of the drill of automations: `make drill-journeys` runs it with more people and kills."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.drills.processes import ROOT

pytestmark = pytest.mark.drill


def test_everybody_goes_each_step_once_whoever_is_killed():
    drill = [sys.executable, "-m", "tests.drills.journeys", "--people", "3000", "--kills", "10", "--seed", "1"]
    done = subprocess.run(drill, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 of them twice" in done.stdout
