"""The builder's answers and the pages of segments and lists, whole and in part."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from retargeting.audiences import engine
from retargeting.audiences.models import Segment
from retargeting.conditions.codec import decode
from retargeting.profiles.models import ListMember, Profile, ProfileList
from tests.audiences.cast import Cast, set_up
from tests.audiences.forms import submitted

pytestmark = pytest.mark.django_db

BUILDER = "/audiences/builder/?name=audience"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def cast(db) -> Cast:
    return set_up()


def not_opened(cast: Cast) -> dict:
    target = {"type": "campaign", "ids": [cast.sale.pk]}
    condition = {"kind": "message", "event": "opened", "target": target, "test": {"type": "occurred", "value": False}}
    return {"match": "all", "conditions": [condition]}


def country(operator: str = "is", value: str = "FR") -> dict:
    return {"kind": "attribute", "attribute": "country", "operator": operator, "value": value}


def segment_of(tree: dict, name: str = "Some") -> Segment:
    return Segment.objects.create(name=name, audience=tree)


def page_of(client: Client, segment: Segment) -> str:
    response = client.get(reverse("segment-edit", args=[segment.pk]))
    assert response.status_code == 200
    return response.content.decode()


def change(client: Client, html: str, url: str = BUILDER, **buttons: str) -> str:
    """What HTMX gets when the form of `html` is posted with one more name and value."""
    response = client.post(url, submitted(html, **buttons), content_type=FORM, headers={"HX-Request": "true"})
    assert response.status_code == 200
    return response.content.decode()


def total(html: str) -> str:
    found = re.search(r"data-total>(.*?)</div>", html)
    assert found
    return re.sub("<.*?>", "", found[1])


def counts(html: str) -> list[int]:
    return [int(number.replace(",", "")) for number in re.findall(r"data-count>([0-9,]+)<", html)]


def sentence(html: str) -> str:
    found = re.search(r'id="audience-sentence">(.*?)</div>', html, re.DOTALL)
    assert found
    return re.sub("<.*?>", "", found[1]).strip()


def first(html: str, kind: str) -> str:
    found = re.search(rf'name="audience-node" value="[0-9]:{kind}:([a-z0-9]+)"', html)
    assert found
    return found[1]


def test_the_page_and_the_fragment_show_what_the_engine_counts(marketer_client, cast):
    tree = not_opened(cast)
    html = page_of(marketer_client, segment_of(tree))
    members = engine.evaluate(decode(tree)).members
    assert total(html) == str(len(members)) == "2"
    assert counts(html) == [2, 2]
    assert sentence(html) == "In words. People who were sent Spring sale and did not open it."
    fragment = change(marketer_client, html)
    assert fragment.lstrip().startswith('<div class="builder"')
    assert "<html" not in fragment
    assert counts(fragment) == [2, 2]


def test_each_operation_is_answered_with_its_numbers(marketer_client, cast):
    html = page_of(marketer_client, segment_of(not_opened(cast)))
    html = change(marketer_client, html, **{"audience-op": f"add:{first(html, 'g')}"})
    assert "choose a campaign" in html
    assert total(html) == "2"
    assert "1 unfinished and left out" in html
    html = change(marketer_client, html, **{"audience-op": f"delete:{first(html, 'r')}"})
    assert total(html) == "–"
    html = change(marketer_client, html, **{"audience-op": "undo"})
    assert total(html) == "2"


def test_the_change_by_the_last_edit_is_told(marketer_client, cast):
    html = page_of(marketer_client, segment_of({"match": "any", "conditions": [country(), country(value="BE")]}))
    assert total(html) == "3"
    html = change(marketer_client, html, **{"audience-op": f"delete:{first(html, 'r')}"})
    assert total(html) == "1"
    assert "−2 by the last change" in html


def test_a_person_is_checked_row_by_row(marketer_client, cast):
    tree = not_opened(cast)
    tree["conditions"].append(country(value="BE"))
    html = page_of(marketer_client, segment_of(tree))
    for asked, outcome in (("ben", "In."), ("Ben@Example.org", "In."), ("cleo", "Not in."), ("ana", "Not in.")):
        checked = change(marketer_client, html, **{"audience-person": asked, "audience-op": "check"})
        assert outcome in re.sub("<.*?>", "", checked)
        assert checked.count('class="b-mark') == 2
        assert ("Would be in if country were BE." in checked) is (asked == "cleo")
    nobody = change(marketer_client, html, **{"audience-person": "zoe"})
    assert "There is nobody" in nobody


def test_a_picker_answers_a_search_without_an_evaluation(marketer_client, cast, django_assert_max_num_queries):
    html = page_of(marketer_client, segment_of(not_opened(cast)))
    control = f"audience-{first(html, 'r')}-campaign"
    url = f"{reverse('audience-builder-options')}?name=audience&control={control}"
    with django_assert_max_num_queries(7):
        response = marketer_client.post(
            url, submitted(html, **{f"{control}_search": "news"}), content_type=FORM, headers={"HX-Request": "true"}
        )
    labels = re.findall(r'picker-name">(.*?)<', response.content.decode())
    assert labels == ["Spring sale", "Newsletter"]  # the chosen one stays


def test_a_target_of_one_channel_offers_the_events_of_that_channel(marketer_client, cast):
    html = page_of(marketer_client, segment_of(not_opened(cast)))
    kinds = re.search(r'aria-label="What happened".*?</select>', html)
    assert kinds
    assert 'value="clicked"' in kinds[0]
    assert 'value="bounced"' not in kinds[0]


def test_without_javascript_a_button_shows_the_page_again_and_saves_nothing(marketer_client, cast):
    segment = segment_of(not_opened(cast))
    url = reverse("segment-edit", args=[segment.pk])
    html = page_of(marketer_client, segment)
    response = marketer_client.post(
        url, submitted(html, **{"audience-op": f"delete:{first(html, 'r')}"}), content_type=FORM
    )
    assert response.status_code == 200
    shown = response.content.decode().partition("<main")[2].partition("</main>")[0]
    assert "Deleted." in shown
    assert "notice-error" not in shown
    assert Segment.objects.get().audience == not_opened(cast)


def test_a_segment_is_created_changed_and_deleted(marketer_client, cast):
    html = marketer_client.get(reverse("segment-create")).content.decode()
    data = submitted(change(marketer_client, html, **{"audience-op": f"add:{first(html, 'g')}"}))
    form = QueryDict(data, mutable=True)
    row = first(change(marketer_client, html), "g") and next(
        entry.split(":")[2] for entry in form.getlist("audience-node") if ":r:" in entry
    )
    form[f"audience-{row}-what"], form[f"audience-{row}-campaign"] = "not_opened", str(cast.sale.pk)
    form["name"] = "Sleepers"
    response = marketer_client.post(reverse("segment-create"), form.urlencode(), content_type=FORM)
    assert response.status_code == 302
    segment = Segment.objects.get(name="Sleepers")
    assert segment.audience == not_opened(cast)
    listed = marketer_client.get(reverse("audiences")).content.decode()
    assert "Sleepers" in listed
    assert "People who were sent Spring sale and did not open it." in listed
    marketer_client.post(reverse("segment-delete", args=[segment.pk]))
    assert not Segment.objects.exists()


def test_an_unfinished_segment_is_not_saved(marketer_client, cast):
    html = marketer_client.get(reverse("segment-create")).content.decode()
    html = change(marketer_client, html, **{"audience-op": f"add:{first(html, 'g')}"})
    response = marketer_client.post(reverse("segment-create"), f"{submitted(html)}&name=Half", content_type=FORM)
    assert response.status_code == 200
    assert "One condition is not finished yet" in response.content.decode()
    assert not Segment.objects.exists()


def test_a_segment_in_use_is_not_deleted_and_says_where_it_is_used(marketer_client, cast):
    inner = segment_of({"match": "all", "conditions": [country()]}, "Inner")
    segment_of({"match": "all", "conditions": [{"kind": "segment", "id": inner.pk}]}, "Outer")
    url = reverse("segment-delete", args=[inner.pk])
    assert "the segment Outer" in marketer_client.get(url).content.decode()
    marketer_client.post(url)
    assert Segment.objects.filter(pk=inner.pk).exists()


def test_a_segment_cannot_come_to_contain_itself(marketer_client, cast):
    inner = segment_of({"match": "all", "conditions": [country()]}, "Inner")
    outer = segment_of({"match": "all", "conditions": [{"kind": "segment", "id": inner.pk}]}, "Outer")
    html = page_of(marketer_client, inner)
    form = QueryDict(submitted(html), mutable=True)
    row = first(html, "r")
    form[f"audience-{row}-what"], form[f"audience-{row}-segment"] = "segment", str(outer.pk)
    response = marketer_client.post(reverse("segment-edit", args=[inner.pk]), form.urlencode(), content_type=FORM)
    assert "would contain itself" in response.content.decode()
    inner.refresh_from_db()
    assert inner.audience["conditions"][0]["kind"] == "attribute"


def test_what_is_gone_is_said_at_its_row_and_the_rest_counts(marketer_client, cast):
    tree = not_opened(cast)
    tree["conditions"].append({"kind": "segment", "id": 4711})
    html = page_of(marketer_client, segment_of(tree))
    assert "segment 4711 does not exist" in html
    assert total(html) == "2"
    assert "Refers to something that is not there" in marketer_client.get(reverse("audiences")).content.decode()


def test_a_group_that_cannot_be_counted_leaves_its_rows_their_numbers(marketer_client, cast):
    html = page_of(marketer_client, segment_of({"match": "any", "conditions": [country(), country(value="BE")]}))
    form = QueryDict(submitted(html), mutable=True)
    root = first(html, "g")
    form[f"audience-{root}-match"], form[f"audience-{root}-at_least"] = "at_least", "5"
    response = marketer_client.post(BUILDER, form.urlencode(), content_type=FORM)
    html = response.content.decode()
    assert counts(html) == [2, 1]
    assert total(html) == "–"
    assert "1 to 2" in html


def test_a_viewer_turns_the_controls_and_saves_nothing(viewer_client, cast):
    segment = segment_of(not_opened(cast))
    html = page_of(viewer_client, segment)
    assert "Save segment" not in html
    assert total(change(viewer_client, html)) == "2"
    response = viewer_client.post(
        reverse("segment-edit", args=[segment.pk]), submitted(html, name="Mine"), content_type=FORM
    )
    assert response.status_code == 403
    assert viewer_client.post(reverse("segment-delete", args=[segment.pk])).status_code == 403
    assert Segment.objects.get().name == "Some"


ADDRESSES = [
    ("audiences", []),
    ("audience-try", []),
    ("audience-builder", []),
    ("audience-builder-options", []),
    ("segment-create", []),
    ("segment", [1]),
    ("segment-edit", [1]),
    ("segment-builder", [1]),
    ("segment-delete", [1]),
]


@pytest.mark.parametrize(("name", "arguments"), ADDRESSES)
def test_a_stranger_is_sent_to_the_log_in(client, db, name, arguments):
    for call in (client.get, client.post):
        assert call(reverse(name, args=arguments)).status_code in (302, 401, 403)


def test_a_list_shows_how_many_and_who(marketer_client, cast):
    made = ProfileList.objects.create(name="Guests")
    for person in Profile.objects.filter(external_id__in=["ana", "dan"]):
        ListMember.objects.create(list=made, profile=person)
    html = marketer_client.get(reverse("list", args=[made.pk])).content.decode()
    assert "2 people" in html
    assert "Guests" in marketer_client.get(reverse("lists")).content.decode()


# Posted nonsense.

LONG = "x" * 200_000
ROW = {"audience-node": ["1:g:a", "2:r:b"]}


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"audience-node": "nonsense"},
        {"audience-node": ["1:r:aa", "9:g:bb", "2:r:bb", "2:r:cc"]},
        {"audience-node": [f"{n % 9 + 1}:{'gr'[n % 2]}:n{n}" for n in range(2_000)]},
        {"audience-node": "1:g:a", "audience-a-match": "some", "audience-op": "add:a" * 1_000},
        ROW | {"audience-b-what": "\x00", "audience-b-": "", "audience--x": "\x00"},
        ROW | {"audience-b-campaign": ["0", "-1", "9" * 50, "x", "٣", "99999"]},
        ROW | {"audience-b-campaign_rest": "[" * 100_000},
        ROW | {"audience-b-campaign": "2147483648"},
        ROW | {"audience-b-campaign": "9" * 19},
        ROW | {"audience-b-what": "segment", "audience-b-segment": "9" * 19},
        ROW
        | {
            "audience-b-target": "automation",
            "audience-b-automation": "2147483648",
        },
        ROW
        | {
            "audience-b-target": "automation",
            "audience-b-automation": "1",
            "audience-b-step": ["\x00", '"\\ud800"'],
        },
        ROW | {"audience-b-target": "label", "audience-b-label": ["\x00", '"\\ud800"']},
        ROW
        | {
            "audience-b-target": "channel",
            "audience-b-channel": ["pigeon", "push"],
        },
        ROW
        | {
            "audience-b-target": "any",
            "audience-b-test": "count",
            "audience-b-n": "9" * 5_000,
        },
        ROW
        | {
            "audience-b-target": "any",
            "audience-b-test": "count",
            "audience-b-count": "between",
            "audience-b-low": "²",
            "audience-b-high": LONG,
        },
        ROW
        | {
            "audience-b-what": "attribute",
            "audience-b-attribute": "a\x00b",
            "audience-b-value": LONG,
        },
        ROW
        | {
            "audience-b-what": "attribute",
            "audience-b-attribute": "x",
            "audience-b-compare": "one_of",
            "audience-b-values": ["{", "[]", "null", "NaN", "1e999", '"\\ud800"', "9" * 400],
        },
        ROW
        | {
            "audience-b-what": "attribute",
            "audience-b-attribute": "x",
            "audience-b-compare": "before",
            "audience-b-date": "2026-02-31",
            "audience-b-date_time": "99:99",
        },
        ROW | {"audience-b-what": "event", "audience-b-filter": ["f", "f", "A B", "g"]},
        {"audience-node": "1:g:a", "audience-a-match": "at_least", "audience-a-at_least": "-3"},
        {"audience-node": "1:g:a", "audience-person": "\x00" + LONG, "audience-before": "9" * 30},
        {
            "audience-node": "1:g:a",
            "audience-undo": '["a",0,["b",{"what":[7,null,{}]},[["f",{}]]]]',
            "audience-op": "undo",
        },
        {"audience-node": "1:g:a", "audience-undo": "[" * 100_000, "audience-op": "undo"},
    ],
)
def test_posted_nonsense_is_answered_with_a_builder(marketer_client, cast, data):
    for url in (BUILDER, reverse("audience-try")):
        response = marketer_client.post(url, data)
        assert response.status_code == 200
        assert "data-builder" in response.content.decode()
    control = "audience-b-campaign"
    url = f"{reverse('audience-builder-options')}?name=audience&control={control}"
    assert marketer_client.post(url, data | {f"{control}_search": "\x00%_"}).status_code == 200


@pytest.mark.parametrize("query", ["", "name=", "name=%00", "name=a%20b", "name=" + "x" * 200, "name=<script>"])
def test_a_field_has_a_proper_name(marketer_client, query):
    assert marketer_client.post(f"/audiences/builder/?{query}").status_code == 404


def queries_of(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def test_the_list_asks_no_more_often_for_more_segments(marketer_client, cast):
    segment_of(not_opened(cast), "First")
    marketer_client.get(reverse("audiences"))
    few = queries_of(marketer_client, reverse("audiences"))
    for number in range(10):
        segment_of(not_opened(cast), f"Segment {number}")
    assert queries_of(marketer_client, reverse("audiences")) <= few


def test_more_rows_of_a_kind_ask_no_more_often_for_what_they_offer(marketer_client, cast):
    url = reverse("segment-edit", args=[segment_of(not_opened(cast)).pk])
    marketer_client.get(url)
    few = queries_of(marketer_client, url)
    many = segment_of({"match": "any", "conditions": not_opened(cast)["conditions"] * 20}, "Many")
    assert queries_of(marketer_client, reverse("segment-edit", args=[many.pk])) <= few
