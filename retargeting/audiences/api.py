"""REST: counting, listing and explaining audiences, and segments."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from retargeting.accounts.api import ApiView, ApiViewSet
from retargeting.accounts.models import Scope
from retargeting.api.errors import Conflict, Unprocessable
from retargeting.api.pagination import BAD_CURSOR, read_cursor, write_cursor
from retargeting.api.serializers import StrictSerializer
from retargeting.audiences import actions, references
from retargeting.audiences.actions import SegmentInUse
from retargeting.audiences.answers import ExplanationSerializer, answer_of
from retargeting.audiences.engine import evaluate
from retargeting.audiences.explain import explain
from retargeting.audiences.models import Segment
from retargeting.audiences.references import References
from retargeting.audiences.summaries import SegmentRow, segment_rows
from retargeting.conditions import codec
from retargeting.conditions.values import parse_date
from retargeting.conditions.wording import sentence
from retargeting.profiles.models import Profile

MOST_MEMBERS = 10_000
DEFAULT_MEMBERS = 1_000


class TreeField(serializers.JSONField):
    """A condition tree: read from JSON with all its mistakes named, written back as JSON."""

    def to_internal_value(self, data: Any) -> Any:  # a Group, which the base class does not expect
        return codec.decode(data, path=f"/{self.field_name}")

    def to_representation(self, value: Any) -> Any:
        return value


class MomentField(serializers.CharField):
    """A time with its zone."""

    def to_internal_value(self, data: Any) -> Any:  # a datetime, which the base class does not expect
        moment = parse_date(data) if isinstance(data, str) and "T" in data else None
        if moment is None:
            raise serializers.ValidationError("Expected a time with its zone, such as 2026-11-03T10:02:00Z.")
        return moment

    def to_representation(self, value: Any) -> Any:  # the renderer writes it as all other times
        return value


class PastField(MomentField):
    """A time with its zone that is not in the future."""

    def to_internal_value(self, data: Any) -> Any:
        moment = super().to_internal_value(data)
        if moment > timezone.now():
            raise serializers.ValidationError("This is in the future: only what has happened can be counted.")
        return moment


class AudienceSerializer(StrictSerializer):
    audience = TreeField(help_text="A tree in the language of conditions.")
    as_of = PastField(required=False, help_text="Evaluate as if it were this moment; now if left out.")


class MembersSerializer(AudienceSerializer):
    cursor = serializers.CharField(required=False, allow_null=True, help_text='"next" of the page before.')
    limit = serializers.IntegerField(required=False, min_value=1, max_value=MOST_MEMBERS)


class ExplainSerializer(AudienceSerializer):
    profile = serializers.CharField(help_text="External id of the person.")


class CountSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    reachable = serializers.DictField(child=serializers.IntegerField(), help_text="By channel.")
    nodes = serializers.DictField(child=serializers.IntegerField(), help_text="Own size of each node, by its path.")
    sentence = serializers.CharField()
    as_of = serializers.DateTimeField()
    took_ms = serializers.FloatField()


class MembersPageSerializer(serializers.Serializer[Any]):
    members = serializers.ListField(child=serializers.CharField(), help_text="External ids.")
    next = serializers.CharField(allow_null=True)


class AudienceView(ApiView):
    """Asks a question in a body, so it is a POST that only reads."""

    write_scope = Scope.READ
    serializer_class: type[AudienceSerializer] = AudienceSerializer

    def question(self, request: Request) -> tuple[dict[str, Any], References]:
        """The checked body, and the names of what its tree refers to."""
        serializer = self.serializer_class(data=request.data)
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data, references.check(serializer.validated_data["audience"], path="/audience")


@extend_schema(tags=["audiences"])
class CountView(AudienceView):
    """How many people an audience has, exactly: in all, by channel, and for each node of the tree."""

    @extend_schema(request=AudienceSerializer, responses=CountSerializer)
    def post(self, request: Request) -> Response:
        data, names = self.question(request)
        evaluation = evaluate(data["audience"], as_of=data.get("as_of"))
        return Response(
            {
                "count": len(evaluation.members),
                "reachable": evaluation.reach,
                "nodes": {path: number for path, number in evaluation.counts.items() if path},
                "sentence": str(sentence(data["audience"], names)),
                "as_of": evaluation.as_of,
                "took_ms": round(evaluation.took_ms, 1),
            }
        )


@extend_schema(tags=["audiences"])
class MembersView(AudienceView):
    """Who is in an audience. All pages are as of the moment of the first one."""

    serializer_class = MembersSerializer

    @extend_schema(request=MembersSerializer, responses=MembersPageSerializer)
    def post(self, request: Request) -> Response:
        data, _ = self.question(request)
        after, as_of = 0, data.get("as_of")
        if data.get("cursor"):
            after, as_of = _position(data["cursor"])
        limit = data.get("limit", DEFAULT_MEMBERS)
        evaluation = evaluate(data["audience"], as_of=as_of)
        first = evaluation.members.rank(after)
        ids = list(evaluation.members[first : first + limit])
        names = dict(Profile.objects.filter(pk__in=ids).values_list("pk", "external_id"))
        more = first + limit < len(evaluation.members)
        cursor = write_cursor([ids[-1], evaluation.as_of.isoformat()]) if more else None
        return Response({"members": [names[id] for id in ids if id in names], "next": cursor})


def _position(cursor: str) -> tuple[int, datetime]:
    match read_cursor(cursor):
        case [int(after), str(text)] if (
            0 <= after < 2**31 and (as_of := parse_date(text)) is not None and as_of <= timezone.now()
        ):
            return after, as_of
    raise Unprocessable(BAD_CURSOR)


@extend_schema(tags=["audiences"])
class ExplainView(AudienceView):
    """Why one person is in an audience or not: of each node the event that decided, and what would turn it."""

    serializer_class = ExplainSerializer

    @extend_schema(request=ExplainSerializer, responses=ExplanationSerializer)
    def post(self, request: Request) -> Response:
        data, names = self.question(request)
        profile = Profile.objects.filter(external_id=data["profile"]).first()
        if profile is None:
            raise Unprocessable([("/profile", f"There is no person with the external id {data['profile']}.")])
        explanation = explain(data["audience"], profile, as_of=data.get("as_of"), names=names)
        return Response(answer_of(explanation, past="as_of" in data))


class SegmentSerializer(StrictSerializer, serializers.ModelSerializer[Segment]):
    audience = TreeField(help_text="A tree in the language of conditions.")
    sentence = serializers.SerializerMethodField(help_text="null when it refers to something that is gone.")
    count = serializers.SerializerMethodField(help_text="People at `counted_at`; null as above.")
    counted_at = serializers.SerializerMethodField()
    used_in = serializers.SerializerMethodField(help_text="What would stop it from being deleted, in words.")

    class Meta:
        model = Segment
        fields = [
            "id", "name", "audience", "sentence", "count", "counted_at", "used_in", "created_at", "updated_at",
        ]  # fmt: skip

    def row(self, segment: Segment) -> SegmentRow:
        """Counted once: by the view for a whole page, here for a single one."""
        rows: dict[int, SegmentRow] = self.context["rows"]
        if segment.pk not in rows:
            [rows[segment.pk]] = segment_rows([segment])
        return rows[segment.pk]

    def get_sentence(self, segment: Segment) -> str | None:
        words = self.row(segment).sentence
        return None if words is None else str(words)

    def get_count(self, segment: Segment) -> int | None:
        return self.row(segment).count

    def get_counted_at(self, segment: Segment) -> datetime:
        return self.row(segment).as_of

    def get_used_in(self, segment: Segment) -> list[str]:
        return self.row(segment).places


@extend_schema(tags=["audiences"])
class SegmentViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.CreateModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    ApiViewSet,
):
    """Saved trees, to be used by id in other trees."""

    serializer_class = SegmentSerializer
    queryset = Segment.objects.all()
    filterset_fields = {"name": ["exact", "icontains"]}
    ordering = ("id",)
    lookup_value_regex = r"\d{1,18}"
    rows: dict[int, SegmentRow]

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "rows": getattr(self, "rows", {})}

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        self.rows = {row.segment.pk: row for row in segment_rows(page or [])}
        return page

    def perform_create(self, serializer: serializers.BaseSerializer[Segment]) -> None:
        serializer.instance = actions.create_segment(actor=self.caller, **serializer.validated_data)

    def perform_update(self, serializer: serializers.BaseSerializer[Segment]) -> None:
        assert serializer.instance is not None
        serializer.instance = actions.update_segment(
            actor=self.caller, segment=serializer.instance, **serializer.validated_data
        )

    def perform_destroy(self, instance: Segment) -> None:
        try:
            actions.delete_segment(actor=self.caller, segment=instance)
        except SegmentInUse as error:
            raise Conflict(str(error)) from error


router = SimpleRouter()
router.register("segments", SegmentViewSet, basename="api-segment")
urlpatterns = [
    path("audiences/count/", CountView.as_view(), name="api-audience-count"),
    path("audiences/members/", MembersView.as_view(), name="api-audience-members"),
    path("audiences/explain/", ExplainView.as_view(), name="api-audience-explain"),
    *router.urls,
]
