"""Records of a CSV file from a stream of bytes, with the place where each ends, so that reading can go on there.

Never more than a piece, a line and a record are in memory. What makes the rest of a file unreadable is a FileError;
a record that merely lacks a column is the business of whoever reads it.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator

BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
NAMES = {"utf-8": "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "cp1252": "Windows-1252"}
MAX_LINE = 1_000_000
MARK = "\ufeff"

_LINE_END = re.compile(r"\r\n|\r|\n")


class FileError(Exception):
    """The file cannot be read, or not further; the message is for the person who uploaded it."""


class Records:
    """Iterate over (number of its first line, cells); blank lines are no records.

    After each, `position` (bytes) and `line` tell where the next one starts.
    """

    def __init__(
        self, pieces: Iterable[bytes], *, encoding: str, delimiter: str, position: int = 0, line: int = 0
    ) -> None:
        self.position, self.line = position, line
        self._encoding = encoding
        self._pieces = pieces
        self._taken: list[str] = []
        self._ended = False
        self._reader = csv.reader(self._take(), delimiter=delimiter)

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        return self

    def __next__(self) -> tuple[int, list[str]]:
        while True:
            try:
                cells = next(self._reader)
            except csv.Error as error:
                raise FileError(
                    f"Line {self.line + 1:,} cannot be read: a value in it is longer than "
                    f"{csv.field_size_limit():,} characters. Is a quotation mark not closed?"
                ) from error
            first, taken = self.line + 1, self._taken
            if self._ended:
                # A record that is complete leaves it to the next one to find the end of the file.
                raise FileError(f"The quotation mark that opens in line {first:,} is never closed.")
            self._taken = []
            self.line += len(taken)
            self.position += sum(len(line.encode(self._encoding)) for line in taken)
            if cells:
                return first, cells

    def _take(self) -> Iterator[str]:
        """Lines for the reader; it takes as many as the next record has."""
        for line in self._lines():
            self._taken.append(line)
            # The mark at the start belongs to the bytes of the file, but not to its first column's name.
            yield line.removeprefix(MARK) if self.position == 0 and len(self._taken) == 1 else line
        self._ended = True

    def _lines(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder(self._encoding)()
        rest, line = "", self.line
        for piece in self._pieces:
            rest += self._decoded(decoder, piece, line, rest)
            end = 0
            for found in _LINE_END.finditer(rest):
                # A carriage return at the very end may be the first half of a line end.
                if found.end() == len(rest) and found[0] == "\r":
                    break
                start, end = end, found.end()
                line += 1
                yield rest[start:end]
            rest = rest[end:]
            if len(rest) > MAX_LINE:
                raise FileError(f"Line {line + 1:,} is longer than {MAX_LINE:,} characters. Is this a CSV file?")
        rest += self._decoded(decoder, b"", line, rest, final=True)
        yield from filter(None, re.split(r"(?<=\r)(?!\n)|(?<=\n)", rest))

    def _decoded(
        self, decoder: codecs.IncrementalDecoder, piece: bytes, line: int, rest: str, *, final: bool = False
    ) -> str:
        try:
            return decoder.decode(piece, final)
        except UnicodeDecodeError as error:
            before = rest + error.object[: error.start].decode(self._encoding, "ignore")
            number = line + 1 + len(_LINE_END.findall(before))
            name = NAMES[self._encoding]
            raise FileError(f"Line {number:,} is not {name}. Save the file as UTF-8 and upload it again.") from error
