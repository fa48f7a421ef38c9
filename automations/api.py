"""REST: automations from draft to report, and the people on their way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pyroaring import BitMap
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from automations import actions, moving, numbers, publishing
from automations.actions import AutomationError
from automations.engine.entering import Candidate, Door, admissible, enter
from automations.graph import codec
from automations.graph.nodes import ApiTrigger, Definition
from automations.models import Automation, AutomationStatus, Journey, JourneyStatus
from automations.numbers import Period
from automations.publishing import NotReady, People
from automations.readiness import Problem
from automations.report import report
from automations.serializers import (
    AutomationReportSerializer,
    AutomationSerializer,
    EnteredSerializer,
    EntrySerializer,
    GapSerializer,
    JourneySerializer,
    MoveSerializer,
    PublishSerializer,
    StepNumbersSerializer,
    problems_of,
)
from automations.versions import current_of, edited
from retargeting.accounts.api import ApiViewSet
from retargeting.accounts.models import Scope
from retargeting.api.errors import Conflict, Unprocessable
from retargeting.conditions.errors import ConditionErrors
from retargeting.profiles.models import Profile

PARTS = ("trigger", "steps", "exits", "goal", "holdout")
SINCE = OpenApiParameter("since", datetime, description="Of the period; open if it is left out.")
UNTIL = OpenApiParameter("until", datetime, description="Of the period; open if it is left out.")


@extend_schema(tags=["automations"])
class AutomationViewSet(ApiViewSet):
    """Journeys of several steps."""

    serializer_class = AutomationSerializer
    queryset = Automation.objects.prefetch_related("labels")
    filterset_fields = {"status": ["exact"], "labels__code": ["exact"], "name": ["icontains"]}
    ordering = ("-id",)
    lookup_value_regex = r"\d{1,9}"
    scopes = dict.fromkeys(["publish", "pause", "resume", "stop", "enter", "move", "remove"], Scope.SEND)

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(self.get_serializer(self.get_object()).data)

    def create(self, request: Request) -> Response:
        data = self._read(request)
        definition = self._definition(Definition(), data)
        created = self._in_words(
            lambda: actions.create_automation(
                actor=self.caller, name=data["name"], labels=data.get("labels", []), definition=definition
            )
        )
        return Response(self.get_serializer(created).data, status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Name and labels at once; trigger, steps, exits, goal and holdout in the draft."""
        automation = self.get_object()
        data = self._read(request, automation)
        if "name" in data or "labels" in data:
            actions.update_automation(
                actor=self.caller,
                automation=automation,
                name=data.get("name", automation.name),
                labels=data.get("labels", automation.labels.all()),
            )
        if any(part in data for part in PARTS):
            definition = self._definition(edited(automation), data)
            self._in_words(lambda: actions.save_draft(actor=self.caller, automation=automation, definition=definition))
        return self._shown(automation)

    def destroy(self, request: Request, pk: str) -> Response:
        """What has run is archived instead."""
        automation = self.get_object()
        self._in_words(lambda: actions.delete_automation(actor=self.caller, automation=automation))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _read(self, request: Request, automation: Automation | None = None) -> dict[str, Any]:
        serializer = AutomationSerializer(automation, data=request.data, partial=automation is not None)
        serializer.is_valid(raise_exception=True)
        data: dict[str, Any] = serializer.validated_data
        return data

    def _definition(self, before: Definition, data: dict[str, Any]) -> Definition:
        given = {part: data[part] for part in PARTS if part in data}
        return self._in_words(lambda: codec.decode({**codec.encode(before), **given}))

    def _in_words(self, act: Callable[[], Any]) -> Any:
        """What `act` returns; its refusals as problems: 422 for gaps, 409 for a state that does not allow it."""
        try:
            return act()
        except NotReady as error:
            raise Unprocessable((_place(problem), problem.message) for problem in error.problems) from error
        except ConditionErrors as errors:
            raise Unprocessable((error.path, error.message) for error in errors.errors) from errors
        except AutomationError as error:
            raise Conflict(str(error)) from error

    def _shown(self, automation: Automation) -> Response:
        return Response(self.get_serializer(self.get_queryset().get(pk=automation.pk)).data)

    def _move(self, verb: Callable[..., Any], **arguments: Any) -> Response:
        automation = self.get_object()
        self._in_words(lambda: verb(actor=self.caller, automation=automation, **arguments))
        return self._shown(automation)

    @extend_schema(responses=GapSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None, filterset_fields=[])
    def problems(self, request: Request, pk: str) -> Response:
        """What keeps the draft from being published, and what its author may not have meant."""
        return Response(problems_of(self.get_object()))

    @extend_schema(request=PublishSerializer)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: str) -> Response:
        """Make the draft the version that people enter."""
        serializer = PublishSerializer(data=request.data or {})
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        return self._move(
            publishing.publish,
            people=People(data["people"]),
            others=People(data["others"]),
            reach_finished=data["reach_finished"],
        )

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Nobody enters and nobody moves on until it is resumed."""
        return self._move(publishing.pause)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        return self._move(publishing.resume)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """End every journey and let nobody in."""
        return self._move(publishing.stop)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def duplicate(self, request: Request, pk: str) -> Response:
        copy = actions.duplicate(actor=self.caller, automation=self.get_object())
        return Response(self.get_serializer(copy).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=EntrySerializer, responses=EnteredSerializer)
    @action(detail=True, methods=["post"])
    def enter(self, request: Request, pk: str) -> Response:
        """Let somebody in whose trigger is the API; `entered` is 0 where the rules of entry do not allow it."""
        automation = self.get_object()
        serializer = EntrySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        version = current_of(automation)
        if version is None or automation.status != AutomationStatus.RUNNING:
            raise Conflict(f"{automation} does not run.")
        door = Door(automation.pk, version.pk)
        if not isinstance(door.definition.trigger, ApiTrigger):
            raise Conflict(f"{automation} is not begun by the API.")
        profile = Profile.objects.filter(external_id=serializer.validated_data["profile"]).first()
        if profile is None:
            raise Unprocessable([("/profile", "There is no person with this external id.")])
        properties = serializer.validated_data.get("properties", {})
        key = str(properties.get(door.entry.key, "")) if door.entry.key else ""
        if door.entry.key and not key:
            raise Unprocessable([(f"/properties/{door.entry.key}", "It tells journeys apart and must be there.")])
        entry = {"event": "", "properties": properties}
        candidates = [Candidate(profile.pk, timezone.now(), key=key, entry=entry)]
        allowed = admissible(door, BitMap([profile.pk]))
        return Response({"entered": enter(door, candidates) if allowed else 0})

    @extend_schema(
        responses=JourneySerializer(many=True),
        filters=False,
        parameters=[
            OpenApiParameter("status", enum=JourneyStatus.values),
            OpenApiParameter("step", description="Key of the step where they wait."),
            OpenApiParameter("profile", description="External id."),
        ],
    )
    @action(detail=True, filterset_fields=[])
    def journeys(self, request: Request, pk: str) -> Response:
        """The latest first."""
        found = Journey.objects.filter(automation=self.get_object()).select_related("version").order_by("-id")
        asked = request.query_params
        if "status" in asked:
            if asked["status"] not in JourneyStatus.values:
                raise Unprocessable([("/status", f"Expected one of {', '.join(JourneyStatus.values)}.")])
            found = found.filter(status=asked["status"])
        if "step" in asked:
            found = found.filter(step=asked["step"])
        if "profile" in asked:
            found = found.filter(profile_id__in=Profile.objects.filter(external_id=asked["profile"]).values("pk"))
        page = self.paginate_queryset(found) or []
        ids = [journey.profile_id for journey in page]
        names = dict(Profile.objects.filter(pk__in=ids).values_list("pk", "external_id"))
        serializer = JourneySerializer(page, many=True, context={"names": names})
        return self.get_paginated_response(serializer.data)

    def _journey(self, number: str) -> Journey:
        return get_object_or_404(Journey, pk=number, automation=self.get_object())

    @extend_schema(request=MoveSerializer, responses=JourneySerializer)
    @action(detail=True, methods=["post"], url_path=r"journeys/(?P<number>\d{1,18})/move")
    def move(self, request: Request, pk: str, number: str) -> Response:
        """Have somebody go on with another step at once."""
        serializer = MoveSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        step = serializer.validated_data["step"]
        journey = self._journey(number)
        moved = self._in_words(lambda: moving.move_journey(actor=self.caller, journey=journey, step=step))
        return Response(JourneySerializer(moved).data)

    @extend_schema(request=None, responses=JourneySerializer)
    @action(detail=True, methods=["post"], url_path=r"journeys/(?P<number>\d{1,18})/remove")
    def remove(self, request: Request, pk: str, number: str) -> Response:
        """Take somebody out where they are."""
        journey = self._journey(number)
        moving.remove_journeys(actor=self.caller, automation=journey.automation, ids=[journey.pk])
        return Response(JourneySerializer(self._journey(number)).data)

    @extend_schema(responses=StepNumbersSerializer(many=True), filters=False, parameters=[SINCE, UNTIL])
    @action(detail=True, pagination_class=None, filterset_fields=[])
    def numbers(self, request: Request, pk: str) -> Response:
        """The live numbers of each step."""
        found = numbers.of_steps(self.get_object(), _period(request))
        rows = [
            {"step": key, **each.counts, "ways": each.ways, "trouble": each.trouble}
            for key, each in sorted(found.items())
        ]
        return Response(StepNumbersSerializer(rows, many=True).data)

    @extend_schema(responses=AutomationReportSerializer, filters=False, parameters=[SINCE, UNTIL])
    @action(detail=True, pagination_class=None, filterset_fields=[])
    def report(self, request: Request, pk: str) -> Response:
        """Of the journeys that began in a period."""
        return Response(AutomationReportSerializer(report(self.get_object(), _period(request))).data)


def _place(problem: Problem) -> str:
    where = f"/steps/{problem.step}" if problem.step else f"/{problem.part}" if problem.part else ""
    return f"{where}/{problem.field}".rstrip("/")


def _period(request: Request) -> Period:
    moments = {}
    for name in ("since", "until"):
        text = request.query_params.get(name)
        try:
            moments[name] = datetime.fromisoformat(text) if text else None
        except ValueError:
            moments[name] = None
            text = ""
        if text == "" or (moments[name] is not None and moments[name].tzinfo is None):  # type: ignore[union-attr]
            raise Unprocessable([(f"/{name}", "Expected a time with its zone, such as 2026-05-01T00:00:00Z.")])
    return Period(moments["since"], moments["until"])


router = SimpleRouter()
router.register("automations", AutomationViewSet, basename="api-automation")
urlpatterns = router.urls
