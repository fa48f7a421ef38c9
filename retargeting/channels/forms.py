from __future__ import annotations

from copy import deepcopy
from typing import Any
from urllib.parse import urlsplit

from django import forms

from retargeting.channels.fields import KEPT, SecretField
from retargeting.channels.models import ChannelConfig, Site
from retargeting.channels.registry import PROVIDERS, providers_for


class ChannelForm(forms.ModelForm):
    """A channel's provider with that provider's settings; the settings of the ones not chosen are not looked at."""

    class Meta:
        model = ChannelConfig
        fields = ["enabled", "provider", "sender"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        channel = self.instance.channel
        choices = [(provider.key, provider.label) for provider in providers_for(channel)]
        self.fields["provider"] = forms.ChoiceField(choices=choices)
        self.provider_forms = {key: self._settings_form(key) for key, _ in choices}
        for form in self.provider_forms.values():
            for name, field in form.fields.items():
                shown = deepcopy(field)
                shown.required = False  # the provider's own form says what is missing, if it is the chosen one
                shown.initial = form.get_initial_for_field(field, name)
                shown.label = field.label or name.replace("_", " ").capitalize()
                self.fields[form.add_prefix(name)] = shown

    def _settings_form(self, key: str) -> forms.Form:
        """The provider's own form; what it may leave empty because a secret is saved, it need not have."""
        saved = self.instance.settings if key == self.instance.provider else {}
        form = PROVIDERS[key].settings_form(data=self.data if self.is_bound else None, prefix=key, initial=saved)
        for name, field in form.fields.items():
            if isinstance(field, SecretField) and saved.get(name):
                field.required = False
                field.help_text = f"{field.help_text} {KEPT}".strip()
                field.saved = saved[name]
        return form

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self.settings: dict[str, Any] = {}
        chosen = self.provider_forms.get(cleaned.get("provider", ""))
        if chosen is not None:
            for name, errors in chosen.errors.items():
                self.add_error(chosen.add_prefix(name), [str(error) for error in errors])
            self.settings = chosen.cleaned_data if chosen.is_valid() else {}
        return cleaned


class SiteForm(forms.ModelForm):
    class Meta:
        model = Site
        fields = ["name", "origins", "attributes"]
        widgets = {"origins": forms.Textarea(attrs={"rows": 3}), "attributes": forms.Textarea(attrs={"rows": 3})}

    def clean_origins(self) -> str:
        """As a browser writes them: anything behind the host would fit no page."""
        lines = [line.strip().rstrip("/") for line in self.cleaned_data["origins"].splitlines() if line.strip()]
        for line in lines:
            parts = urlsplit(line)
            if (
                parts.scheme not in {"http", "https"}
                or not parts.hostname
                or line != f"{parts.scheme}://{parts.netloc}"
            ):
                raise forms.ValidationError(f"{line} is no origin: write https://, the host, and nothing behind it.")
        return "\n".join(line.lower() for line in lines)
