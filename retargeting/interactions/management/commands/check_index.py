from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retargeting.interactions.index.checking import differences


class Command(BaseCommand):
    help = "Compare the index of events with their rows, and say where they differ."

    def handle(self, *args: Any, **options: Any) -> None:
        count = 0
        for difference in differences():
            count += 1
            self.stdout.write(str(difference))
        if count:
            raise CommandError(f"{count:,} parts of it differ from the rows; rebuild_index makes them anew.")
        self.stdout.write("The index holds what the rows say.")
