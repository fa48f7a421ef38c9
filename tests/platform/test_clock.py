from __future__ import annotations

import psycopg
import pytest
from django.db import connection

from retargeting import clock
from retargeting.clock import LEADER_LOCK, Duty
from tests.drills.processes import wait_until


@pytest.fixture
def duties(monkeypatch) -> dict[str, Duty]:
    """A clock without the product's duties."""
    found: dict[str, Duty] = {}
    monkeypatch.setattr(clock, "_duties", found)
    return found


def test_a_duty_is_called_when_its_time_has_come_and_not_before(duties):
    calls: list[str] = []

    def often() -> None:
        calls.append("often")

    def seldom() -> None:
        calls.append("seldom")

    clock.every(0, often)
    clock.every(3600, seldom)
    clock.tick()
    clock.tick()
    assert calls == ["often", "seldom", "often"]


def test_a_duty_that_fails_does_not_stop_the_others(duties, caplog):
    calls: list[str] = []

    def broken() -> None:
        raise ValueError("no")

    def sound() -> None:
        calls.append("sound")

    clock.every(0, broken)
    clock.every(0, sound)
    clock.tick()
    assert calls == ["sound"]
    assert "broken" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_of_two_clocks_one_leads_and_the_other_takes_over():
    parameters = connection.get_connection_params()
    parameters = {name: parameters[name] for name in ("dbname", "user", "host") if parameters.get(name)}
    with psycopg.connect(**parameters, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [LEADER_LOCK])
        assert clock._leads() is False
    wait_until(clock._leads, seconds=10)  # a session ends a moment after its connection does
    assert clock._leads() is True, "and it keeps the lead without taking the lock again"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
            " WHERE datname = current_database() AND locktype = 'advisory' AND objid = %s",
            [LEADER_LOCK],
        )
        assert cursor.fetchone() == (1,)
    connection.close()
