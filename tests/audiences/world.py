"""Puts people made by the strategies of the language into the database, as the product would have them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import connection

from retargeting.conditions.nodes import Channel
from retargeting.conditions.person import Person
from retargeting.interactions.index.folding import fold
from retargeting.interactions.ingest import (
    CustomEventRow,
    MessageEventRow,
    record_custom_events,
    record_message_events,
)
from retargeting.interactions.models import CHANNEL_CODES, EVENT_CODES
from retargeting.interactions.partitions import CUSTOM_EVENTS, MESSAGE_EVENTS, ensure_partitions
from retargeting.orchestrations.models import Label, MessageStep, Orchestration
from retargeting.profiles.models import Address, ListMember, Profile, ProfileList
from retargeting.profiles.sets.refreshing import refresh
from tests.conditions.strategies import Vocabulary, edges

NOBODY = 2_000_000_000
"""The id of somebody who was erased: events are left, the profile is gone."""


def build_targets(vocabulary: Vocabulary) -> dict[tuple[int, str | None], int]:
    """Make the campaigns, automations, labels and lists; returns (orchestration, step key) → step id.

    The channel of each source is the one that the strategies assume: they go round the channels in order.
    """
    sources: list[tuple[int, str | None]] = [(id, None) for id in vocabulary.campaigns]
    sources += [(id, key) for id, keys in vocabulary.automations.items() for key in keys]
    channels = tuple(Channel)
    for id in (*vocabulary.campaigns, *vocabulary.automations):
        kind = "campaign" if id in vocabulary.campaigns else "automation"
        Orchestration.objects.create(id=id, kind=kind, name=f"{kind} {id}")
    for code in vocabulary.labels:
        Label.objects.create(code=code, name=code.title())
    for id in vocabulary.lists:
        ProfileList.objects.create(id=id, name=f"list {id}")
    moments = list(edges(vocabulary))
    ensure_partitions(MESSAGE_EVENTS, moments)
    ensure_partitions(CUSTOM_EVENTS, moments)
    return {
        (id, key): MessageStep.objects.create(
            orchestration_id=id, key=key or "", channel=channels[index % len(channels)]
        ).pk
        for index, (id, key) in enumerate(sources)
    }


def carry_labels(labels: Mapping[int, frozenset[str]]) -> None:
    ids = dict(Label.objects.values_list("code", "id"))
    link = Orchestration.labels.through
    link.objects.bulk_create(
        link(orchestration_id=orchestration, label_id=ids[code])
        for orchestration, codes in labels.items()
        for code in codes
    )


def insert_people(
    people: Sequence[Person], steps: Mapping[tuple[int, str | None], int], *, first: int = 0
) -> dict[int, Person]:
    """Store the people with all their facts, named from person-`first` on; returns profile id → person."""
    profiles = Profile.objects.bulk_create(
        Profile(external_id=f"person-{index}", attributes=dict(person.attributes))
        for index, person in enumerate(people, first)
    )
    found = {profile.pk: person for profile, person in zip(profiles, people, strict=True)}
    Address.objects.bulk_create(
        Address(profile_id=id, channel=channel, address=f"{channel}-{id}")
        for id, person in found.items()
        for channel in person.reachable
    )
    ListMember.objects.bulk_create(
        ListMember(profile_id=id, list_id=list_id) for id, person in found.items() for list_id in person.lists
    )
    insert_events(found, steps)
    return found


def insert_events(people: Mapping[int, Person], steps: Mapping[tuple[int, str | None], int]) -> None:
    record_message_events(
        MessageEventRow(
            id=uuid.uuid4(),
            profile_id=id,
            orchestration_id=fact.orchestration,
            step_id=steps[fact.orchestration, fact.step],
            journey_id=fact.journey,
            channel=CHANNEL_CODES[fact.channel],
            event=EVENT_CODES[fact.event],
            machine=fact.machine,
            occurred_at=fact.occurred_at,
        )
        for id, person in people.items()
        for fact in person.interactions
    )
    record_custom_events(
        CustomEventRow(
            id=uuid.uuid4(),
            profile_id=id,
            name=fact.event,
            properties=dict(fact.properties),
            occurred_at=fact.occurred_at,
        )
        for id, person in people.items()
        for fact in person.events
    )


def fold_what_is_there(number: int) -> None:
    """Fold the rows there are, in the transaction that wrote them: they take the `number` of one long ended."""
    with connection.cursor() as cursor:
        for table in (MESSAGE_EVENTS, CUSTOM_EVENTS, "interactions_arrival"):
            cursor.execute(f"UPDATE {table} SET transaction = %s WHERE transaction > %s", [number, number])
    fold(below=number + 1)


def store_sets() -> None:
    """Store the sets of people in the transaction that changed them, as if that had long ended."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE profiles_change SET transaction = 2")
    refresh(look_for_attributes=True)


def moments_of(people: Sequence[Person]) -> set[datetime]:
    return {fact.occurred_at for person in people for fact in (*person.interactions, *person.events)}
