from typing import Any

from django.core.management.base import BaseCommand

from retargeting import clock


class Command(BaseCommand):
    help = "Turn due times into tasks, once a second. Several may run; one of them leads."

    def handle(self, *args: Any, **options: Any) -> None:
        clock.run()
