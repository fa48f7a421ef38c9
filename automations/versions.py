"""Which definitions an automation has: the draft, the current one, and former ones."""

from __future__ import annotations

from functools import lru_cache

from automations.graph import codec
from automations.graph.flow import Flow, flow_of
from automations.graph.nodes import Definition
from automations.models import Automation, Version, VersionStatus


def draft_of(automation: Automation) -> Version | None:
    return automation.versions.filter(status=VersionStatus.DRAFT).first()


def current_of(automation: Automation) -> Version | None:
    return automation.versions.filter(status=VersionStatus.CURRENT).first()


def edited(automation: Automation) -> Definition:
    """What somebody who opens the automation goes on with: the draft, or else the current version."""
    version = draft_of(automation) or current_of(automation)
    return codec.decode(version.definition) if version else Definition()


@lru_cache(maxsize=64)
def published(version_id: int) -> tuple[Definition, Flow]:
    """The definition of a version that was published, which never changes."""
    version = Version.objects.exclude(status=VersionStatus.DRAFT).get(pk=version_id)
    definition = codec.decode(version.definition)
    return definition, flow_of(definition)
