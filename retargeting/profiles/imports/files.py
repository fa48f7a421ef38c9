"""The uploaded bytes: what text they are, kept in the database in pieces of one size, dropped after the import."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from retargeting.profiles.imports.reading import BOMS, FileError, Records
from retargeting.profiles.models import ImportChunk, ListImport

PIECE = 256 * 1024
"""Bytes of a piece; positions in the file are counted in these, so it must not change while imports run."""
DELIMITERS = ",;\t"
SAMPLE_RECORDS = 20
MAX_COLUMNS = 200

NOT_TEXT = (
    (b"PK\x03\x04", "This is an Excel workbook or another zip file. Save the sheet as CSV and upload that."),
    (b"\xd0\xcf\x11\xe0", "This is an old Excel workbook. Save the sheet as CSV and upload that."),
    (b"\x1f\x8b", "This file is compressed. Unpack it and upload what is inside."),
    (b"%PDF", "This is a PDF. Upload a CSV file."),
)
NEGATIVE_NUMBER = re.compile(r"-\d+(\.\d+)?")


@dataclass
class Inspection:
    """Watches the bytes go by and says at the end which text they are. Raises FileError for what is none."""

    encoding: str = ""
    line: int = 1
    _bad_line: int | None = None
    _size: int = 0
    _decoder: codecs.IncrementalDecoder = field(default_factory=codecs.getincrementaldecoder("utf-8"))

    def look(self, piece: bytes) -> None:
        if not self._size:
            self._first(piece)
        self._size += len(piece)
        if self.encoding.startswith("utf-16"):
            return
        if b"\x00" in piece:
            line = self.line + piece.partition(b"\x00")[0].count(b"\n")
            raise FileError(
                f"Line {line:,} has a NUL byte, so this is not a text file in UTF-8. Save it as CSV (UTF-8)."
            )
        if self._bad_line is None:
            self._check(piece)
        self.line += piece.count(b"\n")

    def _first(self, piece: bytes) -> None:
        for start, what in NOT_TEXT:
            if piece.startswith(start):
                raise FileError(what)
        self.encoding = next((name for mark, name in BOMS.items() if piece.startswith(mark)), "")

    def _check(self, piece: bytes) -> None:
        try:
            self._decoder.decode(piece)
        except UnicodeDecodeError as error:
            # What the decoder held back from the piece before has no line end in it.
            self._bad_line = self.line + error.object[: error.start].count(b"\n")

    def finish(self) -> tuple[str, str]:
        """The encoding, and a warning in words, empty where there is nothing to look at."""
        if not self._size:
            raise FileError("The file is empty.")
        if self.encoding.startswith("utf-16"):
            return self.encoding, ""
        if self._bad_line is None:
            try:
                self._decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                self._bad_line = self.line
        if self._bad_line is None:
            return "utf-8", ""
        if self.encoding:
            raise FileError(
                f"The file says that it is UTF-8, but line {self._bad_line:,} is not. Save it again as UTF-8."
            )
        return "cp1252", (
            f"This file is not UTF-8: line {self._bad_line:,} has a byte that cannot be. It is read as Windows-1252 "
            "(Western European). If letters below look wrong, save it as UTF-8 and upload it again."
        )


def keep(list_import: ListImport, pieces: Iterable[bytes]) -> None:
    """Write the file down piece by piece and note on `list_import` what text it is. Raises FileError."""
    inspection = Inspection()
    size = 0
    for number, piece in enumerate(pieces):
        inspection.look(piece)
        size += len(piece)
        ImportChunk.objects.create(list_import=list_import, number=number, data=piece)
    list_import.size = size
    list_import.encoding, list_import.warning = inspection.finish()


def bytes_from(list_import: ListImport, position: int) -> Iterator[bytes]:
    """The file from a byte on, one piece in memory at a time."""
    number, skip = divmod(position, PIECE)
    while (piece := list_import.chunks.filter(number=number).values_list("data", flat=True).first()) is not None:
        yield bytes(piece)[skip:]
        number, skip = number + 1, 0


def sample(list_import: ListImport) -> list[list[str]]:
    """The first records, to be looked at; what is wrong further down shows up when it is reached."""
    rows: list[list[str]] = []
    try:
        for _, cells in records(list_import, position=0, line=0):
            rows.append(cells[:MAX_COLUMNS])
            if len(rows) >= SAMPLE_RECORDS:
                break
    except FileError:
        if not rows:
            raise
    return rows


def records(list_import: ListImport, *, position: int, line: int) -> Records:
    return Records(
        bytes_from(list_import, position),
        encoding=list_import.encoding,
        delimiter=list_import.delimiter,
        position=position,
        line=line,
    )


def delimiter_of(list_import: ListImport) -> str:
    """The character that cuts the first records into equally many columns, and into more than the others do."""
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        list_import.delimiter = delimiter
        try:
            widths = Counter(len(cells) for cells in sample(list_import))
        except FileError:
            continue
        width, times = max(widths.items(), key=lambda pair: (pair[1], pair[0]), default=(1, 0))
        score = (times / max(widths.total(), 1), width)
        if width > 1 and score > best_score:
            best, best_score = delimiter, score
    return best


def csv_line(cells: Iterable[str]) -> str:
    """A line of CSV for people's spreadsheets, which would run what starts like a formula. Numbers stay numbers."""
    line = io.StringIO()
    csv.writer(line).writerow(["'" + cell if _could_run(cell) else cell for cell in cells])
    return line.getvalue()


def _could_run(cell: str) -> bool:
    return cell.startswith(("=", "+", "-", "@", "\t")) and not NEGATIVE_NUMBER.fullmatch(cell)
