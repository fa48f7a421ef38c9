"""The OpenAPI document as a page for people: each call with what it needs, takes and answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

JSON = "application/json"
MAX_DEPTH = 6


@dataclass(frozen=True)
class Call:
    id: str
    method: str
    path: str
    summary: str
    details: list[str]
    scope: str
    parameters: list[dict[str, Any]]
    request: str
    answers: list[tuple[str, str]]


@dataclass(frozen=True)
class Chapter:
    title: str
    calls: list[Call]


def chapters(document: dict[str, Any]) -> list[Chapter]:
    """Calls by tag, in the order of their addresses."""
    found: dict[str, list[Call]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if "operationId" in operation:
                found.setdefault(operation["tags"][0], []).append(_call(document, path, method, operation))
    return [Chapter(tag, calls) for tag, calls in sorted(found.items())]


def _call(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> Call:
    paragraphs = [text.strip() for text in operation.get("description", "").split("\n\n")]
    paragraphs = [text for text in paragraphs if text and not text.startswith("Scope:")]
    request = operation.get("requestBody", {}).get("content", {}).get(JSON)
    return Call(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=paragraphs[0] if paragraphs else "",
        details=paragraphs[1:],
        scope=operation.get("x-scope", ""),
        parameters=[parameter for parameter in operation.get("parameters", []) if parameter["in"] == "query"],
        request=_shown(document, request) if request else "",
        answers=[
            (status, _shown(document, answer["content"][JSON]) if JSON in answer.get("content", {}) else "")
            for status, answer in operation["responses"].items()
            if status != "default"
        ],
    )


def _shown(document: dict[str, Any], media: dict[str, Any]) -> str:
    """The example that was written, or one made from the types."""
    written = [example["value"] for example in media.get("examples", {}).values()]
    value = written[0] if written else _example(document, media.get("schema", {}), MAX_DEPTH)
    return json.dumps(value, indent=2, ensure_ascii=False)


def _example(document: dict[str, Any], schema: dict[str, Any], depth: int) -> Any:
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    for combined in ("allOf", "oneOf", "anyOf"):
        if schema.get(combined):
            return _example(document, schema[combined][0], depth)
    for given in ("example", "default"):
        if given in schema:
            return schema[given]
    if schema.get("enum"):
        return schema["enum"][0]
    return _by_type(document, schema, depth)


def _by_type(document: dict[str, Any], schema: dict[str, Any], depth: int) -> Any:
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {}) if depth else {}
            return {name: _example(document, inner, depth - 1) for name, inner in properties.items()}
        case "array":
            return [_example(document, schema.get("items", {}), depth - 1)] if depth else []
        case "integer":
            return 12
        case "number":
            return 1.5
        case "boolean":
            return True
        case "string":
            return {"date-time": "2026-11-03T10:02:00Z", "uri": "https://…"}.get(schema.get("format", ""), "…")
    return {}
