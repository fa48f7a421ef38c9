"""What every view of the API extends: scopes and Idempotency-Key."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from retargeting.accounts.idempotency import answer_once, key_of
from retargeting.accounts.models import ApiKey, Scope


class ScopedMixin:
    """Scopes and Idempotency-Key for a view.

    `read_scope` is for GET, `write_scope` for the rest, and `scopes` says otherwise for single actions of a view set
    or methods: `scopes = {"launch": Scope.SEND}`.
    """

    read_scope = Scope.READ
    write_scope = Scope.MANAGE
    scopes: Mapping[str, Scope] = {}

    def required_scope(self, method: str | None) -> str:
        """Also asked by the documentation, which has no request."""
        default = self.read_scope if method in SAFE_METHODS else self.write_scope
        by_method = self.scopes.get(method or "", default)
        return str(self.scopes.get(getattr(self, "action", None) or "", by_method))

    @property
    def caller(self) -> ApiKey:
        """Who asks: the `actor` of what is done."""
        key = self.request.auth  # type: ignore[attr-defined]  # APIView beside it has the request
        assert isinstance(key, ApiKey)
        return key

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """After the key has been checked: have a write that carries an Idempotency-Key answered once."""
        super().initial(request, *args, **kwargs)  # type: ignore[misc]  # APIView beside it has it
        key = key_of(request)
        name = (request.method or "").lower()
        handler = getattr(self, name, None)
        if key is not None and handler is not None:
            handle = partial(handler, request, *args, **kwargs)
            # REST framework looks the handler up after this method, and so finds the one that remembers.
            setattr(self, name, lambda *args, **kwargs: answer_once(self.caller, key, request, handle))


class ApiView(ScopedMixin, APIView):
    """Base of single views."""


class ApiViewSet(ScopedMixin, GenericViewSet[Any]):
    """Base of view sets; pages, filters and errors come from the settings."""


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """Tells the documentation about keys. REST framework's registry finds it by being defined."""

    target_class = "retargeting.accounts.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API key: `Authorization: Bearer KEY`."}
