"""What every page's frame needs, computed only when the page has a frame."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from retargeting.web import access, navigation


def shell(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    return {
        "navigation": SimpleLazyObject(lambda: navigation.sections(request.path)),
        "can_write": access.can_write(user),
        "can_administer": access.can_administer(user),
    }
