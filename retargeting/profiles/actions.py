"""Writes on people, their addresses and their consent."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from django.db import OperationalError, transaction
from django.utils import timezone
from psycopg.errors import DeadlockDetected, SerializationFailure

from retargeting.accounts.actions import Actor, note
from retargeting.accounts.models import Activity
from retargeting.conditions.reading import show
from retargeting.profiles import erasure, lists, upserting
from retargeting.profiles.models import Address, Profile, ProfileList, Suppression, SuppressionReason
from retargeting.profiles.validation import ItemError, Mistakes, ProfileItem, clean_external_id, clean_profile

_ATTEMPTS = 5
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
def erase(*, actor: Actor, profile: Profile) -> None:
    """Remove a person and every trace that names them; what was counted stays as a number that belongs to nobody.

    A suppression outlives its person: it says that an address must not be written to, whoever has it.
    """
    profile = Profile.objects.select_for_update().get(pk=profile.pk)
    addresses = profile.addresses.count()
    erasure.scrub_everywhere(profile.pk)
    nobody = Profile(pk=profile.pk, external_id="an erased person")
    Activity.objects.about(nobody).update(object_name=str(nobody))
    note(
        actor=actor,
        verb="erase",
        instance=nobody,
        summary=f"Erased a person with {addresses} address(es) and all data.",
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
    created.full_clean()
    created.save()
    note(actor=actor, verb="create", instance=created, summary=f"Created the list {name}.")
    return created


@transaction.atomic
def rename_list(*, actor: Actor, profile_list: ProfileList, name: str) -> ProfileList:
    profile_list = ProfileList.objects.select_for_update().get(pk=profile_list.pk)
    if (old := profile_list.name) != name:
        profile_list.name = name
        profile_list.full_clean()
        profile_list.save()
        note(actor=actor, verb="update", instance=profile_list, summary=f"Renamed the list {old} to {name}.")
    return profile_list


@transaction.atomic
def delete_list(*, actor: Actor, profile_list: ProfileList) -> None:
    """The people on it stay. Conditions that name it become errors that say so."""
    members = profile_list.members.count()
    summary = f"Deleted the list {profile_list} with {members:,} people on it."
    note(actor=actor, verb="delete", instance=profile_list, summary=summary)
    profile_list.delete()


@transaction.atomic
def change_members(
    *, actor: Actor, profile_list: ProfileList, add: Sequence[object] = (), remove: Sequence[object] = ()
) -> MembershipChanged:
    """Put people, named by external id, on a list and take others off; unknown ones are reported."""
    added, add_errors = _people(add)
    removed, remove_errors = _people(remove)
    for index, external_id in enumerate(remove):
        if isinstance(external_id, str) and external_id in added:
            remove_errors.append(ItemError(index, "", "This person is to be added as well."))
            removed.pop(external_id, None)
    changed = MembershipChanged(
        lists.add(profile_list.pk, list(added.values())),
        lists.remove(profile_list.pk, list(removed.values())),
        add_errors,
        remove_errors,
    )
    if changed.added or changed.removed:
        summary = f"Put {changed.added:,} people on the list {profile_list} and took {changed.removed:,} off."
        note(actor=actor, verb="update", instance=profile_list, summary=summary)
    return changed


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
