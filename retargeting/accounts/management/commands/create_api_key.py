from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from retargeting.accounts.actions import create_api_key
from retargeting.accounts.models import Scope


class Command(BaseCommand):
    help = "Create an API key and print it, and nothing else, on standard output. It cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="what the key is for")
        parser.add_argument(
            "--scopes",
            nargs="+",
            choices=Scope.values,
            default=Scope.values,
            help="what it may do; everything if left out",
        )

    def handle(self, *args: Any, name: str, scopes: list[str], **options: Any) -> None:
        name = name.strip()
        if not 0 < len(name) <= 100 or not name.isprintable():
            raise CommandError("A name has 1 to 100 printable characters.")
        _, key = create_api_key(actor=None, name=name, scopes=dict.fromkeys(scopes))
        self.stdout.write(key)
