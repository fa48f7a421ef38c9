"""The embedded server: started, shared, stopped by the last, and nobody else's folders touched."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from retargeting.postgres import PACKAGE, EmbeddedPostgres, EmbeddedPostgresError
from tests.drills.processes import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def server(tmp_path: Path):
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    yield server
    server.release()
    server.remove()


def answers(url: str) -> bool:
    try:
        with psycopg.connect(url) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def test_the_last_one_to_leave_stops_it(server, tmp_path):
    url = server.start()
    other = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    assert other.start() == url
    server.release()
    assert answers(url)
    other.release()
    assert not answers(url)


def test_data_outlives_a_stop(server, tmp_path):
    with psycopg.connect(server.start(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    server.release()
    with psycopg.connect(server.start()) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


@pytest.mark.parametrize("name", ["postgres", "a path with spaces"])
def test_a_server_that_was_killed_is_started_again_where_it_was(tmp_path, name):
    server = EmbeddedPostgres(tmp_path / name)
    url = server.start()
    try:
        assert not server.revive()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        os.kill(int((server.home / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        wait_until(lambda: not answers(url), seconds=10)
        assert revived(server)
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    finally:
        server.release()
        server.remove()


def revived(server: EmbeddedPostgres) -> bool:
    """As `up` does it: again, as long as what the dead one left is in the way."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(EmbeddedPostgresError):
            if server.revive():
                return True
        time.sleep(0.2)
    return False


def test_a_user_that_was_killed_does_not_keep_it_running(server, tmp_path):
    program = (
        "import os, signal; from pathlib import Path; from retargeting.postgres import EmbeddedPostgres;"
        f"EmbeddedPostgres(Path({str(tmp_path / 'postgres')!r}), durable=False).start();"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    url = server.start()
    assert answers(url)
    server.release()
    assert not answers(url)


@pytest.mark.parametrize("name", ["with a space", "long" * 40])
def test_any_path_will_do(tmp_path, name):
    server = EmbeddedPostgres(tmp_path / name / "postgres", durable=False)
    try:
        assert answers(server.start())
    finally:
        server.release()
        server.remove()


@pytest.mark.skipif(os.geteuid() != 0, reason="closed to PostgreSQL's user only when that is another one")
def test_below_a_folder_that_is_closed_it_works_and_leaves_that_closed(tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    server = EmbeddedPostgres(home / "checkout" / "postgres", durable=False)
    try:
        assert answers(server.start())
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert stat.S_IMODE((home / "checkout").stat().st_mode) & 0o077 == 0o055 & ~_umask()
    finally:
        server.release()
        server.remove()


@pytest.mark.skipif(os.geteuid() != 0, reason="closed to PostgreSQL's user only when that is another one")
def test_programs_in_a_closed_folder_are_copied_with_their_libraries(tmp_path):
    """As for a checkout below root's home, whose packages PostgreSQL's user cannot reach."""
    installed = Path(find_spec(PACKAGE).origin).parent.parent
    closed = tmp_path / "site-packages"
    for part in (PACKAGE, f"{PACKAGE}.libs"):
        if (installed / part).exists():
            shutil.copytree(installed / part, closed / part, symlinks=True)
    closed.chmod(0o700)
    reachable = Path(tempfile.mkdtemp(prefix="retargeting-test-", dir="/tmp"))
    reachable.chmod(0o755)
    program = (
        "from pathlib import Path; from retargeting import postgres;"
        f"postgres.SYSTEM_DIR = Path({str(reachable)!r});"
        f"server = postgres.EmbeddedPostgres(Path({str(tmp_path / 'postgres')!r}), durable=False);"
        "import psycopg; psycopg.connect(server.start()).close();"
        "print(server.programs); server.release(); server.remove()"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(closed)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(str(reachable / "postgresql"))
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    finally:
        shutil.rmtree(reachable)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_nobody_else_can_enter_the_folder_of_the_socket(server):
    url = server.start()
    folder = Path(url.split("host=")[1])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
