"""The report by language and domain, its files, and the limits that mailbox providers name."""

from __future__ import annotations

import csv
import io

import pytest

from campaigns.health import findings
from campaigns.report import Report
from retargeting.profiles.models import Address, Profile
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
    assert [(value, number) for value, number, _ in found.context["rows"]] == [("not known", 5), ("fr", 3)]
    opened = found.context["columns"].index("opened") - 1
    assert [cells[opened] for _, _, cells in found.context["rows"]] == [(0, "0.0 %"), (2, "66.7 %")]


def test_by_domain_capitals_do_not_matter_and_machines_can_be_counted(of_two_kinds, sent, marketer_client):  # noqa: F811
    rows = rows_of(page(marketer_client, sent, "by/domain/", **{"as": "csv", "opens": "all"}))
    at = rows[0].index("opened")
    assert [(row[0], row[1], row[at]) for row in rows[1:]] == [("example.com", "6", "2"), ("other.example", "2", "1")]


def test_there_is_no_breakdown_by_anything_else(sent, marketer_client):  # noqa: F811
    assert page(marketer_client, sent, "by/height/").status_code == 404


def test_the_file_of_deliveries_has_a_line_for_each_person_and_why(sent, marketer_client):  # noqa: F811
    rows = rows_of(page(marketer_client, sent, "deliveries/file/"))
    assert rows[0][:4] == ["person", "address", "status", "reason"]
    assert len(rows) == 11
    assert sorted(row[0] for row in rows[1:] if row[2:4] == ["skipped", "no_address"]) == ["p8", "p9"]


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
