"""The trees that automations keep and may still use: what a segment or a list is needed for."""

from __future__ import annotations

from collections.abc import Iterator

from automations.graph import codec
from automations.graph.nodes import Definition, MultiSplit, SegmentTrigger, Split, WaitUntil
from automations.models import JourneyStatus, Version, VersionStatus
from retargeting.conditions.encoding import encode
from retargeting.conditions.nodes import Group, Match, SegmentCondition


def trees() -> Iterator[tuple[str, object]]:
    """Those of drafts, of current versions, and of former ones on which somebody still is."""
    open_ones = Version.objects.filter(automation__archived_at=None)
    former = open_ones.filter(status=VersionStatus.FORMER, journeys__status=JourneyStatus.WAITING).distinct()
    for version in [*open_ones.exclude(status=VersionStatus.FORMER).select_related("automation"), *former]:
        for tree in trees_of(codec.decode(version.definition)):
            # Without the scope of a journey, which trees elsewhere do not have: it names nothing.
            yield f"the automation {version.automation}", _without_scope(encode(tree))


def trees_of(definition: Definition) -> Iterator[Group]:
    if isinstance(definition.trigger, SegmentTrigger):
        yield Group(Match.ALL, (SegmentCondition(definition.trigger.segment),))
    if definition.entry.audience is not None:
        yield definition.entry.audience
    for step in definition.walk():
        match step.action:
            case Split(Group() as condition) | WaitUntil(condition=Group() as condition):
                yield condition
            case MultiSplit(conditions):
                yield from (condition for condition in conditions if condition is not None)


def _without_scope(data: object) -> object:
    if isinstance(data, dict):
        return {key: _without_scope(value) for key, value in data.items() if key != "scope"}
    if isinstance(data, list):
        return [_without_scope(item) for item in data]
    return data
