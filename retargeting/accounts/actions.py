"""Writes on accounts, and the one way to note who did what."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.db import models, transaction
from django.utils import timezone

from retargeting.accounts.models import Activity, ApiKey, Role, Scope, User

EDITING_PAUSE = timedelta(minutes=10)
"""Two changes further apart than this are two edits."""

Actor = User | ApiKey | None
"""Who acts: somebody signed in, a program, or None for the system itself."""


def note(*, actor: Actor, verb: str, instance: models.Model, summary: str) -> Activity:
    """Write one Activity line about `instance`; call it inside the transaction that makes the change."""
    return Activity.objects.create(
        user=actor if isinstance(actor, User) else None,
        api_key=actor if isinstance(actor, ApiKey) else None,
        verb=verb,
        object_type=instance._meta.model_name or "",
        object_id=str(instance.pk),
        object_name=str(instance)[:255],
        summary=summary,
    )


def note_changes(
    *, actor: Actor, instance: models.Model, noun: str, before: Mapping[str, str], after: Mapping[str, str]
) -> None:
    """Write what differs between two descriptions of `instance` in words; nothing where nothing does.

    A page that saves as one types would fill the list. So as long as somebody goes on editing the same thing, and
    nothing else happens to it, their line grows: it tells from what to what, without the steps between.
    """
    changes = {what: [old, after[what]] for what, old in before.items() if after[what] != old}
    if not changes:
        return
    last = Activity.objects.about(instance).select_for_update().order_by("-at", "-id").first()
    line = (
        last
        if last is not None and _goes_on(last, actor)
        else note(actor=actor, verb="update", instance=instance, summary="")
    )
    for what, (old, new) in changes.items():
        line.changes[what] = [line.changes.get(what, [old])[0], new]
    line.changes = {what: pair for what, pair in line.changes.items() if pair[0] != pair[1]}
    told = "; ".join(f"{what} from {old} to {new}" for what, (old, new) in line.changes.items())
    line.summary = f"Changed the {noun} {instance}: {told or 'nothing, in the end'}"
    line.object_name = str(instance)[:255]
    line.at = timezone.now()
    line.save(update_fields=["changes", "summary", "object_name", "at"])


def _goes_on(line: Activity, actor: Actor) -> bool:
    """Whether `line` is about an edit by the same person that is still going on."""
    same = (line.user, line.api_key) == (
        actor if isinstance(actor, User) else None,
        actor if isinstance(actor, ApiKey) else None,
    )
    return bool(line.verb == "update" and line.changes and same and timezone.now() - line.at < EDITING_PAUSE)


def digest_of(key: str) -> str:
    """The form in which a key is kept. Keys are 256 random bits, so a plain SHA-256 cannot be guessed back."""
    return hashlib.sha256(key.encode()).hexdigest()


@transaction.atomic
def create_api_key(*, actor: Actor, name: str, scopes: Iterable[str] = tuple(Scope.values)) -> tuple[ApiKey, str]:
    """Create a key; returns its row and the key itself, which is not kept and cannot be shown again."""
    secret = "rt_" + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        name=name,
        prefix=secret[:8],
        digest=digest_of(secret),
        scopes=list(scopes),
        created_by=actor if isinstance(actor, User) else None,
    )
    note(actor=actor, verb="create", instance=key, summary=f"Created the API key {name} ({', '.join(key.scopes)}).")
    return key, secret


@transaction.atomic
def revoke_api_key(*, actor: Actor, key: ApiKey) -> None:
    """Close the way in for good; who did it stays known. A key that is revoked already stays as it is."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        note(actor=actor, verb="revoke", instance=key, summary=f"Revoked the API key {key.name}.")


@transaction.atomic
def save_user(*, actor: Actor, user: User, changed: Iterable[str]) -> User:
    """Write down `user`, of whom the fields `changed` are new. Admins, and only they, may use the administration."""
    verb = "update" if user.pk else "create"
    user.is_staff = user.is_superuser = user.role == Role.ADMIN
    user.save()
    said = f"Changed {', '.join(sorted(changed))} of" if verb == "update" else "Added"
    note(actor=actor, verb=verb, instance=user, summary=f"{said} the user {user.username} ({user.role}).")
    return user
