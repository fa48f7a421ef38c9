from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from retargeting.interactions.index.closing import close
from retargeting.interactions.index.folding import fold_all
from retargeting.interactions.index.following import follow


class Command(BaseCommand):
    help = "Fold new message events into the index. Several may run; one at a time changes it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--follow", action="store_true", help="go on until stopped")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["follow"]:
            follow()
        folded = fold_all()
        close(timezone.now())
        self.stdout.write(f"{folded:,} events folded.")
