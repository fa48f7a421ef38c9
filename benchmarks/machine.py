"""What the figures were taken on, and how much memory a process takes."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

MEGABYTE = 2**20


def facts() -> dict[str, str]:
    """Without a name: figures are published."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cores": str(os.cpu_count()),
        "memory": f"{pages / 2**30:.0f} GB",
        "processor": cpu,
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
    }


def free_disk(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def resident() -> int:
    """The memory of this process in bytes, as the kernel counts it."""
    return _status("VmRSS:")


def highest() -> int:
    """The most that it was since `forget_peak`."""
    return _status("VmHWM:")


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")  # the kernel's own way to start that figure over


@contextlib.contextmanager
def peak() -> Iterator[list[int]]:
    """Puts into the list, at the end, by how many bytes the process grew at most."""
    grown: list[int] = []
    before = resident()
    forget_peak()
    yield grown
    grown.append(max(0, highest() - before))


def _status(name: str) -> int:
    return next(int(line.split()[1]) * 1024 for line in _lines("/proc/self/status") if line.startswith(name))


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
