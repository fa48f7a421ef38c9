from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from automations.actions import check_step
from retargeting.orchestrations.models import MessageStep


class StepForm(forms.ModelForm):
    key = forms.CharField(max_length=50, help_text="What conditions and programs call it. It stays.")

    class Meta:
        model = MessageStep
        fields = ["position", "key", "name", "channel"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "key" in cleaned and "channel" in cleaned:
            saved = MessageStep.objects.filter(pk=self.instance.pk).first() or MessageStep()
            try:
                check_step(saved, key=cleaned["key"], channel=cleaned["channel"])
            except ValidationError as error:
                self.add_error(None, error)
        return cleaned
