from __future__ import annotations

from typing import Any

from django import forms

from retargeting.audiences.builder.field import AudienceField
from retargeting.audiences.models import Segment


class TryForm(forms.Form):
    """The playground: a builder and nothing to save."""

    audience = AudienceField()


class SegmentForm(forms.Form):
    name = forms.CharField(max_length=200)
    audience = AudienceField()

    def __init__(self, *args: Any, segment: Segment | None = None, url: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.segment = segment
        self.fields["audience"] = AudienceField(segment=segment, url=url)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        others = Segment.objects.filter(name=name)
        if self.segment is not None:
            others = others.exclude(pk=self.segment.pk)
        if others.exists():
            raise forms.ValidationError("There is a segment of that name already.")
        return name
