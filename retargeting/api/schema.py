"""The OpenAPI document: scopes in every description, and the one shape of all errors."""

from __future__ import annotations

from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

from retargeting.api.errors import CONTENT_TYPE
from retargeting.api.serializers import ProblemSerializer


class Schema(AutoSchema):
    """Says which scope a call needs, as the view itself decides it."""

    def get_description(self) -> str:  # type: ignore[override]  # the stubs know the older base class
        description = super().get_description() or ""
        scope = self.scope()
        return f"{description}\n\nScope: `{scope}`".strip() if scope else description

    def scope(self) -> str:
        required = getattr(self.view, "required_scope", None)
        return required(self.method) if required else ""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        if scope := self.scope():
            operation["x-scope"] = scope
        problem: ResolvedComponent = self.resolve_serializer(ProblemSerializer, "response")
        operation["responses"]["default"] = {
            "description": "What went wrong",
            "content": {CONTENT_TYPE: {"schema": problem.ref}},
        }
        return operation


@cache
def document() -> dict[str, Any]:
    """Made once: it depends on the code alone."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return made
