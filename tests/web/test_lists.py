"""Lists as pages and as fragments, narrowed, sorted and turned; and how many queries each page makes."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

LISTS = ["people", "labels", "activity", "outbox", "automations"]

# A page makes this many queries, whatever the number of its rows. Raise a number only with a reason.
QUERIES = {
    "home": 15,
    "people": 5,
    "labels": 4,
    "activity": 6,
    "outbox": 7,
    "automations": 7,
    "person": 10,
    "label": 5,
    "outbox-message": 5,
    "search": 8,
}


def fragment(client, address, **data):
    return client.get(address, data, headers={"HX-Request": "true", "HX-Target": "list"})


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_a_page_for_the_browser_and_a_fragment_for_htmx(viewer_client, world, name):
    page = viewer_client.get(reverse(name))
    assert b"<!doctype html>" in page.content
    assert b'id="list"' in page.content
    assert b'id="sidebar"' in page.content
    part = fragment(viewer_client, reverse(name))
    assert part.status_code == 200
    assert b"<!doctype html>" not in part.content
    assert b'id="sidebar"' not in part.content
    assert part.content.count(b'id="list"') == 1
    assert b'hx-swap-oob="innerHTML"' in part.content
    assert "HX-Request" in part["Vary"]


@pytest.mark.parametrize("name", LISTS)
def test_a_search_that_finds_nothing_says_so_and_offers_the_way_back(viewer_client, world, name):
    response = viewer_client.get(reverse(name), {"q": "zzzzzz"})
    assert "Nothing fits" in response.text
    assert "Clear search and filters" in response.text


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("query", ["page=999", "page=x", "sort=nonsense", "q=%00", "page=-1", "q=" + "x" * 300])
def test_nonsense_in_the_address_is_no_error(viewer_client, world, name, query):
    assert viewer_client.get(f"{reverse(name)}?{query}").status_code == 200


@pytest.mark.parametrize("name", LISTS)
def test_an_empty_list_says_what_it_is_for(viewer_client, name):
    assert 'class="empty-state"' in viewer_client.get(reverse(name)).text


def test_people_are_found_by_external_id_and_by_address(viewer_client, world):
    for words in ("cust-7", "ana7@example.org"):
        assert f"/people/{world.person.pk}/" in fragment(viewer_client, reverse("people"), q=words).text


def test_people_are_narrowed_by_channel_and_country(viewer_client, world):
    assert "60 people" in viewer_client.get(reverse("people"), {"reachable": "email", "country": "France"}).text
    assert "Nothing fits" in viewer_client.get(reverse("people"), {"reachable": "push"}).text


def test_a_page_number_and_a_sort_order_keep_the_filters(viewer_client, world):
    page = viewer_client.get(reverse("people"), {"country": "France", "sort": "id"}).text
    assert re.search(r'href="\?country=France&amp;sort=id&amp;page=2"', page)
    assert re.search(r'href="\?country=France&amp;sort=-id"', page)
    assert 'aria-sort="ascending"' in page


def counted(client, address):
    client.get(address)  # what is kept for a minute is kept from here on
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(address).status_code == 200
    return queries


@pytest.mark.parametrize("name", QUERIES)
def test_a_page_makes_no_more_queries_than_it_used_to(owner_client, world, name):
    pk = {"person": world.person.pk, "label": world.label.pk, "outbox-message": world.mail.pk}.get(name)
    address = reverse(name, args=[pk] if pk else []) + ("?q=a" if name == "search" else "")
    queries = counted(owner_client, address)
    said = "\n".join(query["sql"][:160] for query in queries)
    assert len(queries) <= QUERIES[name], f"{len(queries)} queries:\n{said}"
