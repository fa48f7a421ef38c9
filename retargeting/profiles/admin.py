from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from retargeting.accounts.permissions import actor_of
from retargeting.profiles import actions
from retargeting.profiles.models import Suppression


@admin.register(Suppression)
class SuppressionAdmin(admin.ModelAdmin):
    list_display = ["address", "channel", "reason", "created_at"]
    list_filter = ["channel", "reason"]
    search_fields = ["address"]
    fields = ["channel", "address", "reason"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def save_model(self, request: HttpRequest, obj: Suppression, form: Any, change: bool) -> None:
        obj.pk = actions.suppress(actor=actor_of(request), **form.cleaned_data).pk

    def delete_model(self, request: HttpRequest, obj: Suppression) -> None:
        actions.unsuppress(actor=actor_of(request), channel=obj.channel, address=obj.address)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for suppression in queryset:
            self.delete_model(request, suppression)
