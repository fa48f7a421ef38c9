"""The same events as columns, in DuckDB and in ClickHouse (chdb), each in its own table format.

Both get the narrowest types, the order that lets them skip the most (what happened, on which channel, to which
message, when) and two threads. Ids of events are left out; nobody asks for them.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.events import EVENT, Rows, ahead, custom_events, message_events
from benchmarks.world import COUNTRIES, PLANS_OF_PEOPLE, TAGS, UNSET, World, channel_code

CHUNK_ROWS = 16_000_000
THREADS = 2
CUSTOM = np.dtype(
    [("profile_id", "<u4"), ("occurred_at", "<i8"), ("name", "u1"), ("category", "u1"), ("cents", "<i4")]
)
PROFILE = np.dtype([("id", "<u4"), ("country", "u1"), ("plan", "u1"), ("age", "u1"), ("tags", "u1")])
USABLE = np.dtype([("profile_id", "<u4"), ("channel", "u1")])
MEMBER = np.dtype([("profile_id", "<u4")])
MESSAGE = np.dtype(
    [
        ("occurred_at", "<i8"),
        ("journey_id", "<i8"),
        ("profile_id", "<u4"),
        ("orchestration_id", "<i4"),
        ("step_id", "<i4"),
        ("channel", "u1"),
        ("event", "u1"),
        ("machine", "u1"),
    ]
)
ORDER = "event, channel, orchestration_id, step_id, occurred_at"
COUNTRY_WORDS, PLAN_WORDS, TAG_WORDS = (
    "[" + ", ".join(f"'{word}'" for word in words) + "]" for words in (COUNTRIES, PLANS_OF_PEOPLE, TAGS)
)
MESSAGE_COLUMNS = "profile_id, orchestration_id, step_id, channel, event, machine, occurred_at"


class Store(ABC):
    """A columnar database of one folder."""

    name: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def version(self) -> str: ...
    @abstractmethod
    def create(self) -> None: ...
    @abstractmethod
    def add(self, table: str, columns: str, rows: Rows, order: str = "") -> None:
        """Append rows to a table; `columns` is a list of expressions over the fields of the rows."""

    @abstractmethod
    def finish(self) -> None: ...
    @abstractmethod
    def size(self) -> int:
        """What the tables take on disk, in bytes."""

    @abstractmethod
    def ask(self, sql: str) -> list[Any]:
        """The one row that a query gives."""

    def build(self, world: World) -> None:
        self.create()
        traits = world.traits
        profiles = np.zeros(world.people, dtype=PROFILE)
        profiles["id"] = np.arange(1, world.people + 1)
        for name in ("country", "plan", "age", "tags"):
            profiles[name] = getattr(traits, name)
        self.add("profiles", self.profile_columns(), profiles)
        for channel, reached in traits.reach.items():
            usable = reached & traits.subscribed[channel] & ~traits.suppressed[channel]
            rows = np.zeros(int(usable.sum()), dtype=USABLE)
            rows["profile_id"], rows["channel"] = np.flatnonzero(usable) + 1, channel_code(channel)
            self.add("usable", "profile_id, channel", rows)
        self.add("list_members", "profile_id", world.list_members.astype(MEMBER))
        for batch in custom_events(world):
            rows = np.zeros(len(batch), dtype=CUSTOM)
            rows["profile_id"], rows["occurred_at"] = batch["profile"], batch["moment"]
            for name in ("name", "category", "cents"):
                rows[name] = batch[name]
            self.add("events", "profile_id, name, category, cents, occurred_at", rows, "name, occurred_at")
        for chunk in _chunks(ahead(message_events(world))):
            self.add("messages", MESSAGE_COLUMNS, chunk.view(MESSAGE), ORDER)
        self.finish()

    @abstractmethod
    def profile_columns(self) -> str: ...


def _chunks(batches: Iterable[Rows]) -> Iterator[Rows]:
    held: list[Rows] = []
    for batch in batches:
        held.append(batch)
        if sum(map(len, held)) >= CHUNK_ROWS:
            yield np.concatenate(held)
            held = []
    yield np.concatenate([*held, np.empty(0, dtype=EVENT)])


class DuckDB(Store):
    name = "DuckDB"

    def __init__(self, folder: Path) -> None:
        import duckdb

        super().__init__(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.library = duckdb
        self.connection = duckdb.connect(str(folder / "events.duckdb"))
        self.connection.execute(f"SET threads = {THREADS}")
        self.connection.execute("CREATE OR REPLACE TEMP MACRO has(words, word) AS list_contains(words, word)")

    def version(self) -> str:
        return str(self.library.__version__)

    def create(self) -> None:
        for statement in (
            "CREATE OR REPLACE TABLE profiles (id UINTEGER NOT NULL, country VARCHAR NOT NULL, plan VARCHAR,"
            " age UTINYINT, tags VARCHAR[] NOT NULL)",
            "CREATE OR REPLACE TABLE usable (profile_id UINTEGER NOT NULL, channel UTINYINT NOT NULL)",
            "CREATE OR REPLACE TABLE list_members (profile_id UINTEGER NOT NULL)",
            "CREATE OR REPLACE TABLE events (profile_id UINTEGER NOT NULL, name UTINYINT NOT NULL,"
            " category UTINYINT NOT NULL, cents INTEGER NOT NULL, occurred_at BIGINT NOT NULL)",
            "CREATE OR REPLACE TABLE messages (profile_id UINTEGER NOT NULL, orchestration_id INTEGER NOT NULL,"
            " step_id INTEGER NOT NULL, channel UTINYINT NOT NULL, event UTINYINT NOT NULL,"
            " machine UTINYINT NOT NULL, occurred_at BIGINT NOT NULL)",
        ):
            self.connection.execute(statement)

    def profile_columns(self) -> str:
        return (
            f"id, {COUNTRY_WORDS}[country::INTEGER + 1], {PLAN_WORDS}[plan::INTEGER + 1], nullif(age, {UNSET}),"
            f" list_filter({TAG_WORDS}, lambda word, place: (tags::BIGINT >> (place - 1)) & 1 = 1)"
        )

    def add(self, table: str, columns: str, rows: Rows, order: str = "") -> None:
        assert rows.dtype.names
        self.connection.register("added", {name: np.ascontiguousarray(rows[name]) for name in rows.dtype.names})
        sorting = f" ORDER BY {order}" if order else ""
        self.connection.execute(f"INSERT INTO {table} SELECT {columns} FROM added{sorting}")
        self.connection.unregister("added")

    def finish(self) -> None:
        self.connection.execute("CHECKPOINT")
        self.connection.execute("ANALYZE")

    def size(self) -> int:
        return (self.folder / "events.duckdb").stat().st_size

    def ask(self, sql: str) -> list[Any]:
        return list(self.connection.execute(sql).fetchall()[0])


class ClickHouse(Store):
    name = "ClickHouse"
    TYPES = {"|u1": "UInt8", "<u4": "UInt32", "<i4": "Int32", "<i8": "Int64"}

    def __init__(self, folder: Path) -> None:
        from chdb import session

        super().__init__(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.session = session.Session(str(folder / "store"))

    def version(self) -> str:
        return str(self.ask("SELECT version()")[0])

    def create(self) -> None:
        tables = {
            "profiles": "(id UInt32, country LowCardinality(String), plan LowCardinality(Nullable(String)),"
            " age Nullable(UInt8), tags Array(LowCardinality(String))) ENGINE = MergeTree ORDER BY id",
            "usable": "(profile_id UInt32, channel UInt8) ENGINE = MergeTree ORDER BY (channel, profile_id)",
            "list_members": "(profile_id UInt32) ENGINE = MergeTree ORDER BY profile_id",
            "events": "(profile_id UInt32, name UInt8, category UInt8, cents Int32, occurred_at Int64)"
            " ENGINE = MergeTree ORDER BY (name, occurred_at)",
            "messages": "(profile_id UInt32, orchestration_id Int32, step_id Int32, channel UInt8, event UInt8,"
            " machine UInt8, occurred_at Int64 CODEC(Delta, LZ4), INDEX at occurred_at TYPE minmax GRANULARITY 1)"
            f" ENGINE = MergeTree ORDER BY ({ORDER})",
        }
        for name, definition in tables.items():
            self.session.query(f"DROP TABLE IF EXISTS {name} SYNC")
            self.session.query(f"CREATE TABLE {name} {definition}")

    def profile_columns(self) -> str:
        return (
            f"id, {COUNTRY_WORDS}[country + 1], if(plan = {UNSET}, NULL, {PLAN_WORDS}[plan + 1]),"
            f" if(age = {UNSET}, NULL, age),"
            f" arrayFilter((word, place) -> bitTest(tags, place), {TAG_WORDS}, range({len(TAGS)}))"
        )

    def add(self, table: str, columns: str, rows: Rows, order: str = "") -> None:
        assert rows.dtype.fields
        types = ", ".join(f"{name} {self.TYPES[kind.str]}" for name, (kind, *_) in rows.dtype.fields.items())
        # The binary row format is that of a packed numpy array; a file is how the embedded server takes it in.
        path = self.folder / "added.bin"
        rows.tofile(path)
        self.session.query(f"INSERT INTO {table} SELECT {columns} FROM file('{path}', 'RowBinary', '{types}')")
        path.unlink()

    def finish(self) -> None:
        for name in ("profiles", "usable", "events", "messages"):
            self.session.query(f"OPTIMIZE TABLE {name} FINAL")

    def size(self) -> int:
        (total,) = self.ask(
            "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()"
        )
        return int(total)

    def ask(self, sql: str) -> list[Any]:
        answer = self.session.query(f"{sql} SETTINGS max_threads = {THREADS}", "JSONCompactEachRow")
        return _row(str(answer))


def _row(text: str) -> list[Any]:
    """Sums come as text, since they may be too large for JSON's numbers."""
    return [int(value) if isinstance(value, str) and value.isdigit() else value for value in json.loads(text)]


STORES: dict[str, type[Store]] = {"duckdb": DuckDB, "clickhouse": ClickHouse}
