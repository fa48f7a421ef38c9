from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from retargeting.demo.loading import load

PEOPLE, SEED = 20_000, 2026
FEWEST = 100
"""With fewer people some audiences of the sample campaigns would be empty."""


class Command(BaseCommand):
    help = "Fill an empty database with sample data: people, campaigns, automations and their history."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--people", type=int, default=PEOPLE, help=f"how many people (default {PEOPLE:,})")
        parser.add_argument("--seed", type=int, default=SEED, help="another number gives other people")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["people"] < FEWEST:
            raise CommandError(f"--people is at least {FEWEST}.")
        started = time.monotonic()
        loaded = load(size=options["people"], seed=options["seed"], now=timezone.now())
        if loaded is None:
            self.stdout.write("There is data already; no sample data was loaded.")
            return
        self.stdout.write(
            f"Loaded {loaded.people:,} people, {loaded.campaigns} campaigns, {loaded.deliveries:,} deliveries, "
            f"{loaded.message_events:,} message events and {loaded.custom_events:,} custom events "
            f"in {time.monotonic() - started:.0f} s."
        )
