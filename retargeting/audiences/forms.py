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
        self.fields["audience"] = AudienceField(segment=segment, url=url)
