"""REST: events and interactions coming in, and what happened to one person."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import path
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from retargeting.accounts.api import ApiView
from retargeting.accounts.models import Scope
from retargeting.api.bulk import MAX_ITEMS, items_of, reported
from retargeting.api.errors import Unprocessable
from retargeting.api.pagination import BAD_CURSOR, limit_of, next_link, read_cursor, write_cursor
from retargeting.api.parsers import BatchJSONParser
from retargeting.api.serializers import ItemErrorSerializer
from retargeting.conditions.nodes import Interaction
from retargeting.interactions import actions
from retargeting.interactions.models import CHANNELS_BY_CODE, CustomEvent, MessageEvent
from retargeting.orchestrations.models import Kind, MessageStep, Orchestration
from retargeting.profiles.api import profile_or_404

WHEN = "A time with its zone, not in the future; now if left out."
EVENT_NAMES = [(event.value, event.value) for event in Interaction]


class EventSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="Yours, to tell repetitions apart.")
    profile = serializers.CharField(help_text="External id of the person.")
    event = serializers.CharField(help_text="Name of the event, such as added_to_cart.")
    properties = serializers.DictField(required=False, help_text="Texts, numbers, booleans and lists of these.")
    occurred_at = serializers.DateTimeField(required=False, help_text=WHEN)


class EventsSerializer(serializers.Serializer[Any]):
    events = EventSerializer(many=True, help_text=f"At most {MAX_ITEMS:,}.")


class InteractionSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="Yours, to tell repetitions apart.")
    profile = serializers.CharField(help_text="External id of the person.")
    event = serializers.ChoiceField(choices=EVENT_NAMES)
    campaign = serializers.IntegerField(required=False, help_text="Id of the campaign; or an automation and its step.")
    automation = serializers.IntegerField(required=False)
    step = serializers.CharField(required=False, help_text="Key of the automation's step.")
    occurred_at = serializers.DateTimeField(required=False, help_text=WHEN)
    machine = serializers.BooleanField(required=False, help_text="An open or click by a machine; false if left out.")


class InteractionsSerializer(serializers.Serializer[Any]):
    interactions = InteractionSerializer(many=True, help_text=f"At most {MAX_ITEMS:,}.")


class AcceptedSerializer(serializers.Serializer[Any]):
    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField(help_text="Items whose id was accepted before.")
    errors = ItemErrorSerializer(many=True)  # type: ignore[assignment]  # a field, whose name the base class uses


EVENTS_EXAMPLE = OpenApiExample(
    "A purchase",
    request_only=True,
    value={
        "events": [
            {
                "id": "order-1001",
                "profile": "ana-1",
                "event": "purchased",
                "properties": {"value": 59.9, "items": ["shirt", "socks"]},
                "occurred_at": "2026-11-03T10:02:00Z",
            }
        ]
    },
)
INTERACTIONS_EXAMPLE = OpenApiExample(
    "An open of a campaign and a click in an automation",
    request_only=True,
    value={
        "interactions": [
            {
                "id": "o-1",
                "profile": "ana-1",
                "event": "opened",
                "campaign": 12,
                "occurred_at": "2026-11-03T10:02:00Z",
            },
            {"id": "c-1", "profile": "ben-2", "event": "clicked", "automation": 3, "step": "welcome", "machine": True},
        ]
    },
)


class EventBulkView(ApiView):
    parser_classes = [BatchJSONParser]
    write_scope = Scope.INGEST

    @extend_schema(
        operation_id="events_bulk",
        tags=["events"],
        request=EventsSerializer,
        responses=AcceptedSerializer,
        examples=[EVENTS_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Take in custom events, up to 10,000 at a time. Conditions know them from the next question on."""
        items = items_of(request.data, "events")
        return _answer(actions.accept_events(actor=self.caller, items=items), "events")


class InteractionBulkView(ApiView):
    parser_classes = [BatchJSONParser]
    write_scope = Scope.INGEST

    @extend_schema(
        operation_id="interactions_bulk",
        tags=["interactions"],
        request=InteractionsSerializer,
        responses=AcceptedSerializer,
        examples=[INTERACTIONS_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Take in message events, up to 10,000 at a time: history of another tool, and reports of apps.

        The channel follows from the campaign or step. They close no address.
        """
        items = items_of(request.data, "interactions")
        return _answer(actions.accept_interactions(actor=self.caller, items=items), "interactions")


def _answer(result: actions.Accepted, name: str) -> Response:
    errors = reported(result.errors, name)
    return Response({"accepted": result.accepted, "duplicates": result.duplicates, "errors": errors})


class MomentSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["message", "event"], help_text="A message event or a custom event.")
    event = serializers.CharField()
    occurred_at = serializers.DateTimeField()
    properties = serializers.DictField(required=False, help_text="Of custom events.")
    campaign = serializers.IntegerField(required=False, help_text="Of message events, as are the following.")
    automation = serializers.IntegerField(required=False)
    step = serializers.CharField(required=False)
    channel = serializers.CharField(required=False)
    machine = serializers.BooleanField(required=False)


class TimelineSerializer(serializers.Serializer[Any]):
    results = MomentSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class TimelineView(ApiView):
    @extend_schema(
        tags=["profiles"],
        parameters=[OpenApiParameter("cursor", str), OpenApiParameter("limit", int)],
        responses=TimelineSerializer,
    )
    def get(self, request: Request, external_id: str) -> Response:
        """Everything that happened to one person, newest first."""
        profile = profile_or_404(external_id)
        limit = limit_of(request)
        before = _position(request)
        rows: list[MessageEvent | CustomEvent] = [
            *_page(MessageEvent.objects.filter(profile_id=profile.pk), before, limit),
            *_page(CustomEvent.objects.filter(profile_id=profile.pk), before, limit),
        ]
        rows.sort(key=lambda row: (row.occurred_at, row.id), reverse=True)
        shown = rows[:limit]
        cursor = write_cursor([shown[-1].occurred_at.isoformat(), str(shown[-1].id)]) if len(rows) > limit else None
        return Response({"results": _moments(shown), "next": next_link(request, cursor)})


def _position(request: Request) -> tuple[datetime, uuid.UUID] | None:
    """The last moment of the page before."""
    if not (cursor := request.query_params.get("cursor")):
        return None
    try:
        moment, id = read_cursor(cursor)
        position = datetime.fromisoformat(moment), uuid.UUID(id)
    except (ValueError, TypeError, AttributeError):
        raise Unprocessable(BAD_CURSOR) from None
    if position[0].tzinfo is None:
        raise Unprocessable(BAD_CURSOR)
    return position


def _page(events: QuerySet[Any], before: tuple[datetime, uuid.UUID] | None, limit: int) -> QuerySet[Any]:
    if before is not None:
        moment, id = before
        # The first half is implied by the second, and is what the index and the partitions understand.
        events = events.filter(Q(occurred_at__lte=moment), Q(occurred_at__lt=moment) | Q(id__lt=id))
    return events.order_by("-occurred_at", "-id")[: limit + 1]


def _moments(rows: list[MessageEvent | CustomEvent]) -> list[dict[str, Any]]:
    messages = [row for row in rows if isinstance(row, MessageEvent)]
    kinds = dict(
        Orchestration.objects.filter(id__in={row.orchestration_id for row in messages}).values_list("id", "kind")
    )
    keys = dict(MessageStep.objects.filter(id__in={row.step_id for row in messages}).values_list("id", "key"))
    return [
        {"kind": "event", "event": row.name, "occurred_at": row.occurred_at, "properties": row.properties}
        if isinstance(row, CustomEvent)
        else {
            "kind": "message",
            "event": str(row.kind),
            "occurred_at": row.occurred_at,
            kinds.get(row.orchestration_id, Kind.CAMPAIGN.value): row.orchestration_id,
            **({"step": key} if (key := keys.get(row.step_id)) else {}),
            "channel": str(CHANNELS_BY_CODE[row.channel]),
            "machine": row.machine,
        }
        for row in rows
    ]


urlpatterns = [
    path("events/bulk/", EventBulkView.as_view(), name="api-events-bulk"),
    path("interactions/bulk/", InteractionBulkView.as_view(), name="api-interactions-bulk"),
    # Before the address of one profile, whose external id may hold slashes.
    path("profiles/<path:external_id>/timeline/", TimelineView.as_view(), name="api-profile-timeline"),
]
