import json

import pytest

from retargeting.accounts.models import Scope
from retargeting.urls import api_urlpatterns

pytestmark = pytest.mark.django_db


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if "operationId" in operation:
                yield f"{method.upper()} {path}", operation


@pytest.fixture
def document(client):
    response = client.get("/api/v1/schema/")
    assert response.status_code == 200
    return json.loads(response.content)


def test_every_call_names_its_scope_and_the_shape_of_errors(document):
    assert api_urlpatterns
    for name, operation in operations(document):
        assert operation["x-scope"] in Scope.values, name
        assert "application/problem+json" in operation["responses"]["default"]["content"], name
        assert operation["description"], name


def test_every_call_that_takes_a_body_says_what_is_in_it(document):
    for name, operation in operations(document):
        if name.startswith(("PUT", "PATCH")) or name.endswith("bulk/"):
            assert operation["requestBody"]["content"]["application/json"]["schema"], name


def test_bulk_calls_are_for_ingesting_and_erasing_is_not(document):
    assert document["paths"]["/api/v1/profiles/bulk/"]["post"]["x-scope"] == "ingest"
    assert document["paths"]["/api/v1/profiles/{external_id}/"]["delete"]["x-scope"] == "manage"


def test_the_page_lists_every_call_for_everybody(client, marketer_client, document):
    for visitor in (client, marketer_client):
        page = visitor.get("/api/docs/").content.decode()
        for _, operation in operations(document):
            assert f'id="{operation["operationId"]}"' in page
        assert "Authorization: Bearer" in page
    assert "/login/" not in page


def test_the_document_is_made_without_complaints(capsys):
    from drf_spectacular.drainage import GENERATOR_STATS

    from retargeting.api import schema

    schema.document.cache_clear()
    with GENERATOR_STATS.silence():
        GENERATOR_STATS.reset()
        schema.document()
        assert not GENERATOR_STATS
