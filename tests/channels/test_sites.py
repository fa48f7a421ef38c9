"""Sites in the administration: what an admin needs to have the SDK on a page."""

from __future__ import annotations

import hmac
import json
import re

import pytest
from django.urls import reverse

from retargeting.accounts.models import Activity
from retargeting.channels.models import Site
from retargeting.profiles.actions import upsert_profiles

ADD = "admin:channels_site_add"
TYPED = {"name": "Shop", "origins": "https://Shop.example/\nhttp://localhost:3000", "attributes": "plan"}


@pytest.fixture
def page(owner_client) -> str:
    """What an admin sees after a site was added."""
    return owner_client.post(reverse(ADD), TYPED, follow=True).text


def secret_on(page: str) -> str:
    return re.search(r"The secret of Shop: <code>([^<]+)</code>", page)[1]


def asks(client, site: Site, secret: str) -> int:
    upsert_profiles(actor=None, items=[{"external_id": "ana"}])
    proof = hmac.new(secret.encode(), b"ana", "sha256").hexdigest()
    body = json.dumps({"user": "ana", "hash": proof})
    path = f"/sdk/v1/{site.key}/messages/"
    return client.post(path, body, content_type="text/plain", headers={"Origin": "https://shop.example"}).status_code


def test_a_new_site_shows_its_secret_once_and_the_line_for_its_pages(page, owner_client, client):
    site = Site.objects.get()
    assert site.allowed_origins == {"https://shop.example", "http://localhost:3000"}
    assert f"data-key=&quot;{site.key}&quot;" in page
    assert asks(client, site, secret_on(page)) == 200
    again = owner_client.get(reverse("admin:channels_site_change", args=[site.pk])).text
    assert site.secrets["identity"] not in again
    assert "Created the site Shop" in Activity.objects.first().summary


def test_a_new_secret_ends_the_old_one(page, owner_client, client):
    site = Site.objects.get()
    chosen = {"action": "renew_secret", "_selected_action": [site.pk]}
    after = owner_client.post(reverse("admin:channels_site_changelist"), chosen, follow=True).text
    assert asks(client, site, secret_on(page)) in {401, 403}
    assert asks(client, site, secret_on(after)) == 200


def test_changing_a_site_keeps_its_key_and_secret(page, owner_client):
    before = Site.objects.get()
    owner_client.post(reverse("admin:channels_site_change", args=[before.pk]), {**TYPED, "name": "Store"})
    after = Site.objects.get()
    assert (after.name, after.key, after.secrets) == ("Store", before.key, before.secrets)


@pytest.mark.parametrize("origins", ["shop.example", "https://shop.example/sale", "ftp://shop.example", "*"])
def test_what_is_no_origin_is_refused(owner_client, origins):
    page = owner_client.post(reverse(ADD), {**TYPED, "origins": origins}).text
    assert "is no origin" in page
    assert not Site.objects.exists()


def test_a_marketer_sets_up_no_sites(marketer_client):
    assert marketer_client.post(reverse(ADD), TYPED).status_code in {302, 403}
    assert not Site.objects.exists()
