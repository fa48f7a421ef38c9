from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from retargeting.interactions.index.folding import in_turn
from retargeting.interactions.index.retention import LEAST_MONTHS, drop_old_rows


class Command(BaseCommand):
    help = "Drop the rows of message events that are older than so many months; the index goes on answering."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("months", type=int, help=f"how many whole months to keep, {LEAST_MONTHS} at least")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["months"] < LEAST_MONTHS:
            raise CommandError(f"Keep {LEAST_MONTHS} months at least.")
        with in_turn():
            for name in drop_old_rows(timezone.now(), options["months"]):
                self.stdout.write(f"{name} dropped")
