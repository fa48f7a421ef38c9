import contextlib
import os
from typing import Any

from django.core.management.base import BaseCommand

from retargeting.queue import run_workers


class Command(BaseCommand):
    help = "Run the workers that compute audiences and send. Ends when one of them is killed; have it restarted."

    def handle(self, *args: Any, **options: Any) -> None:
        with contextlib.suppress(PermissionError):  # it leads a session already, and with that a group
            os.setpgid(0, 0)
        run_workers()
