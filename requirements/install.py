"""Makes the virtual environment and installs the pinned packages: `python install.py base` or `dev`.

Uses nothing but the standard library, does nothing when everything is there, and may run several times at once: one
run works, the others wait for it.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENVIRONMENT = HERE.parent / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
OLDEST = (3, 11)


def main(kind: str) -> None:
    if sys.version_info < OLDEST:
        sys.exit(f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed; this is {sys.version.split()[0]}.")
    with (HERE.parent / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        pip = environment()
        pins = HERE / f"{kind}.txt"
        stamp = ENVIRONMENT / f"installed-{kind}"
        digest = hashlib.sha256(pins.read_bytes()).hexdigest()
        if stamp.exists() and stamp.read_text() == digest:
            return
        print(f"Installing the packages of requirements/{pins.name} …", flush=True)
        # Wheels only: no compiler is needed. Hashes: what was tested is what is installed.
        subprocess.run(
            [*pip, "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--require-hashes",
             "-r", str(pins)],
            check=True,
        )  # fmt: skip
        stamp.write_text(digest)


def environment() -> list[str]:
    """Make the environment if there is none that works; returns the command that installs into it."""
    own_pip = [str(PYTHON), "-m", "pip"]
    if not works([str(PYTHON), "-c", ""]):
        print("Making the virtual environment .venv …", flush=True)
        if not works([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)]):
            # Some systems ship Python without what puts pip into an environment; the system's own pip can do that.
            subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(ENVIRONMENT)], check=True)
    return own_pip if works([*own_pip, "--version"]) else [sys.executable, "-m", "pip", "--python", str(PYTHON)]


def works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    main(sys.argv[1])
