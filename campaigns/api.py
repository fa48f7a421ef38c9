"""REST: campaigns from draft to report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from campaigns import actions, aftermath, moves
from campaigns.breakdown import TRAITS, breakdown, slice_of, traits_of
from campaigns.errors import CampaignError, NotReady
from campaigns.models import Campaign
from campaigns.outcomes import outcomes_of
from campaigns.presence import presence
from campaigns.progress import Progress
from campaigns.report import report
from campaigns.serializers import (
    CampaignSerializer,
    DecidedSerializer,
    DecisionSerializer,
    DeliverySerializer,
    FiguresSerializer,
    GraceSerializer,
    OutcomeSerializer,
    PresenceSerializer,
    ProgressSerializer,
    ReportSerializer,
    ResultSerializer,
    ScheduleAtSerializer,
    SliceSerializer,
    TestSerializer,
    VariantSerializer,
    WinnerSerializer,
)
from campaigns.trial import last_trial
from campaigns.variants import ORIGINAL, Told, problems_of, set_variants, told_of
from retargeting.accounts.api import ApiViewSet
from retargeting.accounts.models import Scope
from retargeting.api.errors import Conflict, Unprocessable
from retargeting.channels.adapter import Result
from retargeting.conditions.nodes import EVERYONE
from retargeting.messaging.models import Delivery, DeliveryStatus
from retargeting.messaging.settling import Decision
from retargeting.messaging.testing import TestRefused, send_test
from retargeting.profiles.models import Profile

SECTIONS = {"audience": "/audience", "message": "/message", "when": "/schedule"}


@extend_schema(tags=["campaigns"])
class CampaignViewSet(ApiViewSet):
    """One-shot messages to an audience."""

    serializer_class = CampaignSerializer
    queryset = Campaign.objects.prefetch_related("labels", "variants")
    filterset_fields = {"status": ["exact"], "channel": ["exact"], "labels__code": ["exact"], "name": ["icontains"]}
    ordering = ("-id",)
    lookup_value_regex = r"\d{1,9}"
    scopes = dict.fromkeys(
        [
            "launch", "undo", "schedule", "unschedule", "pause", "resume", "cancel", "retry_failed", "uncertain",
            "test", "winner",
        ],
        Scope.SEND,
    )  # fmt: skip

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
            **{key: data[key] for key in actions.SETTINGS if key in data},
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

    @extend_schema(request=GraceSerializer)
    @action(detail=True, methods=["post"])
    def launch(self, request: Request, pk: str) -> Response:
        """Send now; for `grace` seconds it can be undone."""
        serializer = GraceSerializer(data=request.data or {})
        serializer.is_valid(raise_exception=True)
        return self._move(moves.launch, grace=serializer.validated_data["grace"])

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        """Take a launch back within its grace: a draft again, and nobody was written to."""
        return self._move(moves.undo)

    @extend_schema(request=ScheduleAtSerializer)
    @action(detail=True, methods=["post"])
    def schedule(self, request: Request, pk: str) -> Response:
        """Have it go out by itself at `send_at`, or at the time that it has."""
        serializer = ScheduleAtSerializer(data=request.data or {})
        serializer.is_valid(raise_exception=True)
        send_at = serializer.validated_data.get("send_at")
        if send_at is not None and send_at <= timezone.now():
            raise Unprocessable([("/send_at", "This is in the past.")])
        return self._move(moves.schedule, send_at=send_at)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def unschedule(self, request: Request, pk: str) -> Response:
        """Make it a draft again."""
        return self._move(moves.unschedule)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Stop sending for now."""
        return self._move(moves.pause)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Go on where it was paused."""
        return self._move(moves.resume)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop for good."""
        return self._move(moves.cancel)

    @extend_schema(responses=ProgressSerializer)
    @action(detail=True)
    def progress(self, request: Request, pk: str) -> Response:
        """How far its last run has come, in exact numbers."""
        return Response(ProgressSerializer(Progress.of(self.get_object())).data)

    @extend_schema(request=None, responses=DecidedSerializer)
    @action(detail=True, methods=["post"], url_path="retry-failed")
    def retry_failed(self, request: Request, pk: str) -> Response:
        """Try the failed messages again, and nothing else. Addresses known to be bad are left alone."""
        number = aftermath.retry_failed(actor=self.caller, campaign=self.get_object())
        return Response(DecidedSerializer({"deliveries": number}).data)

    @extend_schema(request=DecisionSerializer, responses=DecidedSerializer)
    @action(detail=True, methods=["post"])
    def uncertain(self, request: Request, pk: str) -> Response:
        """Say what uncertain deliveries are: sent again, counted as sent or as failed; all of them, or those named."""
        campaign = self.get_object()
        serializer = DecisionSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        number = aftermath.decide_uncertain(
            actor=self.caller,
            campaign=campaign,
            decision=Decision(serializer.validated_data["decision"]),
            ids=serializer.validated_data.get("deliveries"),
        )
        return Response(DecidedSerializer({"deliveries": number}).data)

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
        among = None
        if by := serializer.validated_data.get("by"):
            among = slice_of(campaign, by, serializer.validated_data.get("value", ""))
            if among is None:
                traits = ", ".join(trait.key for trait in traits_of(campaign))
                raise Unprocessable([("/by", f"Expected one of {traits}.")])
        draft = actions.follow_up(actor=self.caller, campaign=campaign, outcome=outcome, among=among)
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
        told = {each.key: each.content for each in told_of(campaign)}
        content = told.get(serializer.validated_data.get("variant", ORIGINAL))
        if content is None:
            raise Unprocessable([("/variant", f"Expected one of {', '.join(told)}.")])
        try:
            outcome = send_test(
                actor=self.caller,
                channel=campaign.channel,
                content=content,
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
        campaign = self.get_object()
        found = last_trial(campaign)
        extra = {
            "variants": ResultSerializer(found.results if found else [], many=True).data,
            "decision": found.run.decision if found else "",
        }
        return Response({**FiguresSerializer(report(campaign)).data, **extra})

    @extend_schema(
        responses=SliceSerializer(many=True),
        filters=False,
        parameters=[OpenApiParameter("by", required=True, enum=[*TRAITS])],
    )
    @action(detail=True, pagination_class=None, filterset_fields=[])
    def breakdown(self, request: Request, pk: str) -> Response:
        """The report by a trait: a row for each value, most people first."""
        campaign = self.get_object()
        traits = {trait.key: trait for trait in traits_of(campaign)}
        trait = traits.get(request.query_params.get("by", ""))
        if trait is None:
            raise Unprocessable([("/by", f"Expected one of {', '.join(traits)}.")])
        return Response(SliceSerializer(breakdown(campaign, trait), many=True).data)

    @extend_schema(request=VariantSerializer(many=True), responses=VariantSerializer(many=True))
    @action(detail=True, methods=["get", "put"], pagination_class=None, filterset_fields=[])
    def variants(self, request: Request, pk: str) -> Response:
        """Its messages, the original first. PUT has exactly these; those without a key are new."""
        campaign = self.get_object()
        if request.method == "PUT":
            campaign = self._in_words(lambda: self._set_variants(request, campaign))
        return Response(VariantSerializer(told_of(campaign), many=True).data)

    def _set_variants(self, request: Request, campaign: Campaign) -> Campaign:
        serializer = VariantSerializer(data=request.data, many=True)
        serializer.is_valid(raise_exception=True)
        told = [Told(**fields) for fields in serializer.validated_data]
        if wrong := problems_of(campaign, told):
            raise Unprocessable(wrong)
        return set_variants(actor=self.caller, campaign=campaign, variants=told)

    @extend_schema(request=WinnerSerializer)
    @action(detail=True, methods=["post"])
    def winner(self, request: Request, pk: str) -> Response:
        """Send a variant to those who wait for the winner."""
        serializer = WinnerSerializer(data=request.data or {})
        serializer.is_valid(raise_exception=True)
        try:
            return self._move(moves.choose_winner, key=serializer.validated_data.get("variant"))
        except KeyError as error:
            raise Unprocessable([("/variant", "The last run has no variant with this key.")]) from error

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
