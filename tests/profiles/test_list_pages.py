"""Lists on the pages: found, filled by hand and by file, emptied with undo, deleted when nothing uses them."""

from __future__ import annotations

import csv
import io

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from retargeting.audiences.models import Segment
from retargeting.profiles import used
from retargeting.profiles.actions import add_member, remove_member
from retargeting.profiles.imports import running
from retargeting.profiles.models import ListImport, ListRemoval, Profile, ProfileList
from retargeting.profiles.urls import urlpatterns
from tests.profiles.uploads import imported, members, new_list, people, started, uploaded

pytestmark = pytest.mark.django_db

FRAGMENT = {"HX-Request": "true", "HX-Target": "list"}
NAMES = [pattern.name for pattern in urlpatterns if "list" in pattern.name or "import" in pattern.name]
WRITES = {"list-create", "list-rename", "list-delete", "list-add", "list-remove", "list-put-back", "list-upload"}
WRITES |= {"import", "import-cancel"}
POSTED = {"list-add", "list-remove", "list-put-back", "import-cancel"}


@pytest.fixture(autouse=True)
def _no_old_counts():
    cache.clear()


@pytest.fixture
def vip(db) -> ProfileList:
    people("ana", "ben", "cia")
    vip = new_list()
    imported(vip, "id\nana\nnobody\n")
    add_member(actor=None, profile_list=vip, profile=person("ben"))
    return vip


def person(name: str) -> Profile:
    return Profile.objects.get(external_id=name)


def address(name: str, vip: ProfileList) -> str:
    arguments = {"lists": [], "list-create": []}
    if name.startswith("import"):
        arguments[name] = [vip.imports.get().pk]
    return reverse(name, args=arguments.get(name, [vip.pk]))


def in_a_segment(vip: ProfileList, name: str = "Guests") -> Segment:
    tree = {"match": "all", "conditions": [{"kind": "list", "id": vip.pk, "member": True}]}
    return Segment.objects.create(name=name, audience=tree)


def test_a_visitor_is_sent_to_the_log_in(client, vip):
    for name in NAMES:
        for call in (client.get, client.post):
            response = call(address(name, vip))
            assert response.status_code == 302, name
            assert response.url.startswith(reverse("login"))


def test_a_viewer_reads_everything_and_writes_nothing(viewer_client, vip):
    for name in NAMES:
        data = {"profile": person("ana").pk, "person": "cia", "name": "Mine"}
        if name in WRITES:
            assert viewer_client.post(address(name, vip), data).status_code == 403, name
        if name not in WRITES - {"import"}:
            assert viewer_client.get(address(name, vip)).status_code == 200, name
    page = viewer_client.get(address("list", vip)).text
    for name in WRITES - {"list-create", "import", "import-cancel"}:
        assert address(name, vip) not in page, name
    assert set(members(vip)) == {"ana", "ben"}
    waiting = uploaded(vip, "id\nana\n")
    assert "Start" not in viewer_client.get(reverse("import", args=[waiting.pk])).text


def test_what_is_not_there_is_a_404_and_writes_are_posts(marketer_client, vip):
    for name in NAMES:
        url = address(name, vip)
        if any(character.isdigit() for character in url):
            gone = "/".join("999999999999" if part.isdigit() else part for part in url.split("/"))
            assert marketer_client.get(gone).status_code in {404, 405}, name
            assert marketer_client.post(gone).status_code in {404, 405}, name
        assert (marketer_client.get(url).status_code == 405) == (name in POSTED), name


def test_lists_are_searched_sorted_and_say_where_they_are_used(viewer_client, vip):
    in_a_segment(vip)
    new_list("Staff")
    page = viewer_client.get(reverse("lists"), {"sort": "-people"})
    assert [(row.name, row.size, places) for row, places in page.context["rows"]] == [
        ("VIP", 2, ["the segment Guests"]),
        ("Staff", 0, []),
    ]
    part = viewer_client.get(reverse("lists"), {"q": "sta"}, headers=FRAGMENT).text
    assert part.strip().startswith('<div id="list"')
    assert "Staff" in part
    assert "VIP" not in part
    assert "Nothing fits" in viewer_client.get(reverse("lists"), {"q": "zzz"}).text


def test_members_are_searched_narrowed_and_paged(viewer_client, vip):
    people(*(f"many-{number:03}" for number in range(120)))
    imported(vip, "id\n" + "".join(f"many-{number:03}\n" for number in range(120)))
    page = viewer_client.get(address("list", vip))
    assert "122 people" in page.text
    assert len(page.context["object_list"]) == 50
    assert "many-119" in viewer_client.get(address("list", vip), {"page": 3}).text
    for query, found in [
        ({"q": "many-01"}, 10), ({"q": "BEN@example.com"}, 1), ({"source": "manual"}, 1), ({"q": "cia"}, 0),
        ({"q": "\x00"}, 0), ({"source": "nonsense"}, 0),
    ]:  # fmt: skip
        page = viewer_client.get(address("list", vip), query)
        assert page.context["paginator"].count == found, query
        assert "122 people" in page.text


def test_a_list_is_created_renamed_and_deleted(marketer_client):
    response = marketer_client.post(reverse("list-create"), {"name": "Guests"})
    made = ProfileList.objects.get()
    assert response.url == reverse("list", args=[made.pk])
    assert "Nobody is on this list yet" in marketer_client.get(response.url).text
    assert "already exists" in marketer_client.post(reverse("list-create"), {"name": "Guests"}).text
    marketer_client.post(reverse("list-rename", args=[made.pk]), {"name": "Friends"})
    made.refresh_from_db()
    assert made.name == "Friends"
    assert "Delete Friends?" in marketer_client.get(reverse("list-delete", args=[made.pk])).text
    assert marketer_client.post(reverse("list-delete", args=[made.pk])).url == reverse("lists")
    assert not ProfileList.objects.exists()


def test_a_list_in_use_is_not_deleted_and_says_where_it_is_used(marketer_client, vip):
    segment = in_a_segment(vip)
    assert "the segment Guests" in marketer_client.get(address("list-delete", vip)).text
    page = marketer_client.post(address("list-delete", vip), follow=True).text
    assert "VIP was not deleted: this list is used in the segment Guests." in page
    assert used.places_of(vip) == ["the segment Guests"]
    segment.delete()
    marketer_client.post(address("list-delete", vip))
    assert not ProfileList.objects.exists()


@pytest.mark.parametrize("words", ["cia", " cia ", "CIA@example.com"])
def test_one_person_is_added_by_hand_by_external_id_or_email(marketer_client, vip, words):
    page = marketer_client.post(address("list-add", vip), {"person": words}, follow=True).text
    assert "Added cia to the list." in page
    assert members(vip)["cia"] == "manual"


def test_who_cannot_be_told_is_not_added(marketer_client, vip):
    people("dan", "eva", emails={"dan": "two@example.com", "eva": "two@example.com"})
    for words, said in [
        ("nobody", "There is nobody with"), ("", "Enter an external id"), ("\x00", "Null characters"),
        ("two@example.com", "Several people have that address: dan, eva."), ("x" * 300, "at most 255"),
    ]:  # fmt: skip
        assert said in marketer_client.post(address("list-add", vip), {"person": words}, follow=True).text
    assert set(members(vip)) == {"ana", "ben"}


def test_a_person_is_removed_with_undo(marketer_client, vip):
    data = {"profile": person("ana").pk}
    page = marketer_client.post(address("list-remove", vip), data, follow=True).text
    assert "Took ana off the list." in page
    assert "1 person was taken off by hand" in page
    assert list(members(vip)) == ["ben"]
    assert "ana" in marketer_client.get(address("list-removed", vip)).text
    page = marketer_client.post(address("list-put-back", vip), data, follow=True).text
    assert "ana is back on the list." in page
    assert members(vip)["ana"] == "upload"
    assert not ListRemoval.objects.exists()
    assert "nothing left to do" in marketer_client.post(address("list-put-back", vip), data, follow=True).text
    assert marketer_client.post(address("list-remove", vip), {"profile": "x"}).status_code == 404


def upload(client, vip: ProfileList, data: bytes, name: str = "people.csv"):
    return client.post(address("list-upload", vip), {"file": SimpleUploadedFile(name, data)}, follow=True)


def test_a_file_goes_from_the_upload_to_the_report(marketer_client, vip):
    page = upload(marketer_client, vip, b"Name;E-Mail\nC;cia@example.com\nX;=nobody\n")
    going = ListImport.objects.first()
    assert "columns cut by semicolon" in page.text
    assert page.context["form"]["column"].initial == 1
    assert page.context["form"]["key"].initial == "email"
    url = reverse("import", args=[going.pk])
    assert marketer_client.post(url, {"column": "9", "key": "email", "mode": "add"}).status_code == 200
    data = {"column": "1", "key": "email", "mode": "replace", "has_header": "on"}
    assert marketer_client.post(url, data).url == url

    polled = {"HX-Request": "true", "HX-Target": "progress"}
    part = marketer_client.get(url, headers=polled)
    assert part.text.strip().startswith('<section id="progress"')
    assert 'hx-trigger="every 1s"' in part.text
    assert "people.csv" in marketer_client.get(address("list", vip)).text
    running.run(import_id=going.pk)
    assert marketer_client.get(url, headers=polled)["HX-Refresh"] == "true"

    page = marketer_client.get(url).text
    assert "not in the file" in page
    assert "unknown person" in page
    assert members(vip) == {"ben": "manual", "cia": "upload"}
    report = marketer_client.get(reverse("import-rejected", args=[going.pk]))
    assert report["Content-Disposition"].startswith("attachment")
    rows = list(csv.reader(io.StringIO(b"".join(report.streaming_content).decode("utf-8-sig"))))
    assert rows == [["line", "value", "reason"], ["3", "'=nobody", "unknown person"]]
    assert "was started or canceled already" in marketer_client.post(url, data, follow=True).text


def test_how_many_were_left_out_is_said(marketer_client, vip):
    remove_member(actor=None, profile_list=vip, profile=person("ana"))
    waiting = uploaded(vip, "id\nana\n")
    assert "1 person was taken off by hand." in marketer_client.get(f"/audiences/uploads/{waiting.pk}/").text
    done = imported(vip, "id\nana\n")
    page = marketer_client.get(reverse("import", args=[done.pk])).text
    assert "taken off by hand earlier" in page


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "The file is empty."), (b"PK\x03\x04", "Excel"), (b"\n\n", "no lines"), (b"id\n\x00", "NUL byte")],
)
def test_a_file_that_is_none_is_refused_on_the_page(marketer_client, vip, data, said):
    assert said in upload(marketer_client, vip, data).text
    assert ListImport.objects.count() == 1


def test_no_file_at_all_is_refused(marketer_client, vip):
    assert "Choose a file first." in marketer_client.post(address("list-upload", vip), {}).text


def test_a_wrong_encoding_is_said_before_anything_starts(marketer_client, vip):
    page = upload(marketer_client, vip, "id,name\nana,Zoé\n".encode("cp1252")).text
    assert "This file is not UTF-8: line 2" in page
    assert "Windows-1252" in page


def test_an_upload_is_dropped_before_or_while_it_runs(marketer_client, vip):
    for going in (uploaded(vip, "id\ncia\n"), started(vip, "id\ncia\n")):
        page = marketer_client.post(reverse("import-cancel", args=[going.pk]), follow=True).text
        assert "Canceled the upload of people.csv. The list is as it was." in page
        assert "Canceled" in marketer_client.get(reverse("import", args=[going.pk])).text
    assert set(members(vip)) == {"ana", "ben"}


def test_a_failed_upload_says_why_and_that_nothing_changed(marketer_client, vip):
    failed = imported(vip, 'id\n"cia\n')
    page = marketer_client.get(reverse("import", args=[failed.pk])).text
    assert "never closed" in page
    assert "Nothing on the list has changed." in page


# A page makes this many queries, whatever the number of its rows. Raise a number only with a reason.
QUERIES = {"lists": 8, "list": 12, "list-removed": 5, "import": 4, "import-rejected": 3}


@pytest.mark.parametrize("name", QUERIES)
def test_a_page_makes_no_more_queries_for_more_rows(marketer_client, vip, name):
    people(*(f"many-{number}" for number in range(30)))
    imported(vip, "id\n" + "".join(f"many-{number}\nnix-{number}\n" for number in range(30)))
    for number in range(10):
        new_list(f"List {number}")
        in_a_segment(vip, f"Segment {number}")
        remove_member(actor=None, profile_list=vip, profile=person(f"many-{number}"))
    url = reverse(name, args=[] if name == "lists" else [vip.pk if "list" in name else vip.imports.all()[0].pk])
    marketer_client.get(url)  # what the sidebar counts is kept from here on
    with CaptureQueriesContext(connection) as queries:
        marketer_client.get(url)
    assert len(queries) <= QUERIES[name], "\n".join(query["sql"][:120] for query in queries)
