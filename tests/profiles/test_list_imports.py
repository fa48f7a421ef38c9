"""From a file to a list: who is on it afterwards, what is reported, what a crash, a cancel and a second start do."""

from __future__ import annotations

import csv
from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retargeting.accounts.models import Activity
from retargeting.profiles import tasks
from retargeting.profiles.actions import (
    ImportMoved,
    add_member,
    cancel_import,
    change_members,
    create_list,
    delete_list,
    erase,
    put_member_back,
    remove_member,
    start_import,
)
from retargeting.profiles.imports import files, running
from retargeting.profiles.imports.reading import FileError
from retargeting.profiles.models import (
    ImportChunk,
    ImportMatch,
    ImportRejection,
    ImportStatus,
    ListImport,
    ListMember,
    Profile,
)
from retargeting.queue import backlog
from tests.profiles.uploads import imported, members, new_list, people, rejections, started, uploaded

pytestmark = pytest.mark.django_db


def person(name: str) -> Profile:
    return Profile.objects.get(external_id=name)


def test_people_of_a_column_are_added_and_every_other_line_is_reported():
    people("ana", "ben", "cia")
    vip = new_list()
    done = imported(vip, 'id;note\nana;x\nnobody;y\n;z\n" ben ";"two\nlines"\nana;again\n\nonly\n')
    assert (done.status, done.delimiter, done.encoding) == ("completed", ";", "utf-8")
    assert members(vip) == {"ana": "upload", "ben": "upload"}
    assert rejections(done) == [
        (3, "nobody", "unknown"),
        (4, "", "empty"),
        (7, "ana", "duplicate"),
        (9, "only", "unknown"),
    ]
    assert (done.records, done.matched, done.added, done.rejected) == (6, 2, 2, 4)
    assert ImportRejection.objects.get(line=7).detail == "first in line 2"
    assert not ImportChunk.objects.exists()
    assert not ImportMatch.objects.exists()
    line = Activity.objects.filter(object_type="profilelist").first()
    assert line.summary == "Added to the list VIP from people.csv: 2 added, 4 lines rejected."


def test_a_record_that_lacks_the_column_is_empty():
    people("ana")
    done = imported(new_list(), "name,id\nAna,ana\nBen\n", column=1)
    assert rejections(done) == [(3, "", "empty")]


def test_emails_find_people_however_they_are_spelled_and_ambiguous_ones_find_nobody():
    people("ana", "ben", "cia", emails={"ana": "ana@example.com", "ben": "two@example.com", "cia": "two@example.com"})
    vip = new_list()
    done = imported(vip, "name\tE-Mail\nA\tAna@Example.com \nB\ttwo@example.com\nC\tnix\nD\tana@example.com\n")
    assert (done.key, done.column, done.delimiter) == ("email", 1, "\t")
    assert members(vip) == {"ana": "upload"}
    assert rejections(done) == [
        (3, "two@example.com", "ambiguous"),
        (4, "nix", "unknown"),
        (5, "ana@example.com", "duplicate"),
    ]
    assert ImportRejection.objects.get(line=3).detail == "2 people have it"


def test_a_file_without_a_header_loses_no_line():
    people("ana", "ben")
    vip = new_list()
    done = imported(vip, "ana@example.com,Ana\nben@example.com,Ben\n")
    assert not done.has_header
    assert set(members(vip)) == {"ana", "ben"}


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfid,name\r\nzo\xc3\xa9,Zo\xc3\xa9\r\n",
        "\ufeffid;name\nzoé;Zoé\n".encode("utf-16-le"),
        "id\tname\rzoé\tZoé\r".encode("cp1252"),
        'id,name\n"zoé","Zoé, ""the"" one"'.encode(),
    ],
)
def test_files_of_any_program_give_the_same(data):
    people("zoé", emails={})
    vip = new_list()
    done = imported(vip, data)
    assert (list(members(vip)), done.rejected) == (["zoé"], 0)


@pytest.mark.parametrize("data", [b"\n\n", b"PK\x03\x04", b"id\n\x00\n"])
def test_a_file_that_is_none_is_refused(data):
    with pytest.raises(FileError):
        uploaded(new_list(), data)


def test_a_file_that_cannot_be_read_to_its_end_changes_nothing():
    people("ana", "ben")
    vip = new_list()
    done = imported(vip, 'id\nana\nnobody\n"ben\n', batch=1)
    assert (done.status, members(vip)) == ("failed", {})
    assert done.problem == "The quotation mark that opens in line 4 is never closed."
    assert not ImportMatch.objects.exists()
    assert not ImportRejection.objects.exists()
    assert not ImportChunk.objects.exists()


def test_replacing_takes_off_who_is_not_in_the_file_but_for_those_added_by_hand():
    people("ana", "ben", "cia", "dan")
    vip = new_list()
    change_members(actor=None, profile_list=vip, add=["ana", "ben"])
    imported(vip, "id\ncia\n")
    add_member(actor=None, profile_list=vip, profile=person("dan"))
    done = imported(vip, "id\nben\n", mode="replace")
    assert members(vip) == {"ben": "api", "dan": "manual"}
    assert (done.added, done.removed, done.unchanged) == (0, 2, 1)


def test_who_was_on_the_list_and_is_added_by_hand_stays_when_a_file_replaces_it():
    people("ana", "ben")
    vip = new_list()
    imported(vip, "id\nana\n")
    assert not add_member(actor=None, profile_list=vip, profile=person("ana"))
    imported(vip, "id\nben\n", mode="replace")
    assert members(vip) == {"ana": "manual", "ben": "upload"}


@pytest.mark.parametrize("mode", ["add", "replace"])
def test_who_was_taken_off_by_hand_stays_off_unless_the_marketer_says_so(mode):
    people("ana", "ben")
    vip = new_list()
    imported(vip, "id\nana\nben\n")
    assert remove_member(actor=None, profile_list=vip, profile=person("ana"))
    done = imported(vip, "id\nben\nana\n", mode=mode)
    assert (set(members(vip)), done.left_out, done.unchanged, done.rejected) == ({"ben"}, 1, 1, 0)
    assert rejections(done) == [(3, "ana", "taken_off")]
    done = imported(vip, "id\nana\nben\n", mode=mode, put_back=True)
    assert (set(members(vip)), done.left_out, done.added) == ({"ana", "ben"}, 0, 1)
    assert imported(vip, "id\nana\nben\n", mode=mode).left_out == 0


def test_undoing_a_removal_brings_the_membership_back_as_it_was():
    people("ana")
    vip = new_list()
    imported(vip, "id\nana\n")
    before = ListMember.objects.values("profile", "source", "added_at").get()
    remove_member(actor=None, profile_list=vip, profile=person("ana"))
    assert put_member_back(actor=None, profile_list=vip, profile=person("ana"))
    assert ListMember.objects.values("profile", "source", "added_at").get() == before
    assert not put_member_back(actor=None, profile_list=vip, profile=person("ana"))


def test_a_program_does_not_put_back_who_was_taken_off_by_hand_unless_it_says_so():
    people("ana", "ben")
    vip = new_list()
    change_members(actor=None, profile_list=vip, add=["ana"])
    remove_member(actor=None, profile_list=vip, profile=person("ana"))
    changed = change_members(actor=None, profile_list=vip, add=["ben", "ana", "x"])
    assert (changed.added, [error.item for error in changed.add_errors]) == (1, [1, 2])
    assert "put_back" in changed.add_errors[0].message
    assert change_members(actor=None, profile_list=vip, add=["ana"], put_back=True).added == 1
    change_members(actor=None, profile_list=vip, remove=["ana"])
    assert change_members(actor=None, profile_list=vip, add=["ana"]).added == 1


def test_an_import_broken_off_at_any_batch_goes_on_and_doubles_nothing():
    people(*(f"p{number}" for number in range(20)))
    vip = new_list()
    text = "id\n" + "".join(f"p{number % 25}\n" for number in range(40))
    going = started(vip, text)
    steps = 0
    while running.step(import_id=going.pk, batch=7):
        steps += 1
        assert not members(vip)
    going.refresh_from_db()
    assert (steps, going.status) == (6, "completed")
    assert (going.records, going.matched, going.rejected, going.added) == (40, 20, 20, 20)
    assert len(members(vip)) == 20
    assert len(set(ImportRejection.objects.values_list("line", flat=True))) == 20
    assert not running.step(import_id=going.pk)
    assert len(members(vip)) == 20


def test_canceling_in_the_middle_leaves_the_list_as_it_was():
    people("ana", "ben")
    vip = new_list()
    imported(vip, "id\nana\n")
    going = started(vip, "id\nben\nnobody\nben\n", mode="replace")
    assert running.step(import_id=going.pk, batch=2)
    cancel_import(actor=None, list_import=going)
    assert not running.step(import_id=going.pk)
    assert list(members(vip)) == ["ana"]
    assert not ImportChunk.objects.filter(list_import=going).exists()
    assert not ImportRejection.objects.filter(list_import=going).exists()
    with pytest.raises(ImportMoved):
        cancel_import(actor=None, list_import=going)


def test_an_upload_is_started_once_and_a_finished_one_is_not_canceled():
    people("ana")
    going = started(new_list(), "id\nana\n")
    chosen = {"column": 0, "key": "email", "mode": "replace", "has_header": False, "put_back": True}
    with pytest.raises(ImportMoved):
        start_import(actor=None, list_import=ListImport.objects.get(), **chosen)
    assert ListImport.objects.get().key == "external_id"
    running.run(import_id=going.pk)
    with pytest.raises(ImportMoved):
        cancel_import(actor=None, list_import=ListImport.objects.get())


def test_a_list_that_is_deleted_takes_its_import_with_it():
    people("ana")
    vip = new_list()
    going = started(vip, "id\nana\n")
    delete_list(actor=None, profile_list=vip)
    tasks.run_import(going.pk)
    assert not ListImport.objects.exists()
    assert not ImportChunk.objects.exists()


def test_an_import_whose_worker_died_is_woken_and_one_that_waits_is_not_woken_twice():
    going = started(new_list(), "id\nana\n")
    tasks.wake_forgotten_imports()
    queued = backlog()
    ListImport.objects.update(touched_at=timezone.now() - timedelta(minutes=2))
    tasks.wake_forgotten_imports()
    tasks.wake_forgotten_imports()
    assert backlog() == queued + 1
    tasks.run_import(going.pk)
    assert ListImport.objects.get().status == ImportStatus.COMPLETED


def test_files_that_nobody_started_and_old_reports_are_dropped():
    vip = new_list()
    old, young = uploaded(vip, "id\nana\n"), uploaded(vip, "id\nana\n")
    report = imported(vip, "id\nana\n")
    ListImport.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=2))
    tasks.forget_old_uploads()
    assert ImportRejection.objects.count() == 1
    ListImport.objects.filter(pk=report.pk).update(finished_at=timezone.now() - timedelta(days=31))
    tasks.forget_old_uploads()
    assert not ImportRejection.objects.exists()
    states = dict(ListImport.objects.values_list("pk", "status"))
    assert states == {old.pk: "canceled", young.pk: "uploaded", report.pk: "completed"}
    assert set(ImportChunk.objects.values_list("list_import", flat=True)) == {young.pk}


def test_an_erased_person_is_in_no_report_and_on_no_list():
    people("ana", "ben", "cia", emails={"ben": "same@example.com", "cia": "same@example.com"})
    vip = new_list()
    imported(vip, "id\nana\n ana \nben\n")
    imported(vip, "email\nSame@example.com\n")
    remove_member(actor=None, profile_list=vip, profile=person("ben"))
    half_way = started(vip, "id\nana\nben\n")
    running.step(import_id=half_way.pk)
    for name in ("ana", "ben"):
        erase(actor=None, profile=person(name))
    assert not ImportRejection.objects.exists()
    running.run(import_id=half_way.pk)
    half_way.refresh_from_db()
    assert (half_way.status, members(vip)) == ("completed", {})


def test_every_state_of_an_import_has_a_way_out_or_is_an_end():
    assert set(ListImport.STATES.moves) == set(ImportStatus.values)
    for status in ImportStatus.values:
        assert ListImport.STATES.is_final(status) == (status in {"completed", "failed", "canceled"})


def test_two_lists_of_one_name_are_refused_in_words():
    new_list("VIP")
    with pytest.raises(Exception, match="already exists"):
        create_list(actor=None, name="VIP")


NAMES = ["a", "b", "B", "c d", "é", '"q"', "x,y", "1;2", "nobody", "nix", "", " ", " a ", "0"]
KNOWN = ["a", "b", "B", "c d", "é", '"q"', "x,y", "1;2", "0", "on the list", "by hand", "off"]
CELLS = st.sampled_from([*NAMES, "by hand", "off", "on the list"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(CELLS, st.sampled_from(["", "x", "two\nlines", "a,b;c\td", '"'])), min_size=1, max_size=30
    ),
    swapped=st.booleans(),
    delimiter=st.sampled_from(",;\t"),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    mode=st.sampled_from(["add", "replace"]),
    put_back=st.booleans(),
    batch=st.integers(1, 7),
)
def test_a_random_file_gives_what_a_plain_reading_of_it_gives(
    db, rows, swapped, delimiter, line_end, encoding, mode, put_back, batch
):
    Profile.objects.all().delete()
    people(*KNOWN, emails={})
    vip = new_list(f"List {ListImport.objects.count()} {timezone.now().timestamp()}")
    change_members(actor=None, profile_list=vip, add=["on the list", "off"])
    add_member(actor=None, profile_list=vip, profile=person("by hand"))
    remove_member(actor=None, profile_list=vip, profile=person("off"))
    out = _File()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerows(row[::-1] if swapped else row for row in [("id", "note"), *rows])

    going = started(vip, out.text.encode(encoding), column=int(swapped), mode=mode, put_back=put_back)
    assert going.delimiter == delimiter
    running.run(import_id=going.pk, batch=batch)
    going.refresh_from_db()

    asked = [name if name in KNOWN else name.strip() for name, _ in rows]
    named = {name for name in asked if name in KNOWN}
    left_out = {"off"} & named if not put_back else set()
    before = {"on the list", "by hand"}
    kept = before if mode == "add" else {"by hand"}
    assert set(members(vip)) == kept | (named - left_out)
    reasons = [reason for _, _, reason in rejections(going)]
    assert reasons.count("empty") == sum(not name for name in asked)
    assert reasons.count("unknown") == sum(bool(name) and name not in KNOWN for name in asked)
    assert reasons.count("duplicate") == sum(name in KNOWN for name in asked) - len(named)
    assert (going.status, going.left_out, going.records) == ("completed", len(left_out), len(rows))
    assert (going.added, going.unchanged) == (len(named - left_out - before), len(named & before))


class _File:
    text = ""

    def write(self, text: str) -> None:
        self.text += text


def test_a_report_does_not_run_in_a_spreadsheet():
    assert files.csv_line(["-0.25", "-1+1", "-"]) == "-0.25,'-1+1,'-\r\n"
    assert files.csv_line(["1", "=1+1", "a,b"]) == '1,\'=1+1,"a,b"\r\n'
