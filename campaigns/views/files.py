"""Tables of reports as files for spreadsheets, and how their numbers are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from retargeting.profiles.imports.files import csv_line


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def file_of(name: str, columns: Sequence[str], lines: Iterable[Sequence[str]]) -> HttpResponseBase:
    def text() -> Iterator[str]:
        yield "\ufeff" + csv_line(columns)  # spreadsheets take it for UTF-8 by the first character
        for line in lines:
            yield csv_line(line)

    return StreamingHttpResponse(
        text(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": content_disposition_header(True, f"{name}.csv")},
    )
