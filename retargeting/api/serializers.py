"""What serializers of several apps share, and the shapes that only the documentation needs."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from retargeting.conditions.reading import spoken


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses keys that it does not know and those that only the server sets."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            allowed = [name for name, field in self.fields.items() if not field.read_only]
            message = f"Unknown key. Allowed here: {spoken(allowed)}."
            if unknown := {str(key): [message] for key in data if key not in allowed}:
                raise serializers.ValidationError(unknown)
        return super().to_internal_value(data)


class MistakeSerializer(serializers.Serializer[Any]):
    path = serializers.CharField(help_text="JSON pointer from the body of the request.")
    message = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """What went wrong (RFC 9457), as application/problem+json."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = MistakeSerializer(many=True)  # type: ignore[assignment]  # a field, whose name the base class uses


class ItemErrorSerializer(MistakeSerializer):
    index = serializers.IntegerField(help_text="Which item of the batch.")
