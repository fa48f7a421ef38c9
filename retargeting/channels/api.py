"""REST: channels, to be read only; admins set them up."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from retargeting.accounts.api import ApiViewSet
from retargeting.channels.models import ChannelConfig
from retargeting.conditions.nodes import Channel


class ChannelSerializer(serializers.ModelSerializer[ChannelConfig]):
    """Without the provider's settings: they hold secrets."""

    name = serializers.CharField(source="get_channel_display", read_only=True)

    class Meta:
        model = ChannelConfig
        fields = ["channel", "name", "provider", "sender", "enabled"]


@extend_schema(tags=["channels"])
class ChannelViewSet(ApiViewSet):
    """The channels on which messages are sent. All are here, also those that nobody has set up yet."""

    serializer_class = ChannelSerializer
    queryset = ChannelConfig.objects.all()
    lookup_value_regex = "|".join(Channel)
    filter_backends = []

    @extend_schema(responses=ChannelSerializer(many=True))
    def list(self, request: Request) -> Response:
        """All channels, in one page."""
        known = self.get_queryset().in_bulk()
        configs = [known.get(channel.value) or ChannelConfig(channel=channel) for channel in Channel]
        return Response({"results": self.get_serializer(configs, many=True).data, "next": None})

    def retrieve(self, request: Request, pk: str) -> Response:
        """One channel."""
        config = self.get_queryset().filter(pk=pk).first() or ChannelConfig(channel=pk)
        return Response(self.get_serializer(config).data)


router = SimpleRouter()
router.register("channels", ChannelViewSet, basename="api-channel")
urlpatterns = router.urls
