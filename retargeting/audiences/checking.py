"""One person against one segment, for the page of the person."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from retargeting.audiences import references
from retargeting.audiences.explain import Explanation, explain
from retargeting.audiences.models import Segment
from retargeting.audiences.references import walk
from retargeting.conditions import codec
from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.nodes import Group
from retargeting.conditions.person import Verdict
from retargeting.profiles.models import Profile


def card(request: HttpRequest, person: Profile) -> dict[str, Any] | None:
    """The segments to choose from and, once one is chosen, whether the person is in it and why."""
    segments = list(Segment.objects.all())
    if not segments:
        return None
    asked = request.GET.get("segment", "")
    chosen = next((segment for segment in segments if str(segment.pk) == asked), None)
    return {"segments": segments, "chosen": chosen, **(_answer(chosen, person) if chosen else {})}


def _answer(segment: Segment, person: Profile) -> dict[str, Any]:
    tree = codec.decode(segment.audience)
    try:
        explanation = explain(tree, person, names=references.check(tree))
    except ConditionErrors:
        return {"broken": True}
    return {
        "member": explanation.member,
        "verdicts": conditions_of(tree, explanation),
        "outlook": explanation.outlook.sentence(),
    }


def conditions_of(tree: Group, explanation: Explanation) -> list[Verdict]:
    """The verdict on each condition, without those on groups, from top to bottom."""
    return [explanation.verdicts[path] for path, node in walk(tree) if not isinstance(node, Group)]
