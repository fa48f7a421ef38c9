"""Fills an empty database with the sample data, all of it or none."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction

from automations.models import Automation
from retargeting.accounts.models import Role, User
from retargeting.audiences.models import Segment
from retargeting.channels.models import ChannelConfig
from retargeting.conditions import codec
from retargeting.conditions.nodes import Channel
from retargeting.demo import ways
from retargeting.demo.campaigns import AHEAD, SENT
from retargeting.demo.catalogue import ACCOUNTS, AUTHOR, AUTOMATIONS, LABELS, LISTS, SEGMENTS, SENDERS, AutomationPlan
from retargeting.demo.copying import copy_rows
from retargeting.demo.diary import Diary
from retargeting.demo.history import CLOSED_UNSUBSCRIBED, History, Message
from retargeting.demo.journeys import Automations
from retargeting.demo.outbox import fill_outbox
from retargeting.demo.people import (
    DAY,
    HISTORY_DAYS,
    HOUR,
    NEVER,
    PASSWORD,
    USERNAME,
    Ints,
    People,
    make_people,
    microseconds,
    moment_of,
)
from retargeting.demo.runs import Teller, in_order
from retargeting.demo.shopping import Shopping, go_shopping
from retargeting.demo.sizes import count_earlier_days
from retargeting.demo.trees import resolved
from retargeting.interactions.index.folding import fold_all
from retargeting.interactions.ingest import record_custom_events
from retargeting.orchestrations.models import Kind, Label, MessageStep, Orchestration
from retargeting.profiles.models import Address, ListMember, MemberSource, Profile, ProfileList
from retargeting.profiles.sets.refreshing import refresh

LOCK = 7002
"""One load at a time; a second one waits, and then finds the data there."""
SET_UP_BEFORE = 5 * DAY
"""How long before the first campaign the labels, lists, segments and automations were made."""
TABLES = (
    "profiles_profile", "profiles_address", "profiles_listmember", "profiles_suppression",
    "orchestrations_orchestration", "messaging_delivery", "messaging_chunk", "accounts_activity",
    "interactions_messageevent", "interactions_customevent", "automations_journey", "automations_passage",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Loaded:
    people: int
    campaigns: int
    deliveries: int
    message_events: int
    custom_events: int


def load(*, size: int, seed: int, now: datetime) -> Loaded | None:
    """Load the data of `size` people, or None where there are profiles or orchestrations already."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        if Profile.objects.exists() or Orchestration.objects.exists():
            return None
        loader = _Loader(np.random.default_rng(seed), size, now)
        loaded = loader.run()
    # Afterwards: what is in the database when an automation is published is history to it, and lets nobody in.
    with transaction.atomic():
        loader.begin_automations()
    # Outside: a planner that knows nothing of a million new rows is slow until autovacuum comes by.
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(TABLES)}")
    fold_all()
    refresh(look_for_attributes=True)
    count_earlier_days(now)
    return loaded


class _Loader:
    def __init__(self, rng: np.random.Generator, size: int, now: datetime) -> None:
        self.rng, self.size, self.now = rng, size, microseconds(now)
        self.people: People = make_people(rng, size, now)
        self.began = self.now - HISTORY_DAYS * DAY - SET_UP_BEFORE

    def run(self) -> Loaded:
        self.users = _accounts()
        self.diary = Diary(self.users[AUTHOR])
        profile_ids = self._profiles()
        self.ids: dict[str, int] = {}
        labels = self._labels()
        self._channels()
        self._lists(profile_ids)
        self._segments()
        self.automation_ids: dict[str, int] = {}
        messages = self._automations(labels)
        shopping = go_shopping(self.rng, self.people, profile_ids, moment_of(self.now))
        record_custom_events(shopping.rows)
        history = History(self.rng, self.people, profile_ids, self.now)
        teller = Teller(history, self.users[AUTHOR], labels, self.ids, self.diary)
        self._tell(history, teller, shopping, messages)
        self._close_addresses(history, profile_ids)
        fill_outbox(teller.campaigns.values())
        self.diary.write()
        self.shopping, self.profile_ids = shopping, profile_ids
        count = len(teller.campaigns)
        return Loaded(self.size, count, teller.deliveries, history.events_written, len(shopping.rows))

    def _tell(self, history: History, teller: Teller, shopping: Shopping, messages: dict[str, list[Message]]) -> None:
        """The history in order of time: before each campaign, what the automations have done since the last one."""
        automations = self.automations = Automations(history, shopping, messages)
        for plan in in_order(SENT):
            automations.advance(teller.moment(plan))
            history.write()
            teller.launch(plan)
        automations.advance(self.now)
        history.write()
        for plan in AHEAD:
            teller.create(plan)

    def begin_automations(self) -> None:
        """Publish them, with everybody where they are now."""
        at = moment_of(self.began + 21 * HOUR)
        for plan in AUTOMATIONS:
            automation = Automation.objects.get(pk=self.automation_ids[plan.key])
            version = ways.publish(plan, automation, self.users[AUTHOR], self.ids, at)
            ways.write(self.automations.journeys[plan.key], version, self.profile_ids, self.shopping, self.now)

    def _profiles(self) -> Ints:
        """Profiles and addresses; returns the ids, in the order of the people."""
        people, start = self.people, self.now - HISTORY_DAYS * DAY - SET_UP_BEFORE
        made = [moment_of(max(start, joined)) for joined in people.joined.tolist()]
        copy_rows(
            Profile,
            ("external_id", "attributes", "language", "time_zone", "created_at", "updated_at"),
            (
                (
                    people.external_ids[i],
                    json.dumps(people.attributes[i], ensure_ascii=False),
                    people.languages[i],
                    people.zones[people.zone[i]],
                    made[i],
                    made[i],
                )
                for i in range(self.size)
            ),
        )
        by_name = dict(Profile.objects.values_list("external_id", "id"))
        ids = np.array([by_name[external_id] for external_id in people.external_ids], dtype=np.int64)
        all_addresses = [
            (i, channel, address)
            for channel, addresses in people.addresses.items()
            for i, address in enumerate(addresses)
            if address
        ]
        all_addresses += [(i, Channel.PUSH, address) for i, address in people.second_devices]
        copy_rows(
            Address,
            ("profile_id", "channel", "address", "subscribed", "created_at", "updated_at"),
            ((int(ids[i]), str(channel), address, True, made[i], made[i]) for i, channel, address in all_addresses),
        )
        return ids

    def _close_addresses(self, history: History, ids: Ints) -> None:
        """What unsubscribing and bouncing have left behind."""
        for channel in Channel:
            closed = np.flatnonzero(
                (history.closed_at[channel] < NEVER) & (history.closed_how[channel] == CLOSED_UNSUBSCRIBED)
            )
            with connection.cursor() as cursor:
                cursor.execute(
                    """
                    UPDATE profiles_address AS address SET subscribed = false, updated_at = item.at
                    FROM unnest(%s::int[], %s::timestamptz[]) AS item (profile_id, at)
                    WHERE address.profile_id = item.profile_id AND channel = %s
                    """,
                    [ids[closed].tolist(), [moment_of(at) for at in history.closed_at[channel][closed]], str(channel)],
                )
        devices: dict[int, list[str]] = {}
        for person, address in self.people.second_devices:
            devices.setdefault(person, []).append(address)
        rows = [
            (str(channel), address, why, moment_of(at))
            for (channel, person), (why, at) in history.suppressions.items()
            for address in (
                self.people.addresses[channel][person],
                *(devices.get(person, ()) if channel == Channel.PUSH else ()),
            )
        ]
        if rows:
            with connection.cursor() as cursor:  # suppressions outlive people: one may be there already
                cursor.execute(
                    """
                    INSERT INTO profiles_suppression (channel, address, reason, created_at)
                    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[])
                    ON CONFLICT DO NOTHING
                    """,
                    [list(column) for column in zip(*rows, strict=True)],
                )

    def _labels(self) -> dict[str, Label]:
        labels = {}
        for number, (code, (name, colour)) in enumerate(LABELS.items()):
            label, made = Label.objects.get_or_create(code=code, defaults={"name": name, "colour": colour})
            labels[code] = label
            if made:
                at = self.began + number * HOUR // 10
                Label.objects.filter(pk=label.pk).update(created_at=moment_of(at))
                summary = f"Created the label {name} ({code})."
                self.diary.note(at, "create", label, summary, user=self.users[USERNAME])
        return labels

    def _channels(self) -> None:
        """Only where nobody has set a channel up: a real provider stays what it is."""
        for channel, sender in SENDERS.items():
            ChannelConfig.objects.get_or_create(channel=channel, defaults={"provider": "sandbox", "sender": sender})

    def _lists(self, ids: Ints) -> None:
        for key, (name, share) in LISTS.items():
            found, _ = ProfileList.objects.get_or_create(name=name)
            self.ids[key] = found.pk
            members = self.rng.choice(ids, max(1, int(share * self.size)), replace=False)
            added = moment_of(self.began + 2 * HOUR)
            copy_rows(
                ListMember,
                ("list_id", "profile_id", "source", "added_at"),
                ((found.pk, int(id), MemberSource.UPLOAD, added) for id in members),
            )

    def _segments(self) -> None:
        for number, (key, (name, tree)) in enumerate(SEGMENTS.items()):
            at = self.began + (3 + number) * HOUR
            audience = codec.encode(codec.decode(resolved(tree, self.ids)))
            segment, made = Segment.objects.get_or_create(name=name, defaults={"audience": audience})
            self.ids[key] = segment.pk
            if made:
                Segment.objects.filter(pk=segment.pk).update(created_at=moment_of(at), updated_at=moment_of(at))
                self.diary.note(at, "create", segment, f"Created the segment {name}.")

    def _automations(self, labels: dict[str, Label]) -> dict[str, list[Message]]:
        return {plan.key: self._automation(plan, labels) for plan in AUTOMATIONS}

    def _automation(self, plan: AutomationPlan, labels: dict[str, Label]) -> list[Message]:
        at = self.began + 20 * HOUR
        automation = Automation.objects.create(
            kind=Kind.AUTOMATION,
            name=plan.name,
            created_by=self.users[AUTHOR],
        )
        self.automation_ids[plan.key] = automation.pk
        Orchestration.objects.filter(pk=automation.pk).update(created_at=moment_of(at), updated_at=moment_of(at))
        automation.labels.set(labels[code] for code in plan.labels)
        steps = MessageStep.objects.bulk_create(
            MessageStep(
                orchestration=automation, key=step.key, name=step.name, channel=step.channel, position=position
            )
            for position, step in enumerate(plan.steps)
        )
        self.diary.note(at, "create", automation, f"Created the automation {plan.name}.")
        return [
            Message(automation.pk, made.pk, step.channel, step.appeal)
            for made, step in zip(steps, plan.steps, strict=True)
        ]


def _accounts() -> dict[str, User]:
    """Who can sign in. Somebody of that name who is there already keeps account, rights and password."""
    password = make_password(PASSWORD)
    users = {}
    for account in ACCOUNTS:
        admin = account.role == Role.ADMIN
        users[account.username], _ = User.objects.get_or_create(
            username=account.username,
            defaults={
                "first_name": account.first_name,
                "last_name": account.last_name,
                "email": f"{account.username}@example.com",
                "password": password,
                "role": account.role,
                "is_staff": admin,
                "is_superuser": admin,
            },
        )
    return users
