"""Keys and scopes. Apart from `api`, since REST framework reads these before its views exist."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from retargeting.accounts.actions import digest_of
from retargeting.accounts.models import ApiKey

TOUCH_EVERY = timedelta(minutes=1)


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer KEY`. The key is `request.auth`, and the `actor` of what the request does."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        if len(words) != 2:
            raise AuthenticationFailed("Expected one key after Bearer.")
        key = ApiKey.objects.filter(digest=digest_of(words[1].decode("latin-1"))).first()
        if key is None:
            raise AuthenticationFailed("There is no such key.")
        if key.revoked_at is not None:
            raise AuthenticationFailed("This key has been revoked.")
        _touch(key)
        return AnonymousUser(), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


def _touch(key: ApiKey) -> None:
    """Remember that the key is in use, once a minute at most, and without waiting for others who do the same."""
    now = timezone.now()
    if key.last_used_at is not None and key.last_used_at >= now - TOUCH_EVERY:
        return
    with transaction.atomic():
        free = ApiKey.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=key.pk)
        ApiKey.objects.filter(pk__in=free.values("pk")).update(last_used_at=now)


class HasScope(BasePermission):
    """The key has the scope that the view asks for."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiKey):
            raise NotAuthenticated("Send a key: Authorization: Bearer KEY.")
        scope = view.required_scope(request.method)
        self.message = f"This key does not have the scope {scope}."
        return scope in request.auth.scopes
