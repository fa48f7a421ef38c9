"""Why somebody is in an audience or not: the evaluation for one person, on that person's own facts."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db.models import Q
from django.utils import timezone

from retargeting.audiences import references
from retargeting.audiences.references import References
from retargeting.conditions.facts import Context, EventFact, InteractionFact, KnownMessage, Person
from retargeting.conditions.nodes import Channel, Group
from retargeting.conditions.outlook import Outlook, outlook
from retargeting.conditions.person import Verdict, evaluate, verdicts_by_path
from retargeting.interactions.models import CHANNELS_BY_CODE, EVENTS_BY_CODE, CustomEvent, MessageEvent
from retargeting.interactions.reading import snapshot
from retargeting.orchestrations.models import Kind, MessageStep, Orchestration
from retargeting.profiles.models import Address, ListMember, Profile

MOST_MESSAGES = 200


@dataclass(frozen=True, slots=True)
class Explanation:
    """`verdicts` has every node of the tree by its JSON pointer, the root's is ""; `outlook` is what would turn it."""

    as_of: datetime
    verdicts: Mapping[str, Verdict]
    outlook: Outlook

    @property
    def member(self) -> bool:
        return self.verdicts[""].met


def explain(
    tree: Group, profile: Profile, *, as_of: datetime | None = None, names: References | None = None
) -> Explanation:
    """The verdict on every node of a valid tree. `names` saves a second look-up where there has been one."""
    with snapshot():
        names = names or references.look_up(tree)
        moment = as_of or timezone.now()
        person = person_facts(profile)
        messages = _known_messages(names)
    context = Context(moment, names.trees, names, messages=messages)
    return Explanation(moment, verdicts_by_path(evaluate(tree, person, context)), outlook(tree, person, context))


def person_facts(profile: Profile) -> Person:
    """All that conditions can ask about this person, in seven queries however much there is of it."""
    addresses = Address.objects.filter(profile=profile).usable()
    return Person(
        attributes=profile.attributes,
        interactions=_interactions(profile),
        events=tuple(
            EventFact(event.name, event.properties, event.occurred_at, str(event.id))
            for event in CustomEvent.objects.filter(profile_id=profile.pk)
        ),
        reachable=frozenset(Channel(name) for name in addresses.values_list("channel", flat=True)),
        lists=frozenset(ListMember.objects.filter(profile=profile).values_list("list_id", flat=True)),
    )


def _interactions(profile: Profile) -> tuple[InteractionFact, ...]:
    rows = list(MessageEvent.objects.filter(profile_id=profile.pk))
    ids = {row.orchestration_id for row in rows}
    orchestrations = {row.pk: row for row in Orchestration.objects.filter(pk__in=ids)}
    labels = _labels(ids)
    steps = {row.pk: row for row in MessageStep.objects.filter(pk__in={row.step_id for row in rows})}
    known = [(row, orchestrations[row.orchestration_id]) for row in rows if row.orchestration_id in orchestrations]
    return tuple(_fact(row, each, steps.get(row.step_id), labels.get(each.pk, set())) for row, each in known)


def _known_messages(names: References) -> tuple[KnownMessage, ...]:
    """Those that the tree names, and some that carry its labels."""
    named = Q(orchestration__in=list(names.kinds)) | Q(orchestration__labels__code__in=list(names.labels))
    steps = list(MessageStep.objects.filter(named).select_related("orchestration").distinct()[:MOST_MESSAGES])
    labels = _labels({step.orchestration_id for step in steps})
    return tuple(
        KnownMessage(
            orchestration=step.orchestration_id,
            kind=_kind(step.orchestration),
            step=step.key or None,
            channel=Channel(step.channel),
            labels=frozenset(labels.get(step.orchestration_id, ())),
        )
        for step in steps
    )


def _labels(orchestrations: Set[int]) -> dict[int, set[str]]:
    """The codes that each carries now."""
    found: dict[int, set[str]] = {}
    carried = Orchestration.labels.through.objects.filter(orchestration_id__in=orchestrations)
    for id, code in carried.values_list("orchestration_id", "label__code"):
        found.setdefault(id, set()).add(code)
    return found


def _kind(orchestration: Orchestration) -> Literal["campaign", "automation"]:
    return "campaign" if orchestration.kind == Kind.CAMPAIGN else "automation"


def _fact(
    row: MessageEvent, orchestration: Orchestration, step: MessageStep | None, labels: set[str]
) -> InteractionFact:
    key = step.key if step is not None and step.key else None
    return InteractionFact(
        event=EVENTS_BY_CODE[row.event],
        orchestration=orchestration.pk,
        kind=_kind(orchestration),
        step=key,
        channel=CHANNELS_BY_CODE[row.channel],
        labels=frozenset(labels),
        machine=row.machine,
        occurred_at=row.occurred_at,
        journey=row.journey_id,
        title=f"{orchestration.name}: {step.name or key}" if step is not None and key else orchestration.name,
        id=str(row.id),
    )
