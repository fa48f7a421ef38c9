from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from retargeting.accounts.models import User


def actor_of(request: HttpRequest) -> User:
    """Who acts in this request: the `actor` of the actions that a page calls."""
    if not isinstance(request.user, User):
        raise PermissionDenied("Log in first.")
    return request.user
