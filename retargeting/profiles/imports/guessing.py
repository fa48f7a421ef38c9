"""What a file most likely is, for the form in which somebody confirms it."""

from __future__ import annotations

import re

from retargeting.profiles.imports.reading import FileError
from retargeting.profiles.models import ImportKey, ListImport

_EMAIL_NAMES = {"email", "emailaddress", "mail", "emails"}
_ID_NAMES = {"externalid", "id", "customerid", "userid", "profileid", "contactid", "personid", "customer", "user"}


def guess(list_import: ListImport, rows: list[list[str]]) -> None:
    """Note on `list_import` whether there is a header, and which column names the person. Raises FileError."""
    if not rows:
        raise FileError("The file has no lines with anything in them.")
    names = [re.sub(r"[^a-z]", "", cell.lower()) for cell in rows[0]]
    known = {ImportKey.EXTERNAL_ID: _ID_NAMES, ImportKey.EMAIL: _EMAIL_NAMES}
    named = [(column, key) for key, words in known.items() for column, name in enumerate(names) if name in words]
    list_import.has_header = bool(named) or not any("@" in cell for cell in rows[0])
    with_at = [(column, ImportKey.EMAIL) for column, cell in enumerate(rows[-1]) if "@" in cell]
    list_import.column, list_import.key = (named or with_at or [(0, ImportKey.EXTERNAL_ID)])[0]
