"""kill -9 in the middle of loading: the database is as empty as before, and the next load fills it."""

import pytest
from django.db import connection, transaction
from django.utils import timezone

from campaigns.models import Campaign
from retargeting.accounts.models import User
from retargeting.demo.loading import load
from retargeting.orchestrations.models import Label
from retargeting.profiles.models import Profile
from tests.drills.processes import Process, running, wait_until

LOADING = """
    SELECT count(*) FROM pg_locks
    JOIN pg_class ON pg_class.oid = relation JOIN pg_database ON pg_database.oid = database
    WHERE datname = current_database() AND mode = 'RowExclusiveLock' AND pid <> pg_backend_pid() AND relname = %s
"""


def written_to(table: str) -> bool:
    """Whether another session has rows in this table that are not committed."""
    with connection.cursor() as cursor:
        cursor.execute(LOADING, [table])
        [number] = cursor.fetchone()
    return bool(number)


@pytest.mark.drill
@pytest.mark.django_db(transaction=True)
def test_a_killed_load_leaves_nothing_behind_and_the_next_one_loads_everything():
    killed = Process("load_demo", "--people", "3000")
    with running(killed):
        wait_until(lambda: written_to("messaging_delivery") or killed.popen.poll() is not None, seconds=60)
        assert killed.popen.poll() is None, "it ended before it could be killed"
        killed.kill()
    wait_until(lambda: not written_to("messaging_delivery"), seconds=20)
    assert [model.objects.count() for model in (Profile, Campaign, Label, User)] == [0, 0, 0, 0]
    with transaction.atomic():
        loaded = load(size=100, seed=1, now=timezone.now())
        assert loaded is not None
        assert (loaded.people, loaded.campaigns) == (100, 40)
        transaction.set_rollback(True)  # no other test is to find these events
