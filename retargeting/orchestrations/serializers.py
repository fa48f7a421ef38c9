from __future__ import annotations

from typing import Any

from rest_framework import serializers

from retargeting.orchestrations.models import Label


class LabelsField(serializers.ListField):
    """Labels by their codes; an unknown one is reported at its place in the list."""

    child = serializers.SlugRelatedField(slug_field="code", queryset=Label.objects.all())

    def to_representation(self, data: Any) -> list[str]:
        return [label.code for label in data.all()]
