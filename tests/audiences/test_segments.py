"""Segments: their page with number, sentence, trend and use; names, circles and deletion; the daily size."""

from __future__ import annotations

import threading
from datetime import UTC, date, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import close_old_connections, connection
from django.urls import reverse
from django.utils import timezone

from retargeting.audiences import tasks
from retargeting.audiences.actions import SegmentInUse, create_segment, delete_segment, update_segment
from retargeting.audiences.models import Segment, SegmentSize
from retargeting.audiences.used import places_of
from retargeting.conditions import codec
from retargeting.conditions.errors import ConditionErrors
from retargeting.queue import backlog
from retargeting.web.charts import Trend
from tests.audiences.cast import Cast, set_up

IN_FRANCE = {"kind": "attribute", "attribute": "country", "operator": "is", "value": "FR"}


@pytest.fixture
def cast(db) -> Cast:
    return set_up()


def tree(*conditions: dict) -> dict:
    return {"match": "all", "conditions": list(conditions)}


def inside(segment: Segment) -> dict:
    return {"kind": "segment", "id": segment.pk, "member": True}


def made(name: str, *conditions: dict) -> Segment:
    return create_segment(actor=None, name=name, audience=codec.decode(tree(*conditions)))


def keep(segment: Segment, **days: int) -> None:
    today = timezone.now().astimezone(UTC).date()
    for name, people in days.items():
        day = today - timedelta(days=int(name.removeprefix("ago_")))
        SegmentSize.objects.create(segment=segment, day=day, people=people, counted_at=timezone.now())


def test_the_page_tells_number_sentence_trend_and_use(viewer_client, cast):
    french = made("French", IN_FRANCE)
    made("Both", inside(french))
    keep(french, ago_30=5, ago_7=1, ago_1=2)
    page = viewer_client.get(reverse("segment", args=[french.pk]))
    assert page.context["count"] == 2
    assert page.context["changes"] == [(7, 1), (30, -3)]
    for said in ("People whose country is FR", "The segment Both", "−3", "People in French, by day", "<polyline"):
        assert said in page.text
    assert reverse("segment-delete", args=[french.pk]) not in page.text


def test_the_page_of_a_segment_that_cannot_be_counted_says_why(viewer_client, cast):
    broken = Segment.objects.create(name="Broken", audience=tree({"kind": "list", "id": 99, "member": True}))
    page = viewer_client.get(reverse("segment", args=[broken.pk])).text
    assert "It cannot be counted: list 99 does not exist." in page
    assert "list 99 does not exist" in viewer_client.get(reverse("audiences")).text


def test_the_size_is_kept_once_a_day_and_after_each_change(cast):
    waiting = backlog()
    french = made("French", IN_FRANCE)
    assert backlog() == waiting + 1
    tasks.count_segment(french.pk)
    tasks.count_segment(french.pk)
    size = SegmentSize.objects.get()
    assert (size.people, size.day) == (2, timezone.now().astimezone(UTC).date())
    update_segment(actor=None, segment=french, name="In France")
    assert backlog() == waiting + 1
    update_segment(actor=None, segment=french, audience=codec.decode(tree()))
    assert backlog() == waiting + 2
    tasks.count_segment(french.pk)
    assert SegmentSize.objects.get().people == 4


def test_the_clock_has_those_counted_that_have_no_size_today(cast):
    french, everyone = made("French", IN_FRANCE), made("Everyone")
    keep(french, ago_0=2)
    keep(everyone, ago_1=4)
    waiting = backlog()
    tasks.count_uncounted()
    assert backlog() == waiting + 1
    tasks.count_segment(everyone.pk)
    tasks.count_uncounted()
    assert backlog() == waiting + 1


def test_what_is_gone_or_refers_to_what_is_gone_has_no_size(cast):
    broken = Segment.objects.create(name="Broken", audience=tree({"kind": "list", "id": 99, "member": True}))
    tasks.count_segment(broken.pk)
    tasks.count_segment(broken.pk + 1)
    assert not SegmentSize.objects.exists()


def test_a_segment_takes_its_sizes_with_it_and_is_kept_while_used(cast):
    french = made("French", IN_FRANCE)
    keep(french, ago_0=2)
    outer = made("Both", inside(french))
    with pytest.raises(SegmentInUse, match="the segment Both"):
        delete_segment(actor=None, segment=french)
    delete_segment(actor=None, segment=outer)
    delete_segment(actor=None, segment=french)
    assert not SegmentSize.objects.exists()


def test_the_trigger_of_an_automation_is_a_use(cast):
    from automations.actions import create_automation
    from automations.graph.nodes import Definition, SegmentTrigger

    french = made("French", IN_FRANCE)
    trigger = SegmentTrigger(french.pk)
    create_automation(actor=None, name="Bonjour", definition=Definition(trigger=trigger))
    assert places_of(french) == ["the automation Bonjour"]


def test_a_circle_is_refused_by_name(cast):
    inner = made("Inner", IN_FRANCE)
    middle = made("Middle", inside(inner))
    outer = made("Outer", inside(middle))
    with pytest.raises(ConditionErrors, match="would contain itself: Inner → Outer → Middle → Inner"):
        update_segment(actor=None, segment=inner, audience=codec.decode(tree(inside(outer))))
    inner.refresh_from_db()
    assert inner.audience == tree(IN_FRANCE)


def test_a_name_that_is_taken_is_an_error_of_the_name(cast):
    made("French", IN_FRANCE)
    other = made("Other")
    with pytest.raises(ValidationError, match="of that name already"):
        made("French")
    with pytest.raises(ValidationError, match="of that name already"):
        update_segment(actor=None, segment=other, name="French")


@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_one_name_at_once_one_is_told():
    """Both look before either writes, as two forms on two screens do."""
    outcomes: list[str] = []
    together = threading.Barrier(2)

    def create() -> None:
        together.wait()
        try:
            made("Twins")
            outcomes.append("made")
        except ValidationError:
            outcomes.append("told")
        finally:
            connection.close()

    threads = [threading.Thread(target=create) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    close_old_connections()
    assert sorted(outcomes) == ["made", "told"]
    assert Segment.objects.count() == 1


def test_a_trend_passes_over_days_without_a_number():
    trend = Trend("People", "people", [(date(2026, 1, 1), 2), (date(2026, 1, 2), 4), (date(2026, 1, 5), 1)])
    assert trend.drawing().points == "0.0,100.0 180.0,0.0 720.0,150.0"
    assert [change for _, _, change in trend.rows()] == [-3, 2, None]
