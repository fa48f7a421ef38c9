"""Which message an item of a batch is about: campaigns and steps of automations, looked up once for all items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeGuard

from retargeting.conditions.nodes import Channel
from retargeting.conditions.reading import show
from retargeting.interactions.models import CHANNEL_CODES
from retargeting.orchestrations.models import Kind, MessageStep, Orchestration
from retargeting.profiles.validation import Mistakes

_MAX_ID = 2**31 - 1


class Target(NamedTuple):
    orchestration_id: int
    step_id: int
    channel: int
    """Its number in CHANNEL_CODES."""


class Targets:
    """Those that the items of one batch name."""

    def __init__(self, items: Sequence[object]) -> None:
        named = (item.get(kind) for item in items if isinstance(item, dict) for kind in Kind.values)
        ids = {number for number in named if _is_id(number)}
        self._kinds = dict(Orchestration.objects.filter(id__in=ids).order_by().values_list("id", "kind"))
        steps = MessageStep.objects.filter(orchestration_id__in=ids).order_by()
        self._steps = {
            (orchestration, key): Target(orchestration, step, CHANNEL_CODES[Channel(channel)])
            for orchestration, key, step, channel in steps.values_list("orchestration_id", "key", "id", "channel")
        }

    def of(self, item: dict[str, Any], mistakes: Mistakes) -> Target | None:
        if ("campaign" in item) == ("automation" in item):
            mistakes.note("", 'Name either the "campaign" or the "automation" with its "step".')
            return None
        if "campaign" in item:
            if "step" in item:
                mistakes.note("/step", "A campaign has no steps.")
                return None
            return self._find(item["campaign"], "", Kind.CAMPAIGN, mistakes)
        step = item.get("step")
        if not isinstance(step, str) or not step:
            mistakes.note("/step", f"Expected the key of a step of the automation, got {show(step)}.")
            return None
        return self._find(item["automation"], step, Kind.AUTOMATION, mistakes)

    def _find(self, number: object, key: str, kind: Kind, mistakes: Mistakes) -> Target | None:
        path = f"/{kind.value}"
        if not _is_id(number):
            mistakes.note(path, f"Expected the id of a campaign or automation, a whole number, got {show(number)}.")
        elif self._kinds.get(number) != kind:
            mistakes.note(path, f"{kind.label} {number} does not exist.")
        elif (target := self._steps.get((number, key))) is not None:
            return target
        elif key:
            mistakes.note("/step", f"Automation {number} has no step {show(key)} with a message.")
        else:
            mistakes.note(path, f"Campaign {number} has no message yet.")
        return None


def _is_id(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MAX_ID
