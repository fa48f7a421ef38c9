"""The JSON form of an explanation, for every part of the API that gives one."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from retargeting.audiences.explain import Explanation
from retargeting.conditions.facts import EventFact, InteractionFact


class OutlookSerializer(serializers.Serializer[Any]):
    sentence = serializers.CharField(help_text="What would let them in, or when they drop out; empty for never.")
    at = serializers.DateTimeField(allow_null=True, help_text="When time alone does it, if nothing happens.")
    path = serializers.CharField(allow_null=True, help_text="The condition that turns.")
    missing = serializers.IntegerField(help_text="How many conditions at least would have to be otherwise.")


class ExplanationSerializer(serializers.Serializer[Any]):
    member = serializers.BooleanField()
    nodes = serializers.DictField(help_text="met, reason and the deciding event of each node, by its path.")
    outlook = OutlookSerializer()


def answer_of(explanation: Explanation, *, past: bool = False) -> dict[str, Any]:
    """`past` says it of an earlier moment."""
    outlook = explanation.outlook
    return {
        "member": explanation.member,
        "nodes": {
            path: {"met": verdict.met, "reason": verdict.reason, "event": _event(verdict.fact)}
            for path, verdict in explanation.verdicts.items()
        },
        "outlook": {
            "sentence": outlook.sentence(past=past),
            "at": outlook.at,
            "path": outlook.path,
            "missing": outlook.missing,
        },
    }


def _event(fact: InteractionFact | EventFact | None) -> dict[str, Any] | None:
    match fact:
        case InteractionFact():
            source: dict[str, Any] = {fact.kind: fact.orchestration}
            if fact.step is not None:
                source["step"] = fact.step
            details = {**source, "channel": fact.channel, "machine": fact.machine}
        case EventFact():
            details = {"properties": dict(fact.properties)}
        case None:
            return None
    return {"id": fact.id, "event": fact.event, "occurred_at": fact.occurred_at, **details}
