"""Gives every test run its own throwaway PostgreSQL, unless DATABASE_URL names one. Loaded before Django is."""

import atexit
import os

from retargeting.postgres import temporary

os.environ.setdefault("SECRET_KEY", "only-for-tests")
# A kept connection of a live server's thread would stand in the way of removing the database.
os.environ.setdefault("DATABASE_CONNECTION_SECONDS", "0")

if not os.environ.get("DATABASE_URL"):
    url, server = temporary()
    os.environ["DATABASE_URL"] = url  # workers of pytest-xdist inherit it

    @atexit.register
    def stop() -> None:
        server.release()
        server.remove()
