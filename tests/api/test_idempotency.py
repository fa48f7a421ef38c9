import threading
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from retargeting.accounts.idempotency import forget_old_answers
from retargeting.accounts.models import IdempotentRequest
from retargeting.orchestrations.models import Label
from retargeting.profiles.models import Profile, ProfileList
from tests.api.conftest import problem_of

pytestmark = pytest.mark.django_db


def create(program, name, key):
    return program.post("/lists/", {"name": name}, headers={"Idempotency-Key": key})


def test_a_repeated_write_gets_the_same_answer_and_writes_once(program):
    first, second = create(program, "VIP", "k1"), create(program, "VIP", "k1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"
    assert ProfileList.objects.count() == 1


def test_an_answer_without_a_body_is_repeated_too(program):
    Label.objects.create(code="promo", name="Promo")
    for _ in range(2):
        answer = program.delete("/labels/promo/", headers={"Idempotency-Key": "k"})
        assert (answer.status_code, answer.content) == (204, b"")


def test_a_key_is_good_for_one_request_only(program):
    create(program, "VIP", "k1")
    problem_of(create(program, "Others", "k1"), 422)
    problem_of(program.post("/labels/", {"name": "VIP"}, headers={"Idempotency-Key": "k1"}), 422)
    assert ProfileList.objects.count() == 1


def test_programs_do_not_share_keys(program, program_with):
    assert create(program, "VIP", "k").status_code == 201
    assert create(program_with("manage"), "Others", "k").status_code == 201


def test_a_failed_write_may_be_corrected_under_the_same_key(program):
    problem_of(create(program, "", "k"), 422)
    assert create(program, "VIP", "k").status_code == 201


def test_reads_need_no_key_and_ignore_it(program):
    create(program, "VIP", "k")
    assert program.get("/lists/", headers={"Idempotency-Key": "k"}).json()["results"][0]["name"] == "VIP"


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a b", "é"])
def test_an_odd_key_is_refused(program, key):
    problem_of(program.post("/lists/", {"name": "VIP"}, HTTP_IDEMPOTENCY_KEY=key), 400)
    assert not ProfileList.objects.exists()


def test_a_batch_is_repeated_with_its_errors(program):
    body = {"profiles": [{"external_id": "ana"}, {"external_id": ""}]}
    first, second = (program.post("/profiles/bulk/", body, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert first.json() == second.json()
    assert first.json()["created"] == 1
    assert len(first.json()["errors"]) == 1


def test_answers_are_forgotten_after_a_day(program):
    create(program, "VIP", "k")
    IdempotentRequest.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert create(program, "Others", "k").status_code == 201
    IdempotentRequest.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert forget_old_answers() == 1


@pytest.mark.django_db(transaction=True)
def test_of_writes_at_once_under_one_key_one_is_done(program):
    """The first is held up by a lock, so that the second surely comes while it is at work."""
    Profile.objects.create(external_id="ana")
    answers = []

    def send():
        body = {"profiles": [{"external_id": "ana", "attributes": {"a": 1}}]}
        answers.append(program.post("/profiles/bulk/", body, headers={"Idempotency-Key": "k"}))
        connection.close()

    from django.db import transaction

    with transaction.atomic():
        Profile.objects.select_for_update().get()
        first = threading.Thread(target=send)
        first.start()
        wait_until_somebody_waits()
        second = threading.Thread(target=send)
        second.start()
        second.join(timeout=10)
        assert [problem_of(answer, 409)["status"] for answer in answers] == [409]
    first.join()
    assert [answer.status_code for answer in answers] == [409, 200]
    send()
    assert answers[-1]["Idempotency-Replayed"] == "true"
    assert answers[-1].json() == answers[1].json()


def wait_until_somebody_waits():
    for _ in range(500):
        with connection.cursor() as cursor:
            # In this database: the other tests that run now have theirs on the same server.
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_locks AS waiting JOIN pg_locks AS any_of_its USING (pid)"
                " JOIN pg_database ON pg_database.oid = any_of_its.database"
                " WHERE NOT waiting.granted AND datname = current_database())"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits for the lock")


@pytest.mark.django_db(transaction=True)
def test_ten_at_once_under_one_key_create_one(program):
    codes = []

    def send():
        codes.append(create(program, "VIP", "k").status_code)
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes) <= {201, 409}
    assert 201 in codes
    assert ProfileList.objects.count() == 1
