"""kill -9 of the engine and of workers while people go through an automation: nobody goes twice, nobody is lost."""

from __future__ import annotations

import os
import random
import time
from collections import Counter

import pytest
from django.db import connection
from django.utils import timezone

from automations.actions import create_automation, save_draft
from automations.graph import codec
from automations.models import Journey, Passage
from automations.publishing import publish
from retargeting.conditions.nodes import Interaction
from retargeting.interactions.actions import accept_events
from retargeting.interactions.ingest import record_message_events
from retargeting.messaging.deliveries import event_rows
from retargeting.messaging.models import Chunk, Delivery, Dispatch
from retargeting.profiles.models import Address, Profile
from tests.automations.definitions import delay, guide, opened, push
from tests.drills.processes import Process, running, wait_until

PEOPLE = int(os.environ.get("JOURNEYS_PEOPLE", "3000"))
KILLS = int(os.environ.get("JOURNEYS_KILLS", "10"))
PORTION = 250
LONGEST = 180 + PEOPLE / 100
BATCH = 500
"""Of the sandbox: so many may be uncertain for each worker that was killed."""
ENVIRONMENT = {"RETARGETING_LEASE_SECONDS": "2", "RETARGETING_WORKERS": "2", "LOG_LEVEL": "CRITICAL"}

pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True)]


class Killer:
    """Ends one of the processes with all its children, at moments drawn by lot, and starts it again."""

    def __init__(self, engine: Process, workers: Process, seed: int) -> None:
        self.processes = [engine, engine, engine, workers]
        self.lot = random.Random(seed)
        self.kills: Counter[str] = Counter()
        self.next = time.monotonic() + 2.5

    def __call__(self) -> None:
        if sum(self.kills.values()) < KILLS and time.monotonic() >= self.next:
            victim = self.lot.choice(self.processes)
            victim.kill()
            self.kills[victim.command[2]] += 1
            self.next = time.monotonic() + self.lot.uniform(0.3, 2.5)
        for process in set(self.processes):
            process.keep()


def build() -> int:
    people = Profile.objects.bulk_create(Profile(external_id=f"p{number}") for number in range(PEOPLE))
    Address.objects.bulk_create(
        Address(profile=person, channel="push", address=f"token-{person.external_id}") for person in people
    )
    automation = create_automation(actor=None, name="Cart")
    steps = [
        push("first"),
        delay("wait", 30, "day"),
        {
            "key": "seen", "type": "split", "condition": opened(automation.pk, "first"),
            "yes": [push("thanks")], "no": [push("again")],
        },
        push("last"),
    ]  # fmt: skip
    definition = {"trigger": guide(automation.pk)["trigger"], "steps": steps}
    save_draft(actor=None, automation=automation, definition=codec.decode(definition))
    publish(actor=None, automation=automation)
    return automation.pk


def open_half(automation: int) -> set[int]:
    readers = set(Profile.objects.filter(pk__iregex="[02468]$").values_list("pk", flat=True))
    for dispatch in Dispatch.objects.filter(orchestration=automation, step__key="first"):
        got = dispatch.deliveries.filter(profile_id__in=readers).values_list("profile_id", flat=True)
        record_message_events(event_rows(dispatch, Interaction.OPENED, list(got)))
    return readers


def test_everybody_goes_each_step_once_whoever_is_killed():
    automation = build()
    engine = Process("move_journeys", "--follow", **ENVIRONMENT)
    workers = Process("workers", **ENVIRONMENT)
    clock = Process("clock", **ENVIRONMENT)
    killer = Killer(engine, workers, seed=7)
    with running(engine, workers, clock):
        for first in range(0, PEOPLE, PORTION):
            items = [
                {"id": f"cart-{number}", "profile": f"p{number}", "event": "added_to_cart"}
                for number in range(first, min(first + PORTION, PEOPLE))
            ]
            for _ in range(2):  # an event that is told twice is one
                assert not accept_events(actor=None, items=items).errors
            killer()

        def quiet() -> bool:
            return not Chunk.objects.exclude(status="done").exists()

        def all_wait() -> bool:
            return Journey.objects.filter(step="wait", way="waits").count() == PEOPLE and quiet()

        wait_until(all_wait, seconds=LONGEST, meanwhile=killer)
        readers = open_half(automation)
        Journey.objects.filter(status="waiting").update(due_at=timezone.now())

        def all_ended() -> bool:
            return not Journey.objects.filter(status="waiting").exists() and quiet()

        wait_until(all_ended, seconds=LONGEST, meanwhile=killer)
        while sum(killer.kills.values()) < KILLS:  # what has been done stays done
            killer()
            time.sleep(0.1)

    assert Journey.objects.filter(status="completed").count() == Journey.objects.count() == PEOPLE
    passed = Counter(Passage.objects.values_list("step", flat=True))
    yes = set(Passage.objects.filter(step="seen", way="yes").values_list("profile_id", flat=True))
    assert passed["first"] == passed["wait"] == passed["seen"] == passed["last"] == PEOPLE
    assert passed["thanks"] == len(yes)
    assert passed["again"] == PEOPLE - len(yes)
    uncertain_first = set(_uncertain("first"))
    assert len(yes) > PEOPLE / 3
    assert yes <= readers, "nobody is taken for a reader who has not opened it"
    assert readers - yes <= uncertain_first
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT (profile_id, step_id)) FROM messaging_delivery AS delivery"
                       " JOIN messaging_dispatch AS dispatch ON dispatch.id = dispatch_id")  # fmt: skip
        deliveries, different = cursor.fetchone()
    assert deliveries == different == 3 * PEOPLE, "each message of each person once"
    statuses = Counter(Delivery.objects.values_list("status", flat=True))
    assert set(statuses) <= {"sent", "uncertain"}, statuses
    assert statuses["uncertain"] <= killer.kills["workers"] * 2 * BATCH


def _uncertain(step: str) -> list[int]:
    found = Delivery.objects.filter(dispatch__step__key=step, status="uncertain")
    return list(found.values_list("profile_id", flat=True))
