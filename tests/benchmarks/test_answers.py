"""All who are measured answer the same, on a small world that is loaded, folded and thinned as the large ones are.

DuckDB and ClickHouse take part where requirements/bench.txt is installed, and are not asked where it is not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from benchmarks.as_orm import Orm
from benchmarks.as_sql import texts
from benchmarks.columns import STORES
from benchmarks.copying import drop_indexes
from benchmarks.engine import Engine
from benchmarks.generate import load
from benchmarks.ours import Ours
from benchmarks.rivals import Columns, OrmSql
from benchmarks.shapes import cut_days, shapes
from benchmarks.world import World
from retargeting.interactions.models import Arrival, Bucket
from retargeting.interactions.partitions import CUSTOM_EVENTS, MESSAGE_EVENTS

WORLD = World(2_000, seed=3)
SMALLER = World(600, seed=4)
NAMES = [shape.name for shape in shapes(WORLD)]
LIBRARIES = {"duckdb": "duckdb", "clickhouse": "chdb"}


@contextlib.contextmanager
def in_database(world: World, **options) -> Iterator[None]:
    """Committed, as folding and indexes on connections of their own need it; taken back by emptying all tables."""
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(timezone, "now", lambda: world.until)
            load(world, **options)
            yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {MESSAGE_EVENTS}, {CUSTOM_EVENTS}")
        call_command("flush", verbosity=0, interactive=False)


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker) -> Iterator[World]:
    with django_db_blocker.unblock(), in_database(WORLD):
        yield WORLD


@pytest.fixture(scope="module")
def ours(world) -> Ours:
    return Ours(world)


def answers(engine: Engine) -> dict[str, tuple[int, int]]:
    return {shape.name: engine.ids(shape.name) for shape in shapes(engine.world)}


def test_every_shape_is_asked_of_everybody():
    assert set(texts(WORLD)) == set(NAMES)
    assert all(callable(getattr(Orm(WORLD), name)) for name in NAMES)


def test_everybody_gives_the_same_people(ours, tmp_path):
    expected = answers(ours)
    assert {name for name, (count, _) in expected.items() if not 0 < count < WORLD.people} == set()
    others: list[Engine] = [OrmSql(WORLD)]
    others += [Columns(WORLD, STORES[name](tmp_path / name)) for name in LIBRARIES if find_spec(LIBRARIES[name])]
    for other in others:
        if isinstance(other, Columns):
            other.build()
        assert answers(other) == expected


def test_each_person_alone_is_told_the_same(ours):
    assert ours.check_people(60)["shapes"] == len(NAMES)


def test_the_public_count_is_what_is_measured(ours):
    for shape in shapes(WORLD):
        for mode in ("cold", "warm", *(["after"] if shape.after else [])):
            measured = ours.measure(shape.name, mode)
            assert measured["count"] == ours.ids(shape.name)[0]
            assert 0 < measured["evaluation_ms"] < measured["ms"] + 0.1


def test_everything_is_folded_and_indexed_as_the_migrations_say(world):
    assert Bucket.objects.exists()
    assert not Arrival.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_indexes WHERE tablename = %s", [MESSAGE_EVENTS])
        (before,) = cursor.fetchone()
        dropped = drop_indexes(MESSAGE_EVENTS)
        cursor.execute("SELECT count(*) FROM pg_indexes WHERE tablename = %s", [MESSAGE_EVENTS])
        assert (before, len(dropped), cursor.fetchone()[0]) == (6, 5, 1)
        for index in dropped:
            cursor.execute(index.make)


@pytest.mark.django_db(transaction=True)
def test_without_most_of_its_rows_a_world_answers_the_same():
    with in_database(SMALLER):
        expected = answers(Ours(SMALLER))
    with in_database(SMALLER, keep=cut_days(SMALLER)):
        assert answers(Ours(SMALLER)) == expected
