"""Fills the tables of people and of what is sent to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
from django.contrib.auth.hashers import make_password
from django.db import transaction

from automations.models import Automation, AutomationStatus
from benchmarks.copying import copy_text
from benchmarks.events import CATEGORIES, CUSTOM_NAMES, PURCHASED, Rows
from benchmarks.world import (
    COUNTRIES,
    DAYS,
    LIST_ID,
    PLANS_OF_PEOPLE,
    TAGS,
    UNSET,
    Traits,
    World,
    in_parts,
    moment_of,
)
from campaigns.models import Campaign, CampaignStatus
from retargeting.accounts.models import Role, User
from retargeting.conditions.nodes import Channel
from retargeting.interactions.ingest import note_arrival
from retargeting.interactions.partitions import CUSTOM_EVENTS, ensure_partitions
from retargeting.orchestrations.models import Kind, Label, MessageStep
from retargeting.profiles.models import ProfileList

PART = 100_000
USERNAME = "bench"
ADDRESSES = {
    Channel.PUSH: "token-{}",
    Channel.EMAIL: "p{}@example.com",
    Channel.SMS: "+4930{:09}",
    Channel.IN_APP: "app-{}",
}


def load_people(world: World) -> None:
    """Profiles, addresses, suppressions and the list, a hundred thousand people in one transaction."""
    ProfileList.objects.create(id=LIST_ID, name="Guests")
    traits, began = world.traits, (world.until - timedelta(days=DAYS)).isoformat()
    for part in in_parts(world.people, PART):
        with transaction.atomic():
            copy_text(
                "profiles_profile",
                ("id", "external_id", "attributes", "language", "time_zone", "created_at", "updated_at"),
                [
                    f"{id}\t{external_id(id)}\t{attributes}\t\t\t{began}\t{began}\n"
                    for id, attributes in zip(_numbers(part), _attributes(traits, part, world), strict=True)
                ],
            )
            for channel in Channel:
                _load_addresses(traits, channel, part, began)
    members = world.list_members
    for part in in_parts(len(members), PART):
        lines = [f"{LIST_ID}\t{id}\t{began}\n" for id in members[part].tolist()]
        copy_text("profiles_listmember", ("list_id", "profile_id", "added_at"), lines)


def external_id(id: int) -> str:
    return f"person-{id}"


def _numbers(part: slice) -> range:
    return range(part.start + 1, part.stop + 1)


def _attributes(traits: Traits, part: slice, world: World) -> Iterator[str]:
    days = [(world.until - timedelta(days=ago)).date().isoformat() for ago in range(DAYS + 1)]
    tags = [json.dumps([tag for bit, tag in enumerate(TAGS) if mask >> bit & 1]) for mask in range(1 << len(TAGS))]
    plans = {number: f', "plan": "{name}"' for number, name in enumerate(PLANS_OF_PEOPLE)}
    ages = {age: f', "age": {age}' for age in range(UNSET)}
    columns = (traits.country, traits.plan, traits.age, traits.last_seen, traits.tags)
    for country, plan, age, seen, mask in zip(*(column[part].tolist() for column in columns), strict=True):
        yield (
            f'{{"country": "{COUNTRIES[country]}"{plans.get(plan, "")}{ages.get(age, "")}, '
            f'"last_seen": "{days[seen]}", "tags": {tags[mask]}}}'
        )


def _load_addresses(traits: Traits, channel: Channel, part: slice, began: str) -> None:
    reached = np.flatnonzero(traits.reach[channel][part]) + part.start
    subscribed = traits.subscribed[channel][reached].tolist()
    write = ADDRESSES[channel].format
    addresses = [write(place + 1) for place in reached.tolist()]
    copy_text(
        "profiles_address",
        ("profile_id", "channel", "address", "subscribed", "created_at", "updated_at"),
        [
            f"{place + 1}\t{channel}\t{address}\t{'t' if open_ else 'f'}\t{began}\t{began}\n"
            for place, address, open_ in zip(reached.tolist(), addresses, subscribed, strict=True)
        ],
    )
    suppressed = traits.suppressed[channel][reached].tolist()
    copy_text(
        "profiles_suppression",
        ("channel", "address", "reason", "created_at"),
        [
            f"{channel}\t{address}\tbounced\t{began}\n"
            for address, closed in zip(addresses, suppressed, strict=True)
            if closed
        ],
    )


@transaction.atomic
def load_plans(world: World) -> None:
    """Campaigns, automations with their steps, labels, and somebody who can look at it all in the web."""
    for campaign in world.campaigns:
        id, channel = campaign.message.orchestration, campaign.message.channel
        Campaign.objects.create(
            id=id,
            kind=Kind.CAMPAIGN,
            name=f"Campaign {id}",
            channel=channel,
            status=CampaignStatus.COMPLETED,
            audience={"match": "all", "conditions": []},
            launched_at=moment_of(campaign.at),
        )
        MessageStep.objects.create(id=campaign.message.step, orchestration_id=id, key="", channel=channel)
    for messages in world.automations:
        id = messages[0].orchestration
        Automation.objects.create(
            id=id, kind=Kind.AUTOMATION, name=f"Automation {id}", status=AutomationStatus.RUNNING
        )
        for position, message in enumerate(messages):
            MessageStep.objects.create(
                id=message.step, orchestration_id=id, key=message.key, channel=message.channel, position=position
            )
    for code, carriers in world.labels.items():
        Label.objects.create(code=code, name=code.capitalize()).orchestrations.set(carriers)
    password = make_password("show-me-around")
    User.objects.create(username=USERNAME, password=password, role=Role.ADMIN, is_staff=True, is_superuser=True)


def load_custom_events(rows: Rows, first_number: int) -> None:
    """Append a batch of custom events; they are numbered on from `first_number`."""
    moments = [moment_of(at) for at in rows["moment"].tolist()]
    columns = (rows[name].tolist() for name in ("profile", "name", "cents", "category"))
    lines = [
        f"{moment.isoformat()}\t00000000-0000-8000-8000-{number:012x}"
        f"\t{person}\t{CUSTOM_NAMES[name]}\t{_properties(name, cents, category)}\n"
        for number, (moment, person, name, cents, category) in enumerate(
            zip(moments, *columns, strict=True), start=first_number
        )
    ]
    with transaction.atomic():
        ensure_partitions(CUSTOM_EVENTS, moments)
        copy_text(CUSTOM_EVENTS, ("occurred_at", "id", "profile_id", "name", "properties"), lines)
        note_arrival(moments[0], moments[-1], len(moments), custom=True)


def _properties(name: int, cents: int, category: int) -> str:
    bought = ', "items": 1' if CUSTOM_NAMES[name] == PURCHASED else ""
    return f'{{"category": "{CATEGORIES[category]}", "value": {cents / 100}{bought}}}'
