"""Fields of providers' settings that need more than Django's."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError

KEPT = "A secret is saved. Leave this empty to keep it."


class SecretInput(forms.PasswordInput):
    """Never shows what is saved."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"autocomplete": "new-password", **(attrs or {})}, render_value=False)


class SecretArea(forms.Textarea):
    """The same for secrets of several lines."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"rows": 4, "autocomplete": "off", "spellcheck": "false", **(attrs or {})})

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        return super().get_context(name, None, attrs)


class SecretField(forms.CharField):
    """A password, a key. It is encrypted where it is kept and not shown again; an empty one keeps what is saved."""

    widget = SecretInput
    saved: str = ""
    """What stands for an empty one."""

    def clean(self, value: Any) -> str:
        return super().clean(value) or self.saved


class EndpointField(forms.URLField):
    """The address of a service; only who talks to a stand-in needs to change it."""

    def __init__(self, default: str, **kwargs: Any) -> None:
        self.default = default
        kwargs.setdefault("help_text", f"Leave empty for {default}.")
        super().__init__(required=False, assume_scheme="https", **kwargs)

    def run_validators(self, value: str) -> None:
        if value and urlsplit(value).scheme not in {"http", "https"}:
            raise ValidationError("An address starts with https:// or http://.")
