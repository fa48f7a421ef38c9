"""Records of odd files: against Python's own reader, whatever the pieces, and from any record on."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retargeting.profiles.imports.files import Inspection
from retargeting.profiles.imports.reading import FileError, Records

ENCODINGS = {"utf-8": "utf-8", "utf-8-sig": "utf-8", "utf-16-le": "utf-16-le", "cp1252": "cp1252"}
BITS = st.sampled_from(["a", "é", "7", '"', '""', ",", ";", "\t", "\n", "\r", "\r\n", " ", "@"])
TEXTS = st.lists(BITS, max_size=40).map("".join)


def cut(data: bytes, size: int, start: int = 0) -> list[bytes]:
    return [data[at : at + size] for at in range(start, len(data), size)]


def reference(text: str, delimiter: str) -> list[list[str]] | None:
    """None for a file whose last quotation mark is not closed."""
    try:
        list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "unexpected end" in str(error):
            return None
    reader = csv.reader(io.StringIO(text + "\nend", newline=""), delimiter=delimiter)
    *rows, last = reader
    return [row for row in rows if row] if last == ["end"] else None


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.sampled_from(",;\t"), st.sampled_from(sorted(ENCODINGS)), st.integers(1, 9), st.data())
def test_records_are_those_of_a_plain_reader_and_can_be_gone_on_with_anywhere(text, delimiter, encoding, size, data):
    raw = text.encode(encoding)
    options = {"encoding": ENCODINGS[encoding], "delimiter": delimiter}
    expected = reference(text, delimiter)
    found, places = [], []
    records = Records(cut(raw, size), **options)
    try:
        for line, cells in records:
            found.append((line, cells))
            places.append((records.position, records.line))
    except FileError:
        assert expected is None
        return
    assert [cells for _, cells in found] == expected
    if not found:
        return
    assert [line for line, _ in found] == sorted({line for line, _ in found})
    at = data.draw(st.integers(0, len(found) - 1))
    position, line = places[at]
    assert list(Records(cut(raw, size, position), position=position, line=line, **options)) == found[at + 1 :]


def test_a_record_over_several_lines_has_the_number_of_its_first():
    data = b'id,note\r\n1,"two\r\nlines"\r\n\r\n2,x'
    lines = [line for line, _ in Records([data], encoding="utf-8", delimiter=",")]
    assert lines == [1, 2, 5]


def test_a_quotation_mark_that_is_never_closed_is_named():
    with pytest.raises(FileError, match="line 3 is never closed"):
        list(Records([b'id\n1\n"2\n3\n4\n'], encoding="utf-8", delimiter=","))


def test_an_endless_value_and_an_endless_line_are_refused_without_reading_on():
    def endless(start: bytes, bit: bytes):
        yield start
        for _ in range(1_000):
            yield bit * 1_000
        raise AssertionError("read on")

    with pytest.raises(FileError, match="Line 2 cannot be read"):
        list(Records(endless(b'id\n"', b"x\n"), encoding="utf-8", delimiter=","))
    with pytest.raises(FileError, match="Line 2 is longer than"):
        list(Records(endless(b"id\n", b"xy"), encoding="utf-8", delimiter=","))


def inspected(data: bytes, size: int = 3) -> tuple[str, str]:
    inspection = Inspection()
    # The first bytes tell what kind of file it is: they come together.
    for piece in [data[:8], *cut(data, size, 8)]:
        inspection.look(piece)
    return inspection.finish()


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"id\nana\n", "utf-8"),
        ("\ufeffid\nané\n".encode(), "utf-8"),
        ("id,name\n1,Zoé 😀\n".encode(), "utf-8"),
        ("\ufeffid\nana\n".encode("utf-16-le"), "utf-16-le"),
        ("\ufeffid\nana\n".encode("utf-16-be"), "utf-16-be"),
    ],
)
def test_the_encoding_is_told(data, encoding):
    assert inspected(data) == (encoding, "")


def test_what_is_not_utf_8_is_read_as_windows_1252_with_a_warning_that_names_the_line():
    encoding, warning = inspected("id,name\n1,Ana\n2,Zoé\n".encode("cp1252"))
    assert encoding == "cp1252"
    assert "line 3" in warning
    assert inspected("id,name\n1,Ana\n2,Zoé".encode("cp1252"))[0] == "cp1252"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK\x03\x04rest", "Excel"),
        (b"\xd0\xcf\x11\xe0rest", "Excel"),
        (b"%PDF-1.7", "PDF"),
        (b"\x1f\x8b\x08", "compressed"),
        (b"id\n1\n2\x00\n", "Line 3 has a NUL byte"),
        ("\ufeffid\nana\n".encode() + b"\xe9\n", "line 3 is not"),
    ],
)
def test_what_is_no_text_is_refused_in_words(data, message):
    with pytest.raises(FileError, match=message):
        inspected(data)


def test_bytes_that_the_encoding_does_not_have_are_reported_with_their_line():
    with pytest.raises(FileError, match="Line 3 is not Windows-1252"):
        list(Records([b"id\n1\n\x81\n4\n"], encoding="cp1252", delimiter=","))
    with pytest.raises(FileError, match="Line 2 is not UTF-16"):
        list(Records(["id\n1".encode("utf-16-le") + b"\x00"], encoding="utf-16-le", delimiter=","))
