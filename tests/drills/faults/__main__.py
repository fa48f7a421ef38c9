"""The fault drill: `python -m tests.drills.faults`, or `make drill`.

For each provider a campaign goes out to many people, through a provider that does all that goes wrong, while workers,
clock and database are killed -9. Then the provider's own book is held against what we say: nobody got two, nobody is
lost, and every state is final. Ends with 1 if that is not so.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections import Counter

from retargeting.postgres import EmbeddedPostgres
from tests.drills.database import own_database

ENVIRONMENT = {
    "ALLOW_PRIVATE_ADDRESSES": "1",
    "RETARGETING_LEASE_SECONDS": "15",  # a batch whose provider never answers takes ten
    "RETARGETING_FIRST_RETRY_SECONDS": "1",
    "RETARGETING_WORKERS": "2",
}
PROVIDERS = ("fcm", "webpush", "smtp", "twilio", "in_app", "sandbox")
LONGEST = 900  # seconds for one provider


def load(people: int, channel: str, address: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO profiles_profile"
            " (id, external_id, attributes, language, time_zone, created_at, updated_at)"
            " SELECT n, 'p' || n, jsonb_build_object('first_name', 'Name' || n), '', '', now(), now()"
            " FROM generate_series(1, %s) AS n",
            [people],
        )
        cursor.execute(
            "INSERT INTO profiles_address (profile_id, channel, address, subscribed, created_at, updated_at)"
            f" SELECT n, %s, {address}, true, now(), now() FROM generate_series(1, %s) AS n",
            [channel, people],
        )
        cursor.execute("ANALYZE")


def drill(provider: str, *, people: int, kills: int, seed: int, server: EmbeddedPostgres) -> bool:
    """Whether it came out as it must; says how."""
    from campaigns.actions import create_campaign
    from campaigns.moves import launch
    from retargeting.channels.models import ChannelConfig
    from tests.drills.faults.cases import CASES, CONTENT
    from tests.drills.faults.killing import Killer
    from tests.drills.faults.ledger import Ledger
    from tests.drills.faults.verdict import Verdict
    from tests.drills.processes import Process, running

    case, ledger = CASES[provider], Ledger(people, seed)
    with case.running(ledger) as (settings, address):
        load(people, case.channel, address)
        ChannelConfig.objects.update_or_create(channel=case.channel, defaults=settings)
        campaign = create_campaign(actor=None, name="Drill", channel=case.channel, content=CONTENT[case.channel])
        workers, clock = Process("workers"), Process("clock")
        killer = Killer(server, workers, clock, people=people, kills=kills, seed=seed)
        with running(workers, clock):
            began = time.monotonic()
            run = launch(actor=None, campaign=campaign)
            ended = watch(run.dispatch_id, killer)
            seconds = time.monotonic() - began
        verdict = Verdict(case, ledger, run.dispatch_id, kills=sum(killer.done.values()), people=people)
        problems = verdict.problems() + ([] if ended else [f"it did not end in {LONGEST} s"])
        if killer.moments:
            problems.append(f"{len(killer.moments)} kills found nothing to kill")
    print(f"\n{case.channel} through {provider}: {people:,} people in {seconds:.0f} s")
    print(f"  killed {_listed(killer.done)}; faults: {_listed(ledger.faults) or 'none but the kills'}")
    print(f"  {verdict}")
    for problem in problems:
        print(f"  PROBLEM: {problem}", flush=True)
    return not problems


def watch(dispatch_id: int, killer: object) -> bool:
    """Until the dispatch is completed; False if that takes too long."""
    from django.db import InterfaceError, OperationalError, connection

    from retargeting.messaging.models import Delivery, Dispatch, DispatchStatus
    from tests.drills.faults.killing import Killer

    assert isinstance(killer, Killer)
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        try:
            written = Delivery.objects.filter(dispatch=dispatch_id).count()
            if Dispatch.objects.get(pk=dispatch_id).status == DispatchStatus.COMPLETED:
                return True
        except (OperationalError, InterfaceError):  # it has just been killed
            connection.close()
        else:
            killer.see(written)
        time.sleep(0.02)
    return False


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{number:,} × {name}" for name, number in sorted(counts.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--providers", nargs="+", default=list(PROVIDERS))
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000, help="draws faults and kills again")
    options = parser.parse_args()
    if len(options.providers) > 1:  # each with a process and a database of its own
        rest = [f"--{name}={getattr(options, name)}" for name in ("people", "kills", "seed")]
        print(f"Seed {options.seed}", flush=True)
        parts = [
            subprocess.run([sys.executable, "-m", "tests.drills.faults", "--providers", name, *rest], check=False)
            for name in options.providers
        ]
        sys.exit(any(part.returncode for part in parts))
    with own_database(**ENVIRONMENT) as server:
        fine = drill(
            options.providers[0], people=options.people, kills=options.kills, seed=options.seed, server=server
        )
    sys.exit(not fine)


if __name__ == "__main__":
    main()
