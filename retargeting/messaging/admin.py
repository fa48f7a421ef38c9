from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from retargeting.accounts.permissions import actor_of
from retargeting.messaging import actions
from retargeting.messaging.models import ControlGroup, FrequencyCap, QuietHours


class LimitForm(forms.ModelForm):
    """What the action would refuse is said at the field."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("reserved") and cleaned.get("most") and cleaned["reserved"] >= cleaned["most"]:
            self.add_error("reserved", "Fewer than the cap allows: else nothing of normal priority goes out.")
        if cleaned.get("starts") and cleaned.get("starts") == cleaned.get("ends"):
            self.add_error("ends", "They would last the whole day.")
        if "time_zone" in cleaned and cleaned["time_zone"] not in available_timezones():
            self.add_error("time_zone", "There is no such zone. They are called like Europe/Paris.")
        return cleaned


class LimitAdmin(admin.ModelAdmin):
    form = LimitForm

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        actions.remove_limit(actor=actor_of(request), limit=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for limit in queryset:
            actions.remove_limit(actor=actor_of(request), limit=limit)


@admin.register(FrequencyCap)
class FrequencyCapAdmin(LimitAdmin):
    list_display = ["name", "what", "counts", "reserved", "when_reached", "enabled"]
    fieldsets = [
        (None, {"fields": ["name", "enabled"]}),
        ("At most", {"fields": ["most", "amount", "unit", "reserved"]}),
        ("Of which messages", {"fields": ["channel", "label"]}),
        ("For a message over it", {"fields": ["when_reached"]}),
    ]

    @admin.display(description="At most")
    def what(self, cap: FrequencyCap) -> str:
        unit = cap.get_unit_display() if cap.amount != 1 else cap.unit
        return f"{cap.most:,} in {cap.amount:,} {unit}"

    @admin.display(description="Of")
    def counts(self, cap: FrequencyCap) -> str:
        channel = cap.get_channel_display() if cap.channel else "all channels"
        return f"{channel}, label {cap.label}" if cap.label else str(channel)

    def save_model(self, request: HttpRequest, obj: FrequencyCap, form: Any, change: bool) -> None:
        actions.save_cap(actor=actor_of(request), cap=obj)


@admin.register(QuietHours)
class QuietHoursAdmin(LimitAdmin):
    list_display = ["__str__", "time_zone", "when_reached", "enabled"]

    def save_model(self, request: HttpRequest, obj: QuietHours, form: Any, change: bool) -> None:
        actions.save_quiet_hours(actor=actor_of(request), hours=obj)


@admin.register(ControlGroup)
class ControlGroupAdmin(admin.ModelAdmin):
    list_display = ["__str__", "drawn_at"]
    readonly_fields = ["drawn_at"]
    actions = ["reshuffle"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return not ControlGroup.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ControlGroup, form: Any, change: bool) -> None:
        group = actions.draw_control_group(actor=actor_of(request), percent=obj.percent)
        obj.pk = group.pk

    @admin.action(description="Draw other people")
    def reshuffle(self, request: HttpRequest, queryset: QuerySet[ControlGroup]) -> None:
        actions.draw_control_group(actor=actor_of(request), reshuffle=True)
        messages.success(request, "Other people are in the control group from now on.")
