"""Uploads in tests: a list, a file, and a worker at hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from retargeting.profiles import actions
from retargeting.profiles.actions import create_list, start_import, upload_file
from retargeting.profiles.imports import files, running
from retargeting.profiles.models import ImportRejection, ListImport, ListMember, ProfileList


def people(*names: str, emails: dict[str, str] | None = None) -> None:
    emails = emails if emails is not None else {name: f"{name}@example.com" for name in names}
    items = [
        {
            "external_id": name,
            "addresses": [{"channel": "email", "address": emails[name]}] if name in emails else [],
        }
        for name in names
    ]
    assert not actions.upsert_profiles(actor=None, items=items).errors


def new_list(name: str = "VIP") -> ProfileList:
    return create_list(actor=None, name=name)


def in_pieces(data: bytes) -> Iterator[bytes]:
    return (data[at : at + files.PIECE] for at in range(0, len(data), files.PIECE))


def uploaded(to: ProfileList, data: bytes | str, *, actor: Any = None) -> ListImport:
    data = data.encode() if isinstance(data, str) else data
    return upload_file(actor=actor, profile_list=to, name="people.csv", pieces=in_pieces(data))


def started(to: ProfileList, data: bytes | str, **chosen: Any) -> ListImport:
    list_import = uploaded(to, data)
    guessed = {name: getattr(list_import, name) for name in ("column", "key", "mode", "has_header", "put_back")}
    start_import(actor=None, list_import=list_import, **{**guessed, **chosen})
    return list_import


def imported(to: ProfileList, data: bytes | str, *, batch: int = running.BATCH, **chosen: Any) -> ListImport:
    list_import = started(to, data, **chosen)
    running.run(import_id=list_import.pk, batch=batch)
    list_import.refresh_from_db()
    return list_import


def members(of: ProfileList) -> dict[str, str]:
    """external id → source"""
    rows = ListMember.objects.filter(list=of).order_by("profile__external_id")
    return dict(rows.values_list("profile__external_id", "source"))


def rejections(of: ListImport) -> list[tuple[int, str, str]]:
    return list(ImportRejection.objects.filter(list_import=of).values_list("line", "value", "reason"))
