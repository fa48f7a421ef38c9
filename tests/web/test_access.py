"""Who may open what: every address is tried, so that a new page cannot be forgotten."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse

# What strangers must be able to open: the log-in, what mails link to, and the API, which asks for a key itself.
PUBLIC = {"login", "admin:login", "track-open", "track-click", "track-report", "short-link", "unsubscribe"}
PUBLIC |= {"api-schema", "api-docs"}
EXAMPLES = {"int": "1", "str": "x", "slug": "x", "uuid": "00000000-0000-0000-0000-000000000000", "path": "x"}


def addresses(resolver: URLResolver, base: str = "/", space: str = "") -> Iterator[tuple[str, str]]:
    """(name, address) of everything below `resolver`, with an example for each argument."""
    for entry in resolver.url_patterns:
        part = str(entry.pattern)
        for name, converter in getattr(entry.pattern, "converters", {}).items():
            kind = type(converter).__name__.removesuffix("Converter").lower().replace("string", "str")
            for text in (f"<{kind}:{name}>", f"<{name}>"):
                part = part.replace(text, EXAMPLES.get(kind, "x"))
        if isinstance(entry, URLResolver):
            yield from addresses(entry, base + part, f"{space}{entry.namespace}:" if entry.namespace else space)
        elif isinstance(entry, URLPattern) and "(?P" not in part:
            yield space + (entry.name or ""), (base + part).replace("^", "").replace("\\Z", "").replace("$", "")


@pytest.mark.django_db
def test_every_address_answers_a_stranger_with_log_in_or_refusal(client):
    tried = 0
    for name, address in addresses(get_resolver()):
        if name in PUBLIC:
            continue
        for method in (client.get, client.post):
            status = method(address).status_code
            assert status in {301, 302, 401, 403, 404, 405}, f"{address} ({name}) answers a stranger with {status}"
            if not address.startswith("/api/"):
                assert status in {301, 302, 401, 403}, f"{address} ({name}) answers a stranger with {status}"
        tried += 1
    assert tried > 40


@pytest.mark.django_db
def test_a_fragment_sends_a_stranger_to_the_log_in_page_and_back_to_the_page(client):
    response = client.get(
        reverse("people"), headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/people/?q=ana"}
    )
    assert response.status_code == 401
    assert response["HX-Redirect"] == "/login/?next=/people/%3Fq%3Dana"


@pytest.mark.django_db
def test_a_fragment_from_an_address_that_is_none_goes_to_the_log_in_page(client):
    response = client.get(reverse("people"), headers={"HX-Request": "true", "HX-Current-URL": "http://[x"})
    assert response["HX-Redirect"] == "/login/?next=/"


WRITING = ["label-create", "label-edit", "label-delete", "person-erase"]


@pytest.mark.parametrize("name", WRITING)
def test_a_viewer_can_open_no_form_that_writes_and_post_none(viewer_client, world, name):
    pk = world.person.pk if name.startswith("person") else world.label.pk
    address = reverse(name, args=[] if name.endswith("create") else [pk])
    assert viewer_client.get(address).status_code == 403
    assert viewer_client.post(address).status_code == 403


def test_a_viewer_is_not_shown_what_a_viewer_cannot_do(viewer_client, marketer_client, world):
    for name, pk in (("label", world.label.pk), ("person", world.person.pk)):
        address = reverse(name, args=[pk])
        assert b"/delete/" not in viewer_client.get(address).content
        assert b"/erase/" not in viewer_client.get(address).content
        page = marketer_client.get(address).content
        assert b"/delete/" in page or b"/erase/" in page


def test_only_admins_are_shown_the_administration(marketer_client, owner_client):
    assert b'href="/admin/"' not in marketer_client.get("/").content
    assert b'href="/admin/"' in owner_client.get("/").content


def test_logging_in_and_out(client, marketer):
    response = client.post(reverse("login"), {"username": "mara", "password": "correct-horse", "next": "/people/"})
    assert response["Location"] == "/people/"
    assert client.get("/people/").status_code == 200
    assert client.get(reverse("logout")).status_code == 405
    client.post(reverse("logout"))
    assert client.get("/people/").status_code == 302
