from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from retargeting.accounts.models import ApiKey, Scope
from retargeting.profiles.models import Profile
from tests.api.conftest import Program, problem_of

pytestmark = pytest.mark.django_db

CALLS = [
    ("get", "/labels/", "read"), ("post", "/labels/", "manage"), ("get", "/labels/promo/", "read"),
    ("put", "/labels/promo/", "manage"), ("patch", "/labels/promo/", "manage"), ("delete", "/labels/promo/", "manage"),
    ("get", "/lists/", "read"), ("post", "/lists/", "manage"), ("get", "/lists/1/", "read"),
    ("put", "/lists/1/", "manage"), ("patch", "/lists/1/", "manage"), ("delete", "/lists/1/", "manage"),
    ("post", "/lists/1/members/", "manage"), ("get", "/channels/", "read"), ("get", "/channels/push/", "read"),
    ("post", "/profiles/bulk/", "ingest"), ("post", "/events/bulk/", "ingest"),
    ("post", "/interactions/bulk/", "ingest"),
    ("get", "/profiles/ana/", "read"), ("patch", "/profiles/ana/", "ingest"), ("delete", "/profiles/ana/", "manage"),
    ("get", "/profiles/ana/timeline/", "read"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_every_call_needs_a_key_with_its_scope(stranger, program_with, method, path, scope):
    answer = getattr(stranger, method)(path)
    problem_of(answer, 401)
    assert answer["WWW-Authenticate"].startswith("Bearer")
    others = program_with(*(other for other in Scope.values if other != scope))
    assert scope in problem_of(getattr(others, method)(path), 403)["detail"]
    assert getattr(program_with(scope), method)(path).status_code not in {401, 403}


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer nonsense",
        "Bearer",
        "Bearer a b",
        "Basic YTpi",
        "Bearer \xff\xfe",
        "",
        "bearer  ",
        "Bearer " + "x" * 5_000,
    ],
)
def test_what_is_no_key_opens_nothing(db, authorization):
    program = Program()
    program.credentials(HTTP_AUTHORIZATION=authorization)
    problem_of(program.get("/labels/"), 401)


def test_a_revoked_key_opens_nothing(program):
    assert program.get("/labels/").status_code == 200
    ApiKey.objects.update(revoked_at=timezone.now())
    assert "revoked" in problem_of(program.get("/labels/"), 401)["detail"]


def test_somebody_signed_in_on_the_pages_is_a_stranger_to_the_api(owner_client):
    problem_of(owner_client.get("/api/v1/labels/"), 401)


def test_nothing_is_read_or_changed_before_the_key_is_checked(stranger):
    Profile.objects.create(external_id="ana")
    problem_of(stranger.delete("/profiles/ana/"), 401)
    problem_of(stranger.post_raw("/profiles/bulk/", b"not json"), 401)
    assert Profile.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_use_of_a_key_is_noted_once_a_minute(program, django_assert_num_queries):
    program.get("/labels/")
    first = ApiKey.objects.get().last_used_at
    assert first is not None
    with django_assert_num_queries(2):
        program.get("/labels/")
    assert ApiKey.objects.get().last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(minutes=2))
    program.get("/labels/")
    assert ApiKey.objects.filter(last_used_at__gt=first).exists()


def test_the_command_prints_the_key_and_nothing_else():
    out = StringIO()
    call_command("create_api_key", "--name", "Shop", stdout=out)
    key = out.getvalue()
    assert key.endswith("\n")
    assert len(key.split()) == 1
    assert Program(key.strip()).get("/labels/").status_code == 200
    assert ApiKey.objects.get().scopes == list(Scope.values)


def test_the_command_gives_only_the_scopes_that_were_asked_for():
    call_command("create_api_key", "--name", "Shop", "--scopes", "read", "ingest", stdout=StringIO())
    assert ApiKey.objects.get().scopes == ["read", "ingest"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\x00b"])
def test_the_command_wants_a_name(name):
    with pytest.raises(CommandError):
        call_command("create_api_key", "--name", name, stdout=StringIO())
    assert not ApiKey.objects.exists()
