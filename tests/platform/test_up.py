"""The parts that `up` starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.drills.processes import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_part_ends_with_up_even_when_that_is_killed():
    program = (
        "import sys, time; from retargeting.management.commands.up import Part;"
        "part = Part('part', [sys.executable, '-c', 'import time; time.sleep(600)']); part.start();"
        "print(part.process.pid, flush=True); time.sleep(600)"
    )
    up = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE)
    assert up.stdout is not None
    part = int(up.stdout.readline())
    assert runs(part)
    up.kill()
    up.wait()
    up.stdout.close()
    wait_until(lambda: not runs(part), seconds=10)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
