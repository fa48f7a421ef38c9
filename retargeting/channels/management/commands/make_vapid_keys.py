from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from retargeting.channels.webpush.encryption import make_keys


class Command(BaseCommand):
    help = "Make a pair of keys for Web Push (VAPID). The private one belongs into the settings of the push channel."

    def handle(self, *args: Any, **options: Any) -> None:
        public, private = make_keys()
        self.stdout.write(f"public:  {public}\nprivate: {private}")
