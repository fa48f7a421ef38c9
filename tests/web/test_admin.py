"""The administration writes through the same actions as the pages."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.urls import reverse

from automations.models import Automation
from retargeting.accounts.actions import digest_of
from retargeting.accounts.models import Activity, ApiKey, User
from retargeting.channels.models import ChannelConfig
from retargeting.orchestrations.models import Kind, Label

OURS = [model for model in admin.site._registry if not model._meta.app_label.startswith("django")]


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.model_name)
def test_every_list_and_form_of_the_administration_opens(owner_client, world, model):
    base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    assert owner_client.get(reverse(f"{base}_changelist")).status_code == 200
    assert owner_client.get(reverse(f"{base}_add")).status_code in {200, 403}


def test_a_marketer_cannot_open_the_administration(marketer_client):
    assert marketer_client.get("/admin/").status_code == 302
    assert marketer_client.get(reverse("admin:accounts_apikey_add")).status_code == 302


def test_an_api_key_is_shown_once_and_then_never_again(owner_client):
    data = {"name": "Shop", "scopes": ["read", "ingest"]}
    page = owner_client.post(reverse("admin:accounts_apikey_add"), data, follow=True).text
    (secret,) = re.findall(r"rt_[\w-]{40,}", page)
    key = ApiKey.objects.get(name="Shop")
    assert key.digest == digest_of(secret)
    assert secret not in owner_client.get(reverse("admin:accounts_apikey_changelist")).text


def test_a_key_is_revoked_and_not_deleted(owner_client, owner):
    from retargeting.accounts.actions import create_api_key

    key, _ = create_api_key(actor=owner, name="Old")
    owner_client.post(reverse("admin:accounts_apikey_changelist"), {"action": "revoke", "_selected_action": [key.pk]})
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert owner_client.get(reverse("admin:accounts_apikey_delete", args=[key.pk])).status_code == 403


def test_the_role_of_a_user_decides_who_may_use_the_administration(owner_client, marketer):
    form = {"username": "mara", "role": "admin", "time_zone": "UTC", "is_active": "on"}
    owner_client.post(reverse("admin:accounts_user_change", args=[marketer.pk]), form)
    assert User.objects.get(pk=marketer.pk).is_staff
    owner_client.post(reverse("admin:accounts_user_change", args=[marketer.pk]), {**form, "role": "viewer"})
    assert not User.objects.get(pk=marketer.pk).is_superuser
    assert Activity.objects.filter(object_type="user").count() == 2


def test_a_label_is_written_through_its_action(owner_client, owner):
    owner_client.post(reverse("admin:orchestrations_label_add"), {"name": "VIP", "code": "vip", "colour": "blue"})
    label = Label.objects.get(code="vip")
    assert Activity.objects.about(label).get().user == owner


def test_a_channel_is_set_up_with_the_settings_of_its_provider(owner_client):
    address = reverse("admin:channels_channelconfig_change", args=["email"])
    owner_client.get(reverse("admin:channels_channelconfig_changelist"))
    form = {"enabled": "on", "provider": "smtp", "sender": "Shop <hello@example.org>", "smtp-port": "2525"}
    refused = owner_client.post(address, form)
    assert refused.status_code == 200
    assert "This field is required" in refused.text
    owner_client.post(address, {**form, "smtp-host": "mail.example.org", "smtp-security": "none"})
    config = ChannelConfig.objects.get(pk="email")
    assert config.provider == "smtp"
    assert config.settings["host"] == "mail.example.org"
    assert config.settings["port"] == 2525


def test_the_settings_of_a_provider_that_is_not_chosen_are_not_asked_for(owner_client):
    address = reverse("admin:channels_channelconfig_change", args=["email"])
    owner_client.get(reverse("admin:channels_channelconfig_changelist"))
    owner_client.post(address, {"enabled": "on", "provider": "sandbox", "sender": "Shop"})
    assert ChannelConfig.objects.get(pk="email").sender == "Shop"


def test_an_automation_is_named_and_labelled_in_the_administration(owner_client, world):
    owner_client.post(reverse("admin:automations_automation_add"), {"name": "Welcome", "labels": [world.label.pk]})
    automation = Automation.objects.get(name="Welcome")
    assert automation.kind == Kind.AUTOMATION
    assert list(automation.labels.all()) == [world.label]
    assert automation.versions.get().status == "draft"
    address = reverse("admin:automations_automation_change", args=[automation.pk])
    owner_client.post(address, {"name": "Welcome!"})
    automation.refresh_from_db()
    assert (automation.name, list(automation.labels.all())) == ("Welcome!", [])
