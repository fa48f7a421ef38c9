from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.html import format_html

from retargeting.accounts.permissions import actor_of
from retargeting.channels import actions
from retargeting.channels.adapter import Receiver
from retargeting.channels.callbacks import callback_url
from retargeting.channels.forms import ChannelForm, SiteForm
from retargeting.channels.models import ChannelConfig, Site
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
            names = [f"{provider.key}-{name}" for name in provider.settings_form().fields]
            if names:
                note = "Counts when this is the chosen provider."
                if obj and issubclass(provider, Receiver) and provider.hook_belongs:
                    address = callback_url(obj.channel, provider.key)
                    note = f"{note} It tells us what became of messages at {address}. {provider.hook_belongs}."
                # Those that are not chosen are folded in; Django unfolds one in which something is missing.
                folded = ["collapse"] if obj and provider.key != obj.provider else []
                fieldsets.append((provider.label, {"fields": names, "description": note, "classes": folded}))
        return fieldsets

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ChannelConfig, form: Any, change: bool) -> None:
        chosen = {field: form.cleaned_data[field] for field in ("provider", "sender", "enabled")}
        actions.configure_channel(actor=actor_of(request), channel=obj.channel, settings=form.settings, **chosen)


@admin.register(Site)
class SiteAdmin(admin.ModelAdmin):
    """Web sites that show in-app messages and subscribe browsers to push, through the SDK."""

    form = SiteForm
    list_display = ["name", "key", "origins_in_words", "created_at"]
    search_fields = ["name", "key", "origins"]
    actions = ["renew_secret"]

    @admin.display(description="Origins")
    def origins_in_words(self, site: Site) -> str:
        return site.origins_in_words

    @admin.display(description="For its pages")
    def snippet(self, site: Site) -> str:
        """USER is the external id of the visitor, and HASH what the site's server makes of it with the secret."""
        tag = (
            f'<script src="{settings.PUBLIC_URL}{settings.STATIC_URL}sdk/retargeting.js" data-key="{site.key}"'
            ' data-user="USER" data-hash="HASH" defer></script>'
        )
        return format_html(
            "<code>{}</code><br>USER is the visitor's external id. HASH is the HMAC-SHA256 of it with the site's"
            " secret, in hexadecimal, made by the site's server.",
            tag,
        )

    def get_fields(self, request: HttpRequest, obj: Site | None = None) -> Any:
        return ["name", "origins", "attributes", *self.get_readonly_fields(request, obj)]

    def get_readonly_fields(self, request: HttpRequest, obj: Site | None = None) -> list[str]:
        return ["key", "snippet", "created_at"] if obj else []

    def save_model(self, request: HttpRequest, obj: Site, form: Any, change: bool) -> None:
        actions.save_site(actor=actor_of(request), site=obj)

    def delete_model(self, request: HttpRequest, obj: Site) -> None:
        actions.delete_site(actor=actor_of(request), site=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Site]) -> None:
        for site in queryset:
            self.delete_model(request, site)

    def response_add(self, request: HttpRequest, obj: Site, post_url_continue: Any = None) -> Any:
        self._show_secret(request, obj, obj.secrets["identity"])
        return HttpResponseRedirect(f"../{obj.pk}/change/")

    @admin.action(description="Make a new secret", permissions=["change"])
    def renew_secret(self, request: HttpRequest, queryset: QuerySet[Site]) -> None:
        for site in queryset:
            self._show_secret(request, site, actions.renew_identity(actor=actor_of(request), site=site))

    def _show_secret(self, request: HttpRequest, site: Site, secret: str) -> None:
        words = "The secret of {}: <code>{}</code> It is not shown again; keep it on the site's server."
        messages.success(request, format_html(words, site, secret))
