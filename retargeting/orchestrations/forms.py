from __future__ import annotations

from typing import Any

from django import forms
from django.utils.html import format_html

from retargeting.orchestrations.models import COLOURS, Label


class LabelForm(forms.ModelForm):
    class Meta:
        model = Label
        fields = ["name", "code", "colour"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dot = '<span class="label-{}"><span class="dot" aria-hidden="true"></span> {}</span>'
        choices = [(name, format_html(dot, name, name.title())) for name in COLOURS]
        self.fields["colour"] = forms.ChoiceField(choices=choices, widget=forms.RadioSelect, initial="blue")
