from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from automations.engine.following import follow, turn


class Command(BaseCommand):
    help = "Move people through automations. Several may run; each takes steps that no other one is at."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--follow", action="store_true", help="go on until stopped")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["follow"]:
            follow()
        journeys = transitions = 0
        while (moved := turn()).journeys:
            journeys, transitions = journeys + moved.journeys, transitions + moved.transitions
        self.stdout.write(f"{journeys:,} journeys passed {transitions:,} steps.")
