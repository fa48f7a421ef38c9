"""The report by language and domain, its files, and the limits that mailbox providers name."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from campaigns.health import findings
from campaigns.report import Report
from retargeting.audiences.engine import evaluate
from retargeting.conditions import codec
from retargeting.conditions.nodes import Interaction
from retargeting.interactions.ingest import record_message_events
from retargeting.messaging.deliveries import event_rows
from retargeting.messaging.models import Delivery
from retargeting.profiles.models import Address, Profile, ProfileList
from tests.campaigns.test_pages_report import page, people, sent  # noqa: F401  # fixtures

pytestmark = pytest.mark.django_db


def rows_of(response) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))


@pytest.fixture
def of_two_kinds(people):  # noqa: F811
    Profile.objects.filter(external_id__in=["p0", "p1", "p2"]).update(language="fr")
    Address.objects.filter(profile__external_id__in=["p0", "p5"]).update(address="x@Other.example")
    Address.objects.filter(profile__external_id="p5").update(address="y@other.example")


def test_by_language_each_person_is_in_one_row(of_two_kinds, sent, marketer_client):  # noqa: F811
    found = page(marketer_client, sent, "by/language/")
    rows = found.context["rows"]
    assert [(row.name, row.people["sent"]) for row, _ in rows] == [("not known", 5), ("fr", 3)]
    opened = found.context["columns"].index("opened") - 1
    assert [cells[opened] for _, cells in rows] == [("opened", 0, "0.0 %"), ("opened", 2, "66.7 %")]


def test_the_people_of_a_row_can_be_seen_and_followed_up(of_two_kinds, sent, people, marketer_client):  # noqa: F811
    shown = page(marketer_client, sent, "people/sent_not_opened/", by="language", value="fr")
    assert [person.external_id for person in shown.context["object_list"]] == ["p2"]
    url = f"/campaigns/{sent.pk}/follow-up/"
    answer = marketer_client.post(url, {"outcome": "sent_not_opened", "by": "language", "value": "fr"}, follow=True)
    draft = answer.context["campaign"]
    assert draft.follow_up_of == sent
    assert set(evaluate(codec.decode(draft.audience)).members) == {people[2].pk}
    again = marketer_client.post(url, {"outcome": "sent", "by": "language", "value": "fr"}, follow=True)
    assert len(evaluate(codec.decode(again.context["campaign"].audience)).members) == 3
    assert set(ProfileList.objects.values_list("name", flat=True)) == {
        "Spring sale, language fr",
        "Spring sale, language fr (2)",
    }


def test_there_are_no_people_and_no_follow_up_of_a_breakdown_that_is_not_there(sent, marketer_client):  # noqa: F811
    assert page(marketer_client, sent, "people/sent/", by="height", value="1").status_code == 404
    answer = marketer_client.post(f"/campaigns/{sent.pk}/follow-up/", {"outcome": "sent", "by": "height"})
    assert answer.status_code == 404


def test_by_provider_tells_who_was_to_send_it(sent, marketer_client):  # noqa: F811
    rows = page(marketer_client, sent, "by/provider/").context["rows"]
    assert [(row.name, row.people["sent"]) for row, _ in rows] == [("Sandbox (outbox page)", 8)]


def test_by_domain_capitals_do_not_matter_and_machines_can_be_counted(of_two_kinds, sent, marketer_client):  # noqa: F811
    rows = rows_of(page(marketer_client, sent, "by/domain/", **{"as": "csv", "opens": "all"}))
    at = rows[0].index("opened")
    assert [(row[0], row[1], row[at]) for row in rows[1:]] == [("example.com", "6", "2"), ("other.example", "2", "1")]


def test_by_the_time_of_sending_rows_are_in_their_order(sent, marketer_client, monkeypatch):  # noqa: F811
    begin = datetime(2026, 5, 1, 22, 30, tzinfo=UTC)
    for number, delivery in enumerate(Delivery.objects.filter(status="sent").order_by("pk")):
        Delivery.objects.filter(pk=delivery.pk).update(updated_at=begin + timedelta(hours=number % 3))
    rows = page(marketer_client, sent, "by/sent_at/").context["rows"]
    hours = ["2026-05-01 22:00", "2026-05-01 23:00", "2026-05-02 00:00"]
    assert [(row.name, row.people["sent"]) for row, _ in rows] == list(zip(hours, (3, 3, 2), strict=True))
    monkeypatch.setattr("campaigns.breakdown.MOST_HOURS", 2)
    rows = page(marketer_client, sent, "by/sent_at/").context["rows"]
    assert [(row.name, row.people["sent"]) for row, _ in rows] == [("2026-05-01", 6), ("2026-05-02", 2)]


def test_there_is_no_breakdown_by_anything_else(sent, marketer_client):  # noqa: F811
    assert page(marketer_client, sent, "by/height/").status_code == 404


def test_the_file_of_deliveries_has_a_line_for_each_person_and_why(sent, marketer_client):  # noqa: F811
    rows = rows_of(page(marketer_client, sent, "deliveries/file/"))
    assert rows[0][:6] == ["person", "address", "variant", "provider", "status", "reason"]
    assert len(rows) == 11
    assert sorted(row[0] for row in rows[1:] if row[4:6] == ["skipped", "no_address"]) == ["p8", "p9"]


def test_the_file_of_outcomes_says_the_numbers_of_the_page(sent, marketer_client):  # noqa: F811
    shown = page(marketer_client, sent, "")
    rows = rows_of(page(marketer_client, sent, "file/"))
    told = {row[0]: int(row[1]) for row in rows[1:]}
    assert rows[0] == ["outcome", "people", "share of sent"]
    assert told["matched"] == shown.context["report"].matched == 10
    assert {outcome.label: number for outcome, number in shown.context["outcomes"]}.items() <= told.items()
    assert told["skipped: no address"] == 2
    assert told["no delivery"] == 0
    assert ["opened", "2", "0.250000"] in rows


def test_the_file_over_time_has_every_hour_and_by_day_every_day(sent, people, marketer_client):  # noqa: F811
    rows = rows_of(page(marketer_client, sent, "over-time/file/"))
    assert rows[0] == ["from", "sent", "opened", "clicked"]
    assert [sum(int(row[column]) for row in rows[1:]) for column in (1, 2)] == [8, 2]
    dispatch = sent.runs.get().dispatch
    for days in (40, 3):
        late = timezone.now() + timedelta(days=days)
        record_message_events(event_rows(dispatch, Interaction.OPENED, [people[7].pk], at=late))
    rows = rows_of(page(marketer_client, sent, "over-time/file/"))
    assert [row[2] for row in rows[1:]] == ["2", "1", "1"]
    assert all("T00:00:00" in row[0] for row in rows[1:])


def test_the_breakdown_is_read_in_few_queries(of_two_kinds, sent, marketer_client, django_assert_max_num_queries):  # noqa: F811
    with django_assert_max_num_queries(40):
        page(marketer_client, sent, "by/domain/")


@pytest.mark.parametrize(
    ("complained", "levels"), [(0, []), (1, ["warning"]), (3, ["danger"])], ids=["none", "one", "three"]
)
def test_a_rate_above_a_limit_is_found(complained, levels):
    counted = Report(1000, {"sent": 1000, "complained": complained, "bounced": 19}, {}, {}, {}, {})
    assert [finding.level for finding in findings(counted)] == levels


def test_of_few_messages_no_rate_is_judged():
    assert findings(Report(50, {"sent": 50, "complained": 1, "bounced": 5}, {}, {}, {}, {})) == []
