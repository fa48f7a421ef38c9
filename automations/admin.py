from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from automations import actions
from automations.forms import StepForm
from automations.models import Automation
from retargeting.accounts.permissions import actor_of
from retargeting.orchestrations.models import MessageStep


class StepInline(admin.TabularInline):
    model = MessageStep
    form = StepForm
    fields = ["position", "key", "name", "channel"]
    ordering = ["position", "id"]
    extra = 1
    verbose_name = "message step"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(removed_at=None)


@admin.register(Automation)
class AutomationAdmin(admin.ModelAdmin):
    list_display = ["name", "status", "created_at", "archived_at"]
    search_fields = ["name"]
    view_on_site = False
    fields = ["name", "labels"]
    filter_horizontal = ["labels"]
    inlines = [StepInline]

    def save_model(self, request: HttpRequest, obj: Automation, form: Any, change: bool) -> None:
        actor, given = actor_of(request), form.cleaned_data
        if change:
            actions.update_automation(actor=actor, automation=obj, name=given["name"], labels=given["labels"])
        else:
            saved = actions.create_automation(actor=actor, name=given["name"], labels=given["labels"])
            obj.pk = obj.id = obj.orchestration_ptr_id = saved.pk
            obj._state.adding = False

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The steps; the labels have been written with the automation."""
        for steps in formsets:
            for step in steps.deleted_forms:
                if step.instance.pk:
                    actions.remove_step(actor=actor_of(request), step=step.instance)
            for step in steps.forms:
                if step.has_changed() and step not in steps.deleted_forms:
                    values = {name: step.cleaned_data[name] for name in ("key", "channel", "name", "position")}
                    actions.save_step(actor=actor_of(request), automation=form.instance, **values)
            steps.new_objects, steps.changed_objects, steps.deleted_objects = [], [], []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # archived, not deleted: it stays a valid target
