#!/usr/bin/env python
"""Django's command line. Without DATABASE_URL a command runs against the embedded PostgreSQL."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retargeting.settings")
    from retargeting.postgres import attach_embedded

    attach_embedded(sys.argv)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
