from __future__ import annotations

from django import forms

from retargeting.accounts.models import ApiKey, Scope


class ApiKeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, widget=forms.CheckboxSelectMultiple, help_text="What a program with this key may do."
    )

    class Meta:
        model = ApiKey
        fields = ["name", "scopes"]
