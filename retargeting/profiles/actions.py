"""Writes on people, their addresses and their consent, and on fixed lists of people."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone
from psycopg.errors import DeadlockDetected, LockNotAvailable, SerializationFailure, UniqueViolation

from retargeting.accounts.actions import Actor, note
from retargeting.accounts.models import Activity, User
from retargeting.conditions.reading import show
from retargeting.profiles import erasure, lists, upserting, used
from retargeting.profiles.imports import files, guessing, running
from retargeting.profiles.models import (
    Address,
    ImportRejection,
    ImportStatus,
    ListImport,
    MemberSource,
    Profile,
    ProfileList,
    Suppression,
    SuppressionReason,
)
from retargeting.profiles.validation import ItemError, Mistakes, ProfileItem, clean_external_id, clean_profile
from retargeting.queue import enqueue

_ATTEMPTS = 5
CANCEL_WAIT = "5s"
"""Longer than a batch of an upload takes, shorter than somebody looks at a page that does not answer."""
T = TypeVar("T")


class Upserted(NamedTuple):
    created: int
    updated: int
    errors: list[ItemError]


def upsert_profiles(*, actor: Actor, items: Sequence[object]) -> Upserted:
    """Create people or add to what is known of them: good items are stored, the others reported.

    Items are as in the API (see `validation.clean_profile`). Of two items with one external id the first is stored.
    Leaves no Activity line: this is a feed, not a decision, and would drown those.
    """
    good: dict[str, ProfileItem] = {}
    errors: list[ItemError] = []
    for index, item in enumerate(items):
        mistakes = Mistakes()
        clean = clean_profile(item, mistakes)
        if clean is None:
            errors += mistakes.in_batch(index)
        elif clean.external_id in good:
            errors.append(ItemError(index, "/external_id", "An earlier item of this batch has the same external id."))
        else:
            good[clean.external_id] = clean
    created = _with_retries(lambda: upserting.store(list(good.values()))) if good else 0
    return Upserted(created, len(good) - created, errors)


def _with_retries(write: Callable[[], T]) -> T:
    """Run an atomic write again when the database broke it off in favour of a concurrent one."""
    for attempt in range(_ATTEMPTS):
        try:
            with transaction.atomic():
                return write()
        except OperationalError as error:
            if not isinstance(error.__cause__, DeadlockDetected | SerializationFailure) or attempt == _ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0.01, 0.05) * 2**attempt)  # noqa: S311 - spreads the contenders, keeps no secret
    raise AssertionError("the last attempt returns or raises")


@transaction.atomic
def set_attributes(*, ids: Sequence[int], values: Mapping[str, Any]) -> int:
    """Give all of these people the same attributes; None takes one away. Returns how many that changed.

    What a rule does to many leaves no Activity line each; whoever made the rule left one.
    """
    given = json.dumps({name: value for name, value in values.items() if value is not None}, ensure_ascii=False)
    removed = [name for name, value in values.items() if value is None]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH held AS (
                SELECT id, (attributes || %s::jsonb) - %s::text[] AS attributes
                FROM profiles_profile WHERE id = ANY(%s) ORDER BY external_id FOR NO KEY UPDATE
            )
            UPDATE profiles_profile AS known SET attributes = held.attributes, updated_at = statement_timestamp()
            FROM held WHERE known.id = held.id AND known.attributes <> held.attributes
            """,
            [given, removed, list(ids)],
        )
        return cursor.rowcount


@transaction.atomic
def erase(*, actor: Actor, profile: Profile) -> None:
    """Remove a person and every trace that names them; what was counted stays as a number that belongs to nobody.

    A suppression outlives its person: it says that an address must not be written to, whoever has it.
    """
    profile = Profile.objects.select_for_update().get(pk=profile.pk)
    addresses = list(profile.addresses.values_list("address", flat=True))
    ImportRejection.objects.about([profile.external_id, *addresses]).delete()
    erasure.scrub_everywhere(profile.pk)
    nobody = Profile(pk=profile.pk, external_id="an erased person")
    Activity.objects.about(nobody).update(object_name=str(nobody))
    note(
        actor=actor,
        verb="erase",
        instance=nobody,
        summary=f"Erased a person with {len(addresses)} address(es) and all data.",
    )
    profile.delete()


@transaction.atomic
def set_subscription(*, actor: Actor, address: Address, subscribed: bool) -> bool:
    """Open or close one address; whether that changed anything. What people do themselves has no actor and no line."""
    changed = (
        Address.objects.filter(pk=address.pk)
        .exclude(subscribed=subscribed)
        .update(subscribed=subscribed, updated_at=timezone.now())
    )
    address.subscribed = subscribed
    if changed and actor is not None:
        verb = "Subscribed" if subscribed else "Unsubscribed"
        summary = f"{verb} one {address.get_channel_display()} address."
        note(actor=actor, verb="update", instance=address.profile, summary=summary)
    return bool(changed)


@transaction.atomic
def suppress(*, actor: Actor, channel: str, address: str, reason: str = SuppressionReason.MANUAL) -> Suppression:
    """Never write to this address again. The first reason stays."""
    suppression, created = Suppression.objects.get_or_create(
        channel=channel, address=address, defaults={"reason": reason}
    )
    if created and actor is not None:
        summary = f"Suppressed {address} on {suppression.get_channel_display()}: {suppression.get_reason_display()}."
        note(actor=actor, verb="create", instance=suppression, summary=summary)
    return suppression


@transaction.atomic
def unsuppress(*, actor: Actor, channel: str, address: str) -> bool:
    """Allow writing to this address again; whether it was suppressed."""
    suppression = Suppression.objects.select_for_update().filter(channel=channel, address=address).first()
    if suppression is None:
        return False
    if actor is not None:
        summary = f"Lifted the suppression of {address} on {suppression.get_channel_display()}."
        note(actor=actor, verb="delete", instance=suppression, summary=summary)
    suppression.delete()
    return True


class ListInUse(Exception):
    """The list is part of conditions; `places` says of which."""

    def __init__(self, places: list[str]) -> None:
        self.places = places
        super().__init__(f"this list is used in {', '.join(places)}")


class ImportMoved(Exception):
    """Somebody was quicker: the upload is not in the state any more in which this can be done to it."""


class MembershipChanged(NamedTuple):
    """The indexes of `add_errors` are those of `add`, and so for `remove`."""

    added: int
    removed: int
    add_errors: list[ItemError]
    remove_errors: list[ItemError]


@transaction.atomic
def create_list(*, actor: Actor, name: str) -> ProfileList:
    """Raises ValidationError when the name is empty or taken."""
    created = ProfileList(name=name)
    _save_list(created)
    note(actor=actor, verb="create", instance=created, summary=f"Created the list {name}.")
    return created


@transaction.atomic
def rename_list(*, actor: Actor, profile_list: ProfileList, name: str) -> ProfileList:
    profile_list = ProfileList.objects.select_for_update().get(pk=profile_list.pk)
    if (old := profile_list.name) != name:
        profile_list.name = name
        _save_list(profile_list)
        note(actor=actor, verb="update", instance=profile_list, summary=f"Renamed the list {old} to {name}.")
    return profile_list


def _save_list(profile_list: ProfileList) -> None:
    """Of two people who choose one name at once, the second is told as whoever comes later."""
    profile_list.full_clean()
    try:
        with transaction.atomic():
            profile_list.save()
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        raise ValidationError({"name": "There is a list of that name already."}) from error


@transaction.atomic
def delete_list(*, actor: Actor, profile_list: ProfileList) -> None:
    """Delete a list that no condition refers to; raises ListInUse otherwise. The people on it stay."""
    if places := used.places_of(profile_list):
        raise ListInUse(places)
    # In the order in which an import takes them: first itself, then the list.
    list(ListImport.objects.filter(list=profile_list).order_by("pk").select_for_update())
    lists.lock(profile_list.pk)
    members = profile_list.members.count()
    summary = f"Deleted the list {profile_list} with {members:,} people on it."
    note(actor=actor, verb="delete", instance=profile_list, summary=summary)
    profile_list.delete()


@transaction.atomic
def change_members(
    *,
    actor: Actor,
    profile_list: ProfileList,
    add: Sequence[object] = (),
    remove: Sequence[object] = (),
    put_back: bool = False,
) -> MembershipChanged:
    """Put people, named by external id, on a list and take others off; unknown ones are reported.

    So are those whom somebody took off by hand, unless they are to be put back.
    """
    lists.lock(profile_list.pk)
    added, add_errors = _people(add)
    removed, remove_errors = _people(remove)
    for index, external_id in enumerate(remove):
        if isinstance(external_id, str) and external_id in added:
            remove_errors.append(ItemError(index, "", "This person is to be added as well."))
            removed.pop(external_id, None)
    if not put_back:
        add_errors = sorted([*add_errors, *_left_out(profile_list, add, added)])
    changed = MembershipChanged(
        lists.add(profile_list.pk, list(added.values()), MemberSource.API),
        lists.remove(profile_list.pk, list(removed.values())),
        add_errors,
        remove_errors,
    )
    if changed.added or changed.removed:
        summary = f"Put {changed.added:,} people on the list {profile_list} and took {changed.removed:,} off."
        note(actor=actor, verb="update", instance=profile_list, summary=summary)
    return changed


def _left_out(profile_list: ProfileList, add: Sequence[object], added: dict[str, int]) -> Iterable[ItemError]:
    """Takes those out of `added` whom somebody took off the list by hand, and says so of each."""
    taken_off = lists.taken_off_by_hand(profile_list.pk, list(added.values()))
    for index, external_id in enumerate(add):
        if isinstance(external_id, str) and added.get(external_id) in taken_off:
            del added[external_id]
            yield ItemError(index, "", 'Taken off this list by hand; "put_back": true adds such people all the same.')


def _people(external_ids: Sequence[object]) -> tuple[dict[str, int], list[ItemError]]:
    """Those who exist, and what is wrong with the rest. To name somebody twice is no mistake."""
    errors: list[ItemError] = []
    good: dict[str, int] = {}
    for index, external_id in enumerate(external_ids):
        mistakes = Mistakes()
        if clean := clean_external_id(external_id, mistakes):
            good.setdefault(clean, index)
        errors += mistakes.in_batch(index)
    found = lists.held_ids(good)
    errors += [
        ItemError(index, "", f"There is no profile {show(external_id)}.")
        for external_id, index in good.items()
        if external_id not in found
    ]
    return found, sorted(errors)


@transaction.atomic
def add_member(*, actor: Actor, profile_list: ProfileList, profile: Profile) -> bool:
    """Put one person on the list by hand; they stay when an upload replaces the members.

    Returns whether they were not on it.
    """
    lists.lock(profile_list.pk)
    added = bool(lists.add(profile_list.pk, [profile.pk], MemberSource.MANUAL))
    if added:
        note(actor=actor, verb="update", instance=profile_list, summary=f"Put a person on the list {profile_list}.")
    return added


@transaction.atomic
def remove_member(*, actor: Actor, profile_list: ProfileList, profile: Profile) -> bool:
    """Take one person off by hand: they stay off until they are put back. Whether they were on it."""
    lists.lock(profile_list.pk)
    removed = bool(lists.remove_by_hand(profile_list.pk, [profile.pk]))
    if removed:
        note(actor=actor, verb="update", instance=profile_list, summary=f"Took a person off the list {profile_list}.")
    return removed


@transaction.atomic
def put_member_back(*, actor: Actor, profile_list: ProfileList, profile: Profile) -> bool:
    """Undo a removal by hand; whether there was one."""
    lists.lock(profile_list.pk)
    restored = bool(lists.restore(profile_list.pk, [profile.pk]))
    if restored:
        summary = f"Put a person back on the list {profile_list}."
        note(actor=actor, verb="update", instance=profile_list, summary=summary)
    return restored


@transaction.atomic
def upload_file(*, actor: Actor, profile_list: ProfileList, name: str, pieces: Iterable[bytes]) -> ListImport:
    """Keep a file, in pieces of `files.PIECE` bytes, until its column is chosen. Raises FileError for what is none.

    Leaves no Activity line: nothing is decided yet.
    """
    list_import = ListImport.objects.create(
        list=profile_list, file_name=name[:200], size=0, created_by=actor if isinstance(actor, User) else None
    )
    files.keep(list_import, pieces)
    list_import.delimiter = files.delimiter_of(list_import)
    guessing.guess(list_import, files.sample(list_import))
    list_import.save()
    return list_import


@transaction.atomic
def start_import(
    *, actor: Actor, list_import: ListImport, column: int, key: str, mode: str, has_header: bool, put_back: bool
) -> None:
    """Let a worker go through the file. Raises ImportMoved, or FileError where there is no line to go through."""
    records = files.records(list_import, position=0, line=0)
    if has_header:
        next(records, None)
    started = ListImport.STATES.transition(
        list_import,
        ImportStatus.RUNNING,
        position=records.position,
        line=records.line,
        touched_at=timezone.now(),
        column=column,
        key=key,
        mode=mode,
        has_header=has_header,
        put_back=put_back,
    )
    if not started:
        raise ImportMoved(f"The upload of {list_import.file_name} was started or canceled already.")
    summary = f"Started the upload of {list_import.file_name} to the list {list_import.list}."
    note(actor=actor, verb="update", instance=list_import.list, summary=summary)
    enqueue("retargeting.profiles.tasks.run_import", list_import.pk)


@transaction.atomic
def cancel_import(*, actor: Actor, list_import: ListImport) -> None:
    """Drop an upload; the list stays as it is. Raises ImportMoved where it has come to its end, or just does."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [CANCEL_WAIT])
            canceled = ListImport.STATES.transition(list_import, ImportStatus.CANCELED, finished_at=timezone.now())
            cursor.execute("SELECT set_config('lock_timeout', '0', true)")
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        raise ImportMoved(f"The people of {list_import.file_name} are being put on the list right now.") from error
    if not canceled:
        raise ImportMoved(f"The upload of {list_import.file_name} has ended already.")
    running.drop_everything(list_import)
    summary = f"Canceled the upload of {list_import.file_name} to the list {list_import.list}, which stays as it was."
    note(actor=actor, verb="update", instance=list_import.list, summary=summary)
