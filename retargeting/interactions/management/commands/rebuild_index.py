from typing import Any

from django.core.management.base import BaseCommand

from retargeting.interactions.index.layout import moment_of
from retargeting.interactions.index.rebuilding import rebuild


class Command(BaseCommand):
    help = "Make the index of events anew from their rows, month by month; what is answered stays exact."

    def handle(self, *args: Any, **options: Any) -> None:
        for month, events in rebuild():
            self.stdout.write(f"{moment_of(month):%Y-%m}: {events:,} events")
