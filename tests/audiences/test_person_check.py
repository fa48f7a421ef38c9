"""A person against a segment, on the page of the person."""

from __future__ import annotations

import pytest
from django.test import Client

from retargeting.audiences import engine
from retargeting.audiences.models import Segment
from retargeting.conditions import codec
from retargeting.profiles.models import Profile
from tests.audiences.cast import PEOPLE, Cast, set_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db) -> Cast:
    return set_up()


@pytest.fixture
def openers(cast) -> Segment:
    target = {"type": "campaign", "ids": [cast.sale.pk]}
    row = {"kind": "message", "event": "opened", "target": target, "test": {"type": "occurred", "value": True}}
    return Segment.objects.create(name="Openers", audience={"match": "all", "conditions": [row]})


def address(name: str) -> str:
    return f"/people/{Profile.objects.get(external_id=name).pk}/"


def test_the_answer_is_that_of_the_segment(openers, viewer_client):
    members = engine.evaluate(codec.decode(openers.audience)).members
    for name in PEOPLE:
        page = viewer_client.get(address(name), {"segment": openers.pk})
        [card] = page.context["cards"]
        assert card.context["member"] is (Profile.objects.get(external_id=name).pk in members), name
    assert b"Would be in if they had opened Spring sale." in page.content
    assert b"did not open Spring sale" in page.content


def test_nothing_is_asked_before_a_segment_is_chosen(openers, viewer_client):
    for query in ("", "?segment=", "?segment=nonsense", "?segment=999999", "?segment=%00"):
        page = viewer_client.get(address("ana") + query)
        assert page.status_code == 200
        assert page.context["cards"][0].context["chosen"] is None
        assert b"Not in." not in page.content


def test_without_segments_there_is_no_question(cast, viewer_client):
    assert viewer_client.get(address("ana")).context["cards"] == []


def test_a_segment_of_something_that_is_gone_has_no_answer(openers, viewer_client):
    openers.audience["conditions"][0]["target"]["ids"] = [987654]
    openers.save()
    page = viewer_client.get(address("ana"), {"segment": openers.pk})
    assert b"refers to something that is gone" in page.content


def test_a_visitor_is_told_nothing(openers):
    answer = Client().get(address("ana"), {"segment": openers.pk})
    assert answer.status_code == 302
    assert answer.url.startswith("/login/")
