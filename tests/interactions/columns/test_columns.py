"""Custom events in columns: few pieces however they come, nothing left of the erased, checked against the rows."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from retargeting.interactions.columns import pieces
from retargeting.interactions.columns.pieces import Key
from retargeting.interactions.index.checking import differences
from retargeting.interactions.index.folding import fold_all
from retargeting.interactions.index.rebuilding import rebuild
from retargeting.interactions.ingest import CustomEventRow, record_custom_events
from retargeting.interactions.models import Arrival, EventPiece, EventValue
from retargeting.interactions.reading import PropertyTest, Window, snapshot
from retargeting.profiles.actions import erase
from retargeting.profiles.models import Profile

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 7, 9, 13, 30, tzinfo=UTC)
ALWAYS = Window()


def row(profile: int, properties: dict[str, object], moment: datetime = NOW, name: str = "bought") -> CustomEventRow:
    return CustomEventRow(uuid.uuid4(), profile, name, properties, moment)


def people(*tests: PropertyTest, window: Window = ALWAYS, low: int = 1, name: str = "bought") -> set[int]:
    with snapshot() as events:
        return set(events.people_with_event(name, window, where=tests, low=low))


def has(name: str, value: object) -> PropertyTest:
    return PropertyTest(name, "coalesce(value = %s::jsonb, false)", (json.dumps(value),))


def lacks(name: str) -> PropertyTest:
    return PropertyTest(name, "value IS NULL", ())


def test_rows_and_columns_answer_alike_and_a_value_that_came_later_counts():
    record_custom_events([row(1, {"shop": "Paris", "value": 10}), row(2, {"shop": "paris"}), row(3, {})])
    before = people(has("shop", "Paris")), people(has("value", 10)), people(lacks("value"))
    fold_all()
    assert not Arrival.objects.exists()
    assert (people(has("shop", "Paris")), people(has("value", 10)), people(lacks("value"))) == before
    assert before == ({1}, {1}, {2, 3})
    record_custom_events([row(4, {"shop": "Paris"}), row(4, {"shop": "Rome", "value": 10})])
    assert people(has("shop", "Paris")) == {1, 4}
    assert people(has("shop", "Paris"), has("value", 10)) == {1}
    fold_all()
    assert people(has("shop", "Paris")) == {1, 4}
    assert people(has("shop", "Paris"), has("value", 10)) == {1}
    assert people(low=2) == {4}
    assert people(name="visited") == set()


def test_a_window_cuts_a_piece_to_the_microsecond():
    tick = timedelta(microseconds=1)
    record_custom_events([row(1, {}, NOW - tick), row(2, {}, NOW), row(3, {}, NOW + tick), row(4, {}, NOW)])
    fold_all()
    assert people(window=Window(NOW, NOW + tick)) == {2, 4}
    assert people(window=Window(NOW)) == {2, 3, 4}
    assert people(window=Window(end=NOW)) == {1}
    assert people(window=Window(NOW + 2 * tick)) == set()


def test_a_day_that_comes_in_many_folds_has_few_pieces():
    for number in range(1, 65):
        record_custom_events([row(number, {"n": number} if number % 9 == 0 else {"m": "same"})])
        fold_all()
    assert EventPiece.objects.count() <= 7
    assert sum(EventPiece.objects.values_list("events", flat=True)) == 64
    assert EventValue.objects.count() == 7 + 1
    assert people(has("n", 27)) == {27}
    assert people(has("m", "same")) == {number for number in range(1, 65) if number % 9}
    assert list(differences()) == []


def test_what_was_there_before_is_folded_in_portions(monkeypatch):
    monkeypatch.setattr("retargeting.interactions.columns.folding.MOST_AT_ONCE", 10)
    for number in range(7):
        record_custom_events([row(number + 1, {"n": number}) for _ in range(4)])
    assert fold_all() == 28
    assert people(low=4) == set(range(1, 8))
    assert list(differences()) == []


def test_a_property_that_is_another_for_each_event_costs_a_fold_no_more_for_each():
    """Not the square of them: each of 40,000 values looked for among all would take half a minute."""
    record_custom_events([row(number, {"order": number, "note": f"order {number}"}) for number in range(1, 20_001)])
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '10s'")
        try:
            fold_all()
        finally:
            cursor.execute("RESET statement_timeout")
    assert people(has("order", 777)) == people(has("note", "order 777")) == {777}


def test_what_a_property_is_called_and_has_for_a_value_are_told_apart():
    record_custom_events([row(1, {"a": "b", "a\x1f": "b"}), row(2, {"a": {"a": "b"}}), row(3, {"b": "b"})])
    fold_all()
    assert EventValue.objects.count() == 4
    assert people(has("a", "b")) == people(has("a\x1f", "b")) == {1}
    assert people(has("b", "b")) == {3}


def test_values_of_somebody_who_is_erased_are_nowhere_any_more(owner):
    ana, ben = (Profile.objects.create(external_id=name) for name in ("ana", "ben"))
    record_custom_events([row(ana.pk, {"note": "for Ana", "shop": "Paris"}), row(ben.pk, {"shop": "Paris"})])
    fold_all()
    record_custom_events([row(ana.pk, {"note": "again for Ana"})])
    fold_all()
    record_custom_events([row(ana.pk, {"note": "not folded yet"})])
    erase(actor=owner, profile=ana)
    assert [value.value for value in EventValue.objects.all()] == ["Paris"]
    stored = pieces.load([Key(*key) for key in EventPiece.objects.values_list("name_id", "day", "number")])
    assert [piece.profiles.tolist() for piece in stored.values()] == [[ben.pk]]
    fold_all()
    assert [value.value for value in EventValue.objects.all()] == ["Paris"]
    assert people(has("shop", "Paris")) == {ben.pk}
    assert list(differences()) == []


def test_what_is_wrong_with_columns_is_found_and_made_good(capsys):
    record_custom_events([row(number, {"n": number % 3}, NOW - timedelta(days=number)) for number in range(1, 60)])
    fold_all()
    call_command("check_index")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE interactions_eventvalue SET value = '7' WHERE code = 1")
        cursor.execute("DELETE FROM interactions_eventpiece WHERE first_at = %s", [NOW - timedelta(days=1)])
    with pytest.raises(CommandError):
        call_command("check_index")
    said = capsys.readouterr().out
    assert "2026-07-08: the events 'bought' differ" in said
    assert "the property 'n' of 'bought' differ" in said
    assert sum(events for _, events in rebuild()) == 59
    call_command("check_index")
    assert people(has("n", 0)) == set(range(3, 60, 3))
