"""What ours is held against."""

from __future__ import annotations

import time

import django
from django.db import OperationalError, connection

from benchmarks.as_orm import Orm
from benchmarks.as_sql import texts
from benchmarks.columns import Store
from benchmarks.engine import Answer, Engine
from benchmarks.world import World

GIVE_UP_SECONDS = 180
"""A question of the ORM that takes longer is stopped by the database, and reported so."""


class OrmSql(Engine):
    """The SQL of the ORM's QuerySets, each as one count()."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.orm = Orm(world)
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = '{GIVE_UP_SECONDS}s'")

    def measure(self, name: str, mode: str) -> Answer:
        started = time.perf_counter()
        answer = self.orm.ask(name)
        count = len(answer) if isinstance(answer, set) else answer.count()
        return {"ms": (time.perf_counter() - started) * 1000, "count": count}

    def ids(self, name: str) -> tuple[int, int]:
        answer = self.orm.ask(name)
        ids = answer if isinstance(answer, set) else set(answer.order_by().values_list("pk", flat=True))
        return len(ids), sum(ids)

    def handle(self, question: Answer) -> Answer:
        try:
            return super().handle(question)
        except OperationalError as error:
            if "statement timeout" not in str(error):
                raise
            return {"ms": GIVE_UP_SECONDS * 1000, "gave_up": True}

    def about(self) -> Answer:
        return {"version": django.get_version()}


class Columns(Engine):
    """A columnar store over the same events."""

    def __init__(self, world: World, store: Store) -> None:
        super().__init__(world)
        self.store = store
        self.built = store.folder / "built"
        self.texts = texts(world)

    def build(self) -> None:
        self.store.build(self.world)
        self.built.touch()

    def measure(self, name: str, mode: str) -> Answer:
        started = time.perf_counter()
        (count,) = self.store.ask(f"SELECT count(*) FROM ({self.texts[name]}) AS people")
        return {"ms": (time.perf_counter() - started) * 1000, "count": count}

    def ids(self, name: str) -> tuple[int, int]:
        text = self.texts[name]
        column = "id" if text.startswith("SELECT id") else "profile_id"
        count, total = self.store.ask(f"SELECT count(*), sum({column}) FROM ({text}) AS people")
        return count, int(total or 0)

    def handle(self, question: Answer) -> Answer:
        if question["do"] == "build":
            started = time.perf_counter()
            fresh = not self.built.exists()
            if fresh:
                self.build()
            return {"built": fresh, "seconds": time.perf_counter() - started}
        return super().handle(question)

    def about(self) -> Answer:
        return {"version": self.store.version(), "sizes": {"all": self.store.size()}}
