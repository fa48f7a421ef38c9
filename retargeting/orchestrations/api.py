"""REST: labels."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.routers import SimpleRouter

from retargeting.accounts.api import ApiViewSet
from retargeting.api.serializers import StrictSerializer
from retargeting.orchestrations import actions
from retargeting.orchestrations.models import Label


class LabelSerializer(StrictSerializer, serializers.ModelSerializer[Label]):
    class Meta:
        model = Label
        fields = ["code", "name", "colour", "created_at"]


@extend_schema(tags=["labels"])
class LabelViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.CreateModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    ApiViewSet,
):
    """Names for groups of campaigns and automations, to be used as targets of conditions."""

    serializer_class = LabelSerializer
    queryset = Label.objects.all()
    filterset_fields = {"name": ["exact", "icontains"], "colour": ["exact"]}
    ordering = ("code",)
    lookup_field = "code"
    lookup_value_regex = "[a-z0-9_-]+"

    def perform_create(self, serializer: serializers.BaseSerializer[Label]) -> None:
        serializer.instance = actions.create_label(actor=self.caller, **serializer.validated_data)

    def perform_update(self, serializer: serializers.BaseSerializer[Label]) -> None:
        assert serializer.instance is not None
        serializer.instance = actions.update_label(
            actor=self.caller, label=serializer.instance, **serializer.validated_data
        )

    def perform_destroy(self, instance: Label) -> None:
        actions.delete_label(actor=self.caller, label=instance)


router = SimpleRouter()
router.register("labels", LabelViewSet, basename="api-label")
urlpatterns = router.urls
