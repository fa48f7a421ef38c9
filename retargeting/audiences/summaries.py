"""Segments as lists show them: exact number, sentence, where they are used; all from one evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from retargeting.audiences import engine, references
from retargeting.audiences.models import Segment
from retargeting.audiences.used import places
from retargeting.conditions import codec
from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.nodes import Group, Match
from retargeting.conditions.wording import Sentence, sentence


@dataclass(frozen=True)
class SegmentRow:
    """`count` and `sentence` are None for a segment that refers to something gone; `problems` then says to what."""

    segment: Segment
    count: int | None
    sentence: Sentence | None
    places: list[str]
    as_of: datetime
    problems: tuple[str, ...] = ()


def segment_rows(segments: Iterable[Segment]) -> list[SegmentRow]:
    used = places()
    trees = [(segment, codec.decode(segment.audience)) for segment in segments]
    everything = Group(Match.ANY, tuple(tree for _, tree in trees))
    problems: dict[int, list[str]] = {}
    try:
        names = references.check(everything)
    except ConditionErrors as errors:
        names = references.look_up(everything)
        for error in errors.errors:
            problems.setdefault(int(error.path.split("/")[2]), []).append(error.message)
    whole = {index: tree for index, (_, tree) in enumerate(trees) if index not in problems}
    counts, as_of = _counts(whole)
    return [
        SegmentRow(
            segment,
            counts.get(index),
            sentence(tree, names) if index in whole else None,
            used.get(segment.pk, []),
            as_of,
            tuple(problems.get(index, ())),
        )
        for index, (segment, tree) in enumerate(trees)
    ]


def _counts(trees: dict[int, Group]) -> tuple[dict[int, int], datetime]:
    """The sizes of several trees at one moment, and that moment."""
    if not trees:
        return {}, timezone.now()
    evaluation = engine.evaluate(Group(Match.ANY, tuple(trees.values())))
    sizes = (evaluation.counts[f"/conditions/{number}"] for number in range(len(trees)))
    return dict(zip(trees, sizes, strict=True)), evaluation.as_of
