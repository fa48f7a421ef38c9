"""Programs as the cast of the API: one with every scope, and a way to make others."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from retargeting.accounts.actions import create_api_key
from retargeting.accounts.models import Scope


class Program(APIClient):
    """Speaks to the API with one key, in paths below /api/v1/."""

    def __init__(self, key: str = "", **headers: str) -> None:
        super().__init__()
        authorization = {"HTTP_AUTHORIZATION": f"Bearer {key}"} if key else {}
        self.credentials(**authorization, **headers)

    def request(self, **kwargs: Any) -> Any:
        kwargs["PATH_INFO"] = "/api/v1" + kwargs["PATH_INFO"]
        return super().request(**kwargs)

    def post_raw(self, path: str, body: Any, **headers: Any) -> Any:
        return self.generic("POST", path, body, content_type="application/json", **headers)


@pytest.fixture
def program_with(db) -> Callable[..., Program]:
    def make(*scopes: str) -> Program:
        _, key = create_api_key(actor=None, name="test", scopes=scopes)
        return Program(key)

    return make


@pytest.fixture
def program(program_with) -> Program:
    return program_with(*Scope.values)


@pytest.fixture
def stranger(db) -> Program:
    return Program()


def problem_of(response: Any, status: int) -> dict[str, Any]:
    """The problem document of an answer, after checking that it is one."""
    assert response.status_code == status, response.content[:500]
    assert response["Content-Type"] == "application/problem+json"
    document = json.loads(response.content)
    assert set(document) == {"type", "title", "status", "detail", "errors"}
    assert document["status"] == status
    assert document["detail"]
    assert all(set(error) == {"path", "message"} for error in document["errors"])
    return document


def paths_of(response: Any, status: int = 422) -> list[str]:
    return [error["path"] for error in problem_of(response, status)["errors"]]


__all__ = ["Client", "Program", "paths_of", "problem_of"]
