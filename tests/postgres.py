"""Gives every test process its own throwaway PostgreSQL, unless DATABASE_URL names one. Loaded before Django is.

A server for each process of pytest-xdist, not a database: a transaction that goes on in another database of the same
server holds folding back, as it should.
"""

import atexit
import os

from retargeting.postgres import temporary

OURS = "RETARGETING_TESTS_OWN_SERVER"  # what a worker inherits is its parent's server, and not named by anybody

os.environ.setdefault("SECRET_KEY", "only-for-tests")
os.environ.setdefault("LAUNCH_GRACE_SECONDS", "0")  # those that are about the grace set their own
# A kept connection of a live server's thread would stand in the way of removing the database.
os.environ.setdefault("DATABASE_CONNECTION_SECONDS", "0")

if not os.environ.get("DATABASE_URL") or OURS in os.environ:
    url, server = temporary()
    os.environ.update({"DATABASE_URL": url, OURS: "1"})

    @atexit.register
    def stop() -> None:
        server.release()
        server.remove()
