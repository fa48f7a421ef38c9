from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from retargeting.accounts.permissions import actor_of
from retargeting.orchestrations import actions
from retargeting.orchestrations.models import Label


@admin.register(Label)
class LabelAdmin(admin.ModelAdmin):
    list_display = ["name", "code", "colour", "created_at"]
    search_fields = ["name", "code"]

    def save_model(self, request: HttpRequest, obj: Label, form: Any, change: bool) -> None:
        if change:
            actions.update_label(actor=actor_of(request), label=obj, **form.cleaned_data)
        else:
            obj.pk = actions.create_label(actor=actor_of(request), **form.cleaned_data).pk

    def delete_model(self, request: HttpRequest, obj: Label) -> None:
        actions.delete_label(actor=actor_of(request), label=obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for label in queryset:
            actions.delete_label(actor=actor_of(request), label=label)
