from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from automations import actions
from automations.models import Automation
from retargeting.accounts.permissions import actor_of


@admin.register(Automation)
class AutomationAdmin(admin.ModelAdmin):
    """Names and labels; what an automation does is edited on its own page."""

    list_display = ["name", "status", "created_at", "archived_at"]
    list_filter = ["status"]
    search_fields = ["name"]
    view_on_site = False
    fields = ["name", "labels"]
    filter_horizontal = ["labels"]

    def save_model(self, request: HttpRequest, obj: Automation, form: Any, change: bool) -> None:
        actor, given = actor_of(request), form.cleaned_data
        if change:
            actions.update_automation(actor=actor, automation=obj, name=given["name"], labels=given["labels"])
        else:
            saved = actions.create_automation(actor=actor, name=given["name"], labels=given["labels"])
            obj.pk = obj.id = obj.orchestration_ptr_id = saved.pk
            obj._state.adding = False

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The labels have been written with the automation."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # archived, not deleted: it stays a valid target
