"""The drill of automations: `python -m tests.drills.journeys`, or `make drill-journeys`.

Many people go push → delay → split on "opened" → push → push, while engine, workers and database are killed -9. Then
the outbox of the sandbox is held against our own books: nobody went a step or got a message twice, and nobody is lost.
Ends with 1 if that is not so.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from retargeting.postgres import EmbeddedPostgres
from tests.drills.database import kill_database, own_database
from tests.drills.processes import Process, running

ENVIRONMENT = {"RETARGETING_LEASE_SECONDS": "3", "RETARGETING_WORKERS": "2"}
VICTIMS = {"the engine": 8, "a worker": 5, "the cluster": 3, "the database": 4}
"""With how often each is drawn, relative to the others."""
MESSAGES = ("first", "thanks", "again", "last")
PORTION = 1000  # events in one request
LONGEST = 900  # seconds for each half

Answer = TypeVar("Answer")


def patiently(ask: Callable[[], Answer]) -> Answer:
    """As a client does: again, when the database was killed under the request."""
    from django.db import InterfaceError, OperationalError, connection

    deadline = time.monotonic() + 60
    while True:
        try:
            return ask()
        except (OperationalError, InterfaceError):
            assert time.monotonic() < deadline, "the database does not come back"
            connection.close()
            time.sleep(0.1)


class Killer:
    """Kills when so many steps have been passed as was drawn; half of the kills on each side of the delay."""

    def __init__(self, server: EmbeddedPostgres, *, people: int, kills: int, seed: int) -> None:
        self.server = server
        self.engine = Process("move_journeys", "--follow")
        self.workers, self.clock = Process("workers"), Process("clock")
        draw = random.Random(seed)  # a plan, no secret
        before, after = range(people * 9 // 10), range(people * 2, people * 9 // 2)
        self.moments = sorted(draw.sample(before, kills // 2) + draw.sample(after, kills - kills // 2))
        drawn = draw.choices(list(VICTIMS), list(VICTIMS.values()), k=kills)
        self.victims = [*VICTIMS, *drawn][:kills]  # each at least once, where there are enough
        draw.shuffle(self.victims)
        self.done: Counter[str] = Counter()

    def see(self, passed: int) -> None:
        """So many steps have been passed by now."""
        for process in (self.engine, self.workers, self.clock):
            process.keep()
        if not self.moments or passed < self.moments[0]:
            return
        if self._kill(self.victims[0]):
            self.done[self.victims[0]] += 1
            self.moments.pop(0), self.victims.pop(0)

    def _kill(self, victim: str) -> bool:
        if victim == "a worker":
            return self.workers.kill_a_worker()
        if victim == "the database":
            kill_database(self.server)
        else:
            (self.engine if victim == "the engine" else self.workers).kill()
        return True


def build(people: int) -> int:
    from automations.actions import create_automation, save_draft
    from automations.graph import codec
    from automations.publishing import publish
    from retargeting.profiles.models import Address, Profile
    from tests.automations.definitions import delay, guide, opened, push

    everybody = Profile.objects.bulk_create(Profile(external_id=f"p{number}") for number in range(people))
    Address.objects.bulk_create(
        Address(profile=person, channel="push", address=f"token-{person.external_id}") for person in everybody
    )
    automation = create_automation(actor=None, name="Cart")
    seen = {
        "key": "seen",
        "type": "split",
        "condition": opened(automation.pk, "first"),
        "yes": [push("thanks")],
        "no": [push("again")],
    }
    steps = [push("first"), delay("wait", 30, "day"), seen, push("last")]
    definition = {"trigger": guide(automation.pk)["trigger"], "steps": steps}
    save_draft(actor=None, automation=automation, definition=codec.decode(definition))
    publish(actor=None, automation=automation)
    return automation.pk


def enter(people: int, killer: Killer) -> None:
    """Each event is told twice, as a client does that got no answer."""
    from retargeting.interactions.actions import accept_events

    for first in range(0, people, PORTION):
        items = [
            {"id": f"cart-{number}", "profile": f"p{number}", "event": "added_to_cart"}
            for number in range(first, min(first + PORTION, people))
        ]
        for _ in range(2):
            assert not patiently(lambda: accept_events(actor=None, items=items)).errors  # noqa: B023  # asked at once
        killer.see(patiently(passed))


def passed() -> int:
    from automations.models import Passage

    return Passage.objects.count()


def open_half(automation: int) -> set[int]:
    """Every second person opens the first push, who got it; returns these people."""
    from retargeting.conditions.nodes import Interaction
    from retargeting.interactions.ingest import record_message_events
    from retargeting.messaging.deliveries import event_rows
    from retargeting.messaging.models import Delivery, Dispatch

    readers = set()
    for dispatch in Dispatch.objects.filter(orchestration=automation, step__key="first"):
        got = Delivery.objects.filter(dispatch=dispatch, status="sent").values_list("profile_id", flat=True)
        chosen = [person for person in got if person % 2]
        record_message_events(event_rows(dispatch, Interaction.OPENED, chosen))
        readers.update(chosen)
    return readers


def wait(reached: Callable[[], bool], killer: Killer) -> bool:
    """Until it is reached and nothing is being sent; False if that takes too long."""
    from retargeting.messaging.models import Chunk

    def still() -> bool:
        return reached() and not Chunk.objects.exclude(status="done").exists()

    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        if patiently(still):
            return True
        killer.see(patiently(passed))
        time.sleep(0.05)
    return False


def problems(people: int, readers: set[int], killer: Killer) -> list[str]:
    from automations.models import Journey, Passage
    from retargeting.channels.models import SandboxMessage
    from retargeting.channels.registry import PROVIDERS
    from retargeting.messaging.models import Delivery

    went = Counter(Passage.objects.values_list("step", "profile_id"))
    by_step = Counter(step for step, _ in went)
    yes = set(Passage.objects.filter(step="seen", way="yes").values_list("profile_id", flat=True))
    ours = list(Delivery.objects.values_list("pk", "dispatch__step__key", "profile_id", "status"))
    each = Counter((step, person) for _, step, person, _ in ours)
    statuses = Counter(status for *_, status in ours)
    outbox = Counter(SandboxMessage.objects.values_list("delivery_id", flat=True))
    received = Counter((step, person) for pk, step, person, _ in ours for _ in range(outbox[pk]))
    allowed = sum(killer.done.values()) * PROVIDERS["sandbox"].batch_size
    print(f"  {sum(went.values()):,} steps passed, {len(yes):,} of {len(readers):,} who opened went yes;"
          f" {sum(outbox.values()):,} messages in the outbox, {sum(n > 1 for n in received.values())} of them twice;"
          " ours: " + ", ".join(f"{number:,} {status}" for status, number in sorted(statuses.items()))
          + f" (uncertain allowed: {allowed:,})")  # fmt: skip
    must_pass = dict.fromkeys(("first", "wait", "seen", "last"), people)
    must_pass |= {"thanks": len(yes), "again": people - len(yes)}
    found = {
        "journeys did not complete": people - Journey.objects.filter(status="completed").count(),
        "journeys are not the people's": abs(Journey.objects.count() - people),
        "went a step twice": sum(number > 1 for number in went.values()),
        "went the wrong way": len(yes ^ readers),
        "have a message twice": sum(number > 1 for number in each.values()),
        "got a message twice": sum(number > 1 for number in received.values()),
        "have no message of a step": sum(abs(by_step[s] - sum(step == s for step, _ in each)) for s in MESSAGES),
        "count as sent but got nothing": sum(not outbox[pk] for pk, *_, status in ours if status == "sent"),
        "are in a state that is not final": sum(statuses[s] for s in statuses.keys() - {"sent", "uncertain"}),
        "are uncertain, above what is allowed": max(0, statuses["uncertain"] - allowed),
        "kills found nothing to kill": len(killer.moments),
    }
    found |= {f"passed {step!r} too often or too rarely": abs(by_step[step] - n) for step, n in must_pass.items()}
    return [f"{number:,} {words}" for words, number in found.items() if number]


def drill(people: int, kills: int, seed: int, server: EmbeddedPostgres) -> bool:
    """Whether it came out as it must; says how."""
    from django.utils import timezone

    from automations.models import Journey

    automation, began = build(people), time.monotonic()
    killer = Killer(server, people=people, kills=kills, seed=seed)

    def all_wait() -> bool:
        return Journey.objects.filter(step="wait", way="waits").count() == people

    def all_ended() -> bool:
        return not Journey.objects.filter(status="waiting").exists()

    with running(killer.engine, killer.workers, killer.clock):
        enter(people, killer)
        ended = wait(all_wait, killer)
        readers = open_half(automation)
        Journey.objects.filter(status="waiting").update(due_at=timezone.now())
        ended = ended and wait(all_ended, killer)
    seconds = time.monotonic() - began
    killed = ", ".join(f"{number} × {victim}" for victim, number in sorted(killer.done.items()))
    print(f"\n{people:,} people through an automation in {seconds:.0f} s; killed {killed}")
    found = problems(people, readers, killer) + ([] if ended else [f"it did not end in {LONGEST} s"])
    for problem in found:
        print(f"  PROBLEM: {problem}", flush=True)
    return not found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000, help="draws the kills again")
    options = parser.parse_args()
    with own_database(**ENVIRONMENT) as server:
        print(f"Seed {options.seed}", flush=True)
        fine = drill(options.people, options.kills, options.seed, server)
    sys.exit(not fine)


if __name__ == "__main__":
    main()
