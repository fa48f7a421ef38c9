"""REST: campaigns from draft to report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from campaigns import actions
from campaigns.actions import CampaignError, NotReady
from campaigns.models import Campaign
from campaigns.outcomes import outcomes_of
from campaigns.presence import Presence, presence
from campaigns.report import report
from retargeting.accounts.api import ApiViewSet
from retargeting.accounts.models import Scope
from retargeting.api.errors import Conflict, Unprocessable
from retargeting.api.serializers import StrictSerializer
from retargeting.audiences import references
from retargeting.audiences.answers import ExplanationSerializer, answer_of
from retargeting.audiences.api import MomentField, TreeField
from retargeting.channels.adapter import Result
from retargeting.conditions import codec
from retargeting.conditions.nodes import EVERYONE
from retargeting.conditions.wording import sentence
from retargeting.messaging import content
from retargeting.messaging.models import Delivery, DeliveryStatus
from retargeting.messaging.testing import TestRefused, send_test
from retargeting.orchestrations.models import Label
from retargeting.profiles.models import CHANNEL_CHOICES, Profile

MOST_YEARS_AHEAD = 5
SECTIONS = {"audience": "/audience", "message": "/message", "when": "/schedule"}


class SendAtField(MomentField):
    """A time with its zone that somebody can mean: the last hours of year 9999 are none on the clocks of other zones,
    and no page could show them."""

    def to_internal_value(self, data: Any) -> Any:
        moment = super().to_internal_value(data)
        if moment.year > timezone.now().year + MOST_YEARS_AHEAD:
            raise serializers.ValidationError(f"This is more than {MOST_YEARS_AHEAD} years away.")
        return moment


class LabelsField(serializers.ListField):
    """Labels by their codes; an unknown one is reported at its place in the list."""

    child = serializers.SlugRelatedField(slug_field="code", queryset=Label.objects.all())

    def to_representation(self, data: Any) -> list[str]:
        return [label.code for label in data.all()]


class ScheduleSerializer(StrictSerializer):
    send_at = SendAtField(required=False, allow_null=True, help_text="When it goes out; null means at launch.")


class CampaignSerializer(StrictSerializer):
    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(max_length=200)
    channel = serializers.ChoiceField(choices=CHANNEL_CHOICES)
    labels = LabelsField(required=False, help_text="Their codes.")
    audience = TreeField(required=False, help_text="A tree in the language of conditions; everyone if left out.")
    message = serializers.JSONField(source="content", required=False, help_text="The fields of the channel's message.")
    schedule = ScheduleSerializer(source="*", required=False)
    status = serializers.CharField(read_only=True)
    sentence = serializers.SerializerMethodField()
    archived = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField(read_only=True)
    launched_at = serializers.DateTimeField(read_only=True)
    follow_up_of = serializers.IntegerField(source="follow_up_of_id", read_only=True, help_text="Id of a campaign.")

    def get_sentence(self, campaign: Campaign) -> str:
        tree = codec.decode(campaign.audience)
        return str(sentence(tree, references.look_up(tree)))

    def get_archived(self, campaign: Campaign) -> bool:
        return campaign.archived_at is not None

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        channel = attrs["channel"] if self.instance is None else attrs.get("channel", self.instance.channel)
        if "content" in attrs and (errors := content.check(channel, attrs["content"], complete=False)):
            raise Unprocessable(
                (f"/message/{error.field}" if error.field else "/message", error.message) for error in errors
            )
        return attrs


class OutcomeSerializer(StrictSerializer):
    outcome = serializers.CharField(help_text="Such as sent_not_opened; the report names those of a campaign.")


class TestSerializer(StrictSerializer):
    profile = serializers.CharField(help_text="External id of the person whose values are filled in.")
    address = serializers.CharField(required=False, help_text="Send there instead of to the person's own address.")


class ReportSerializer(serializers.Serializer[Any]):
    matched = serializers.IntegerField()
    people = serializers.DictField(child=serializers.IntegerField(), help_text="By outcome.")
    events = serializers.DictField(child=serializers.IntegerField(), help_text="How often each happened.")
    deliveries = serializers.DictField(child=serializers.IntegerField(), help_text="By status.")
    skips = serializers.DictField(child=serializers.IntegerField(), help_text="By reason.")
    waiting = serializers.IntegerField()


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    profile = serializers.SerializerMethodField(help_text="External id; null once the person is erased.")

    class Meta:
        model = Delivery
        fields = ["id", "profile", "address", "status", "reason", "detail", "attempt", "created_at", "updated_at"]

    def get_profile(self, delivery: Delivery) -> str | None:
        names: dict[int, str] = self.context["external_ids"]
        return names.get(delivery.profile_id)


class PresenceSerializer(serializers.Serializer[Any]):
    run = serializers.IntegerField(source="run.number", help_text="The last run of the campaign.")
    as_of = serializers.DateTimeField(allow_null=True, help_text="The moment its audience was worked out for.")
    member = serializers.BooleanField(source="was_in", allow_null=True, help_text="Null until that moment.")
    sentence = serializers.CharField(source="verdict")
    delivery = serializers.SerializerMethodField()
    explanation = serializers.SerializerMethodField()
    as_now = serializers.ListField(help_text="What the explanation knows only as it is now, and not as it was then.")

    @extend_schema_field(DeliverySerializer(allow_null=True))
    def get_delivery(self, found: Presence) -> dict[str, Any] | None:
        names = {found.profile.pk: found.profile.external_id}
        return DeliverySerializer(found.delivery, context={"external_ids": names}).data if found.delivery else None

    @extend_schema_field(ExplanationSerializer(allow_null=True))
    def get_explanation(self, found: Presence) -> dict[str, Any] | None:
        return answer_of(found.explanation, past=True) if found.explanation else None


@extend_schema(tags=["campaigns"])
class CampaignViewSet(ApiViewSet):
    """One-shot messages to an audience."""

    serializer_class = CampaignSerializer
    queryset = Campaign.objects.prefetch_related("labels")
    filterset_fields = {"status": ["exact"], "channel": ["exact"], "labels__code": ["exact"], "name": ["icontains"]}
    ordering = ("-id",)
    lookup_value_regex = r"\d{1,9}"
    scopes = dict.fromkeys(["launch", "schedule", "unschedule", "pause", "resume", "cancel", "test"], Scope.SEND)

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(self.get_serializer(self.get_object()).data)

    def create(self, request: Request) -> Response:
        data = self._read(request)
        campaign = actions.create_campaign(
            actor=self.caller,
            name=data["name"],
            channel=data["channel"],
            audience=data.get("audience", EVERYONE),
            content=data.get("content", {}),
            labels=data.get("labels", []),
            send_at=data.get("send_at"),
        )
        return Response(self.get_serializer(campaign).data, status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, pk: str) -> Response:
        campaign = self.get_object()
        data = self._read(request, campaign)
        changed = self._in_words(lambda: actions.update_campaign(actor=self.caller, campaign=campaign, **data))
        return Response(self.get_serializer(changed).data)

    def destroy(self, request: Request, pk: str) -> Response:
        campaign = self.get_object()
        self._in_words(lambda: actions.delete_campaign(actor=self.caller, campaign=campaign))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _read(self, request: Request, campaign: Campaign | None = None) -> dict[str, Any]:
        serializer = CampaignSerializer(campaign, data=request.data, partial=campaign is not None)
        serializer.is_valid(raise_exception=True)
        data: dict[str, Any] = serializer.validated_data
        return data

    def _in_words(self, act: Callable[[], Any]) -> Any:
        """What `act` returns; its refusals as problems: 422 for gaps, 409 for a state that does not allow it."""
        try:
            return act()
        except NotReady as error:
            raise Unprocessable((SECTIONS[section], text) for section, text in error.problems) from error
        except CampaignError as error:
            raise Conflict(str(error)) from error

    def _move(self, verb: Callable[..., Any], **arguments: Any) -> Response:
        campaign = self.get_object()
        self._in_words(lambda: verb(actor=self.caller, campaign=campaign, **arguments))
        return Response(self.get_serializer(Campaign.objects.get(pk=campaign.pk)).data)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def launch(self, request: Request, pk: str) -> Response:
        """Send now."""
        return self._move(actions.launch)

    @extend_schema(request=ScheduleSerializer)
    @action(detail=True, methods=["post"])
    def schedule(self, request: Request, pk: str) -> Response:
        """Have it go out by itself at `send_at`, or at the time that it has."""
        serializer = ScheduleSerializer(data=request.data or {})
        serializer.is_valid(raise_exception=True)
        send_at = serializer.validated_data.get("send_at")
        if send_at is not None and send_at <= timezone.now():
            raise Unprocessable([("/send_at", "This is in the past.")])
        return self._move(actions.schedule, send_at=send_at)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def unschedule(self, request: Request, pk: str) -> Response:
        """Make it a draft again."""
        return self._move(actions.unschedule)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Stop sending for now."""
        return self._move(actions.pause)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Go on where it was paused."""
        return self._move(actions.resume)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop for good."""
        return self._move(actions.cancel)

    @extend_schema(request=None, responses={201: CampaignSerializer})
    @action(detail=True, methods=["post"])
    def duplicate(self, request: Request, pk: str) -> Response:
        """A new draft like it."""
        copy = actions.duplicate(actor=self.caller, campaign=self.get_object())
        return Response(self.get_serializer(copy).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=OutcomeSerializer, responses={201: CampaignSerializer})
    @action(detail=True, methods=["post"], url_path="follow-up")
    def follow_up(self, request: Request, pk: str) -> Response:
        """A draft to the people of one outcome."""
        campaign = self.get_object()
        serializer = OutcomeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        outcome, known = serializer.validated_data["outcome"], [row.key for row in outcomes_of(campaign.channel)]
        if outcome not in known:
            raise Unprocessable([("/outcome", f"Expected one of {', '.join(known)}.")])
        draft = actions.follow_up(actor=self.caller, campaign=campaign, outcome=outcome)
        return Response(self.get_serializer(draft).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=TestSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Send one message with somebody's values; it counts nowhere."""
        campaign = self.get_object()
        serializer = TestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        profile = Profile.objects.filter(external_id=serializer.validated_data["profile"]).first()
        if profile is None:
            raise Unprocessable([("/profile", "There is no person with this external id.")])
        try:
            outcome = send_test(
                actor=self.caller,
                channel=campaign.channel,
                content=campaign.content,
                profile=profile,
                address=serializer.validated_data.get("address"),
                campaign=campaign.name,
            )
        except TestRefused as error:
            raise Unprocessable([("", str(error))]) from error
        return Response({"accepted": outcome.result is Result.ACCEPTED, "detail": outcome.detail})

    @extend_schema(responses=ReportSerializer)
    @action(detail=True)
    def report(self, request: Request, pk: str) -> Response:
        """What became of it, in numbers."""
        return Response(ReportSerializer(report(self.get_object())).data)

    @extend_schema(
        responses=PresenceSerializer,
        filters=False,
        parameters=[OpenApiParameter("profile", required=True, description="External id of the person.")],
    )
    @action(detail=True, filterset_fields=[])
    def explain(self, request: Request, pk: str) -> Response:
        """Why somebody was in its last run or not, and what became of their message."""
        campaign = self.get_object()
        name = request.query_params.get("profile", "").replace("\x00", "")
        profile = Profile.objects.filter(external_id=name).first()
        if profile is None:
            raise Unprocessable([("/profile", "There is no person with this external id.")])
        found = presence(campaign, profile)
        if found is None:
            raise Conflict("This campaign has not been launched: there is no run to explain.")
        return Response(PresenceSerializer(found).data)

    @extend_schema(
        responses=DeliverySerializer(many=True),
        # These filters are for deliveries; looking for them on campaigns, the documentation would fail.
        filters=False,
        parameters=[
            OpenApiParameter("status", enum=DeliveryStatus.values),
            OpenApiParameter("reason", description="Why it was skipped or failed."),
        ],
    )
    @action(detail=True, filterset_fields={"status": ["exact"], "reason": ["exact"]})
    def deliveries(self, request: Request, pk: str) -> Response:
        """One message to one person each, with what became of it."""
        campaign = get_object_or_404(Campaign, pk=pk)
        deliveries = Delivery.objects.filter(dispatch__orchestration=campaign).order_by("-id")
        page = self.paginate_queryset(self.filter_queryset(deliveries)) or []
        ids = [delivery.profile_id for delivery in page]
        names = dict(Profile.objects.filter(pk__in=ids).values_list("pk", "external_id"))
        return self.get_paginated_response(DeliverySerializer(page, many=True, context={"external_ids": names}).data)


router = SimpleRouter()
router.register("campaigns", CampaignViewSet, basename="api-campaign")
urlpatterns = router.urls
