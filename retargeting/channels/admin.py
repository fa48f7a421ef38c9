from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from retargeting.accounts.permissions import actor_of
from retargeting.channels import actions
from retargeting.channels.adapter import Receiver
from retargeting.channels.callbacks import callback_url
from retargeting.channels.forms import ChannelForm
from retargeting.channels.models import ChannelConfig
from retargeting.channels.registry import PROVIDERS, config_of, providers_for
from retargeting.profiles.models import CHANNEL_CHOICES


@admin.register(ChannelConfig)
class ChannelAdmin(admin.ModelAdmin):
    list_display = ["channel", "provider_name", "sender", "enabled", "updated_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChannelConfig]:
        for channel, _ in CHANNEL_CHOICES:
            config_of(channel)  # each channel has its line, also before anybody has set it up
        return super().get_queryset(request)

    @admin.display(description="Provider")
    def provider_name(self, config: ChannelConfig) -> str:
        return PROVIDERS[config.provider].label if config.provider in PROVIDERS else f"{config.provider} (unknown)"

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return ChannelForm

    def get_fieldsets(self, request: HttpRequest, obj: ChannelConfig | None = None) -> Any:
        fieldsets: list[Any] = [(None, {"fields": ["enabled", "provider", "sender"]})]
        for provider in providers_for(obj.channel) if obj else []:
            names = [f"{provider.key}-{name}" for name in provider.settings_form.base_fields]
            if names:
                note = "Counts when this is the chosen provider."
                if obj and issubclass(provider, Receiver) and provider.hook_belongs:
                    address = callback_url(obj.channel, provider.key)
                    note = f"{note} It tells us what became of messages at {address}. {provider.hook_belongs}."
                fieldsets.append((provider.label, {"fields": names, "description": note}))
        return fieldsets

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ChannelConfig, form: Any, change: bool) -> None:
        chosen = {field: form.cleaned_data[field] for field in ("provider", "sender", "enabled")}
        actions.configure_channel(actor=actor_of(request), channel=obj.channel, settings=form.settings, **chosen)
