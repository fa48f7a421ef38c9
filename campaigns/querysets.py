"""What lists and pages of campaigns read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import models
from django.db.models.functions import Coalesce

from retargeting.audiences import references
from retargeting.conditions import codec
from retargeting.conditions.nodes import Group, Match
from retargeting.conditions.wording import Sentence, sentence

if TYPE_CHECKING:
    from campaigns.models import Campaign  # noqa: F401 - for the annotation below


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def current(self) -> CampaignQuerySet:
        return self.filter(archived_at=None)

    def named_like(self, words: str) -> CampaignQuerySet:
        return self.filter(name__icontains=words)

    def with_when(self) -> CampaignQuerySet:
        """With `goes_at`: when it was launched, or will be; of one that recurs, the next time."""
        upcoming = models.Case(models.When(status="scheduled", then="send_at"))
        return self.annotate(goes_at=Coalesce(upcoming, "launched_at", "send_at"))


def sentences(audiences: Iterable[object]) -> list[Sentence]:
    """The audiences in words, one for each; all their names are looked up at once."""
    trees = [codec.decode(audience) for audience in audiences]
    names = references.look_up(Group(Match.ANY, tuple(trees)))
    return [sentence(tree, names) for tree in trees]
