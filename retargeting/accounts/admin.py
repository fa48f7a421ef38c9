from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.html import format_html

from retargeting.accounts import actions
from retargeting.accounts.forms import ApiKeyForm
from retargeting.accounts.models import ApiKey, User
from retargeting.accounts.permissions import actor_of

admin.site.unregister(Group)  # rights come with the role


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    list_display = ["username", "first_name", "last_name", "email", "role_name", "is_active", "last_login"]
    list_filter = ["role", "is_active"]
    readonly_fields = ["last_login", "date_joined"]
    filter_horizontal = ()
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "email", "time_zone"]}),
        ("Rights", {"fields": ["role", "is_active"]}),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["username", "usable_password", "password1", "password2"]}),
        ("Person", {"fields": ["first_name", "last_name", "email", "time_zone"]}),
        ("Rights", {"fields": ["role"]}),
    ]

    @admin.display(description="Role", ordering="role")
    def role_name(self, user: User) -> str:
        return user.role.capitalize()

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        actions.save_user(actor=actor_of(request), user=obj, changed=form.changed_data)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # what they did keeps their name: take “active” away instead


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    form = ApiKeyForm
    list_display = ["name", "prefix", "scopes", "created_by", "created_at", "last_used_at", "revoked_at"]
    list_select_related = ["created_by"]
    readonly_fields = ["prefix", "created_by", "created_at", "last_used_at", "revoked_at"]
    search_fields = ["name", "prefix"]
    actions = ["revoke"]

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        return ["name", "scopes"] if obj is None else ["name", "scopes", *self.readonly_fields]

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # revoked, not deleted: what it did keeps its name

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        key, secret = actions.create_api_key(actor=actor_of(request), **form.cleaned_data)
        obj.pk = key.pk
        text = format_html("The key of {} is <code>{}</code>. Copy it now: it is not shown again.", key.name, secret)
        messages.warning(request, text)

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> Any:
        return HttpResponseRedirect("../")

    @admin.action(description="Revoke selected keys", permissions=["add"])
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        for key in queryset:
            actions.revoke_api_key(actor=actor_of(request), key=key)
        messages.success(request, f"Revoked {len(queryset)} of the keys.")
