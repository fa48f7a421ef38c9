"""Secrets of providers: sealed in the database, never shown again, kept when the form says nothing of them."""

from __future__ import annotations

import pytest
from django.db import connection
from django.urls import reverse

from retargeting.channels import secrets
from retargeting.channels.models import ChannelConfig
from retargeting.channels.registry import PROVIDERS

pytestmark = pytest.mark.django_db

PASSWORD = "hunter2-and-more"
FORM = {
    "enabled": "on",
    "provider": "smtp",
    "sender": "Shop <hello@example.org>",
    "smtp-host": "mail.example.org",
    "smtp-port": "2525",
    "smtp-security": "none",
    "smtp-username": "shop",
}


@pytest.fixture
def email() -> ChannelConfig:
    return ChannelConfig.objects.create(
        channel="email", provider="smtp", sender="a@example.org", settings={"host": "x", "password": PASSWORD}
    )


def stored() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT settings::text FROM channels_channelconfig")
        return cursor.fetchone()[0]


def test_the_database_holds_no_secret_in_clear(email):
    assert PASSWORD not in stored()
    assert ChannelConfig.objects.get().settings == {"host": "x", "password": PASSWORD}


def test_what_was_kept_in_clear_before_is_read_and_then_sealed(email):
    with connection.cursor() as cursor:
        cursor.execute("""UPDATE channels_channelconfig SET settings = '{"password": "hunter2-and-more"}'""")
    config = ChannelConfig.objects.get()
    assert config.settings == {"password": PASSWORD}
    config.save()
    assert PASSWORD not in stored()


def test_the_key_can_be_changed_without_losing_anything(email, settings):
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"
    assert ChannelConfig.objects.get().settings["password"] == PASSWORD


def test_with_a_key_that_does_not_fit_nothing_is_lost_and_nothing_falls_over(email, settings, owner_client):
    key, settings.SECRETS_KEYS = settings.SECRET_KEY, []
    settings.SECRET_KEY = "lost"
    config = ChannelConfig.objects.get()
    assert isinstance(config.settings, secrets.Unreadable)
    config.sender = "b@example.org"
    config.save()
    settings.SECRET_KEY = key
    assert ChannelConfig.objects.get().settings["password"] == PASSWORD


def test_the_page_never_shows_a_secret_and_an_empty_one_keeps_it(email, owner_client):
    address = reverse("admin:channels_channelconfig_change", args=["email"])
    assert PASSWORD not in owner_client.get(address).text
    assert owner_client.post(address, {**FORM, "smtp-password": ""}).status_code == 302
    config = ChannelConfig.objects.get(pk="email")
    assert (config.settings["password"], config.settings["host"]) == (PASSWORD, "mail.example.org")
    owner_client.post(address, {**FORM, "smtp-password": "new one"})
    assert ChannelConfig.objects.get(pk="email").settings["password"] == "new one"


def test_a_form_with_a_mistake_does_not_show_the_secret_either(email, owner_client):
    address = reverse("admin:channels_channelconfig_change", args=["email"])
    page = owner_client.post(address, {**FORM, "smtp-password": "typed-just-now", "smtp-port": "x"})
    assert page.status_code == 200
    assert "typed-just-now" not in page.text


@pytest.mark.parametrize("key", PROVIDERS)
def test_every_field_that_sounds_like_a_secret_is_one(key):
    from retargeting.channels.fields import SecretField

    for name, field in PROVIDERS[key].settings_form().fields.items():
        if any(word in name for word in ("password", "secret", "api_key", "auth_token", "private", "service_account")):
            assert isinstance(field, SecretField), f"{key}: {name}"
