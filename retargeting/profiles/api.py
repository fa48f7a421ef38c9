"""REST: people and fixed lists."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Prefetch
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from retargeting.accounts.api import ApiView, ApiViewSet
from retargeting.accounts.models import Scope
from retargeting.api.bulk import MAX_ITEMS, items_of, reported
from retargeting.api.errors import Conflict, Unprocessable
from retargeting.api.parsers import BatchJSONParser
from retargeting.api.serializers import ItemErrorSerializer, StrictSerializer
from retargeting.conditions.reading import show, step_into
from retargeting.profiles import actions
from retargeting.profiles.models import CHANNEL_CHOICES, Address, Profile, ProfileList, Suppression
from retargeting.profiles.validation import is_external_id


class AddressSerializer(serializers.Serializer[Address]):
    channel = serializers.ChoiceField(choices=CHANNEL_CHOICES)
    address = serializers.CharField(help_text="Email address, phone number with country code, or token.")
    subscribed = serializers.BooleanField(
        required=False, help_text="Left out: a new address is subscribed, a known one stays as it is."
    )
    suppressed = serializers.BooleanField(read_only=True, help_text="Not written to, whatever the subscription says.")


class ProfileChangeSerializer(serializers.Serializer[Profile]):
    """What is left out stays. Attributes merge, null removes one. Addresses are added or changed."""

    attributes = serializers.DictField(required=False, help_text="Texts, numbers, booleans and lists of these.")
    language = serializers.CharField(required=False, allow_null=True, help_text="BCP 47, such as fr or pt-BR.")
    time_zone = serializers.CharField(required=False, allow_null=True, help_text="IANA name, such as Europe/Paris.")
    addresses = AddressSerializer(many=True, required=False)


class ProfileItemSerializer(ProfileChangeSerializer):
    external_id = serializers.CharField(help_text="The id that your system gives this person.")


class ProfileSerializer(ProfileItemSerializer):
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)


class ProfilesSerializer(serializers.Serializer[Any]):
    profiles = ProfileItemSerializer(many=True, help_text=f"At most {MAX_ITEMS:,}.")


class UpsertedSerializer(serializers.Serializer[Any]):
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    errors = ItemErrorSerializer(many=True)  # type: ignore[assignment]  # a field, whose name the base class uses


PROFILES_EXAMPLE = OpenApiExample(
    "Two people",
    request_only=True,
    value={
        "profiles": [
            {
                "external_id": "ana-1",
                "attributes": {"country": "FR", "age": 34, "interests": ["music", "travel"]},
                "time_zone": "Europe/Paris",
                "language": "fr",
                "addresses": [
                    {"channel": "email", "address": "ana@example.com"},
                    {"channel": "sms", "address": "+33612345678", "subscribed": False},
                ],
            },
            {"external_id": "ben-2", "attributes": {"age": None}},
        ]
    },
)


class ProfileBulkView(ApiView):
    parser_classes = [BatchJSONParser]
    write_scope = Scope.INGEST

    @extend_schema(
        operation_id="profiles_bulk",
        tags=["profiles"],
        request=ProfilesSerializer,
        responses=UpsertedSerializer,
        examples=[PROFILES_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Create people or add to what is known of them, up to 10,000 at a time.

        Good items are stored; bad ones come back with their index, the place and what is wrong.
        """
        items = items_of(request.data, "profiles")
        created, updated, errors = actions.upsert_profiles(actor=self.caller, items=items)
        return Response({"created": created, "updated": updated, "errors": reported(errors, "profiles")})


def profile_or_404(external_id: str) -> Profile:
    """The person, with addresses. What could not be an external id is not looked up: PostgreSQL might refuse it."""
    if not is_external_id(external_id):
        raise Http404
    same = Suppression.objects.filter(channel=OuterRef("channel"), address=OuterRef("address"))
    addresses = Address.objects.annotate(suppressed=Exists(same)).order_by("channel", "id")
    return get_object_or_404(
        Profile.objects.prefetch_related(Prefetch("addresses", addresses)), external_id=external_id
    )


class ProfileView(ApiView):
    scopes = {"PATCH": Scope.INGEST}

    @extend_schema(tags=["profiles"], responses=ProfileSerializer)
    def get(self, request: Request, external_id: str) -> Response:
        """One person with attributes and addresses."""
        return Response(ProfileSerializer(profile_or_404(external_id)).data)

    @extend_schema(tags=["profiles"], request=ProfileChangeSerializer, responses=ProfileSerializer)
    def patch(self, request: Request, external_id: str) -> Response:
        """Change one person, as an item of the bulk call does."""
        with transaction.atomic():
            profile = profile_or_404(external_id)
            Profile.objects.select_for_update(no_key=True).get(pk=profile.pk)
            data = request.data
            if not isinstance(data, dict):
                raise Unprocessable([("", f"Expected a profile as an object, got {show(data)}.")])
            if data.get("external_id", external_id) != external_id:
                raise Unprocessable([("/external_id", "The external id of a person cannot change.")])
            result = actions.upsert_profiles(actor=self.caller, items=[{**data, "external_id": external_id}])
            if result.errors:
                raise Unprocessable((place, message) for _, place, message in result.errors)
        return self.get(request, external_id)

    @extend_schema(tags=["profiles"], responses={204: None})
    def delete(self, request: Request, external_id: str) -> Response:
        """Erase one person with everything that names them. Counts of events stay, as numbers of nobody."""
        actions.erase(actor=self.caller, profile=profile_or_404(external_id))
        return Response(status=204)


class ListSerializer(StrictSerializer, serializers.ModelSerializer[ProfileList]):
    size = serializers.IntegerField(read_only=True, help_text="How many people are on the list.")

    class Meta:
        model = ProfileList
        fields = ["id", "name", "size", "created_at", "updated_at"]


class ListMembersSerializer(serializers.Serializer[Any]):
    add = serializers.ListField(child=serializers.CharField(), required=False, help_text="External ids.")
    remove = serializers.ListField(child=serializers.CharField(), required=False, help_text="External ids.")
    put_back = serializers.BooleanField(
        required=False, help_text="Add people as well who were taken off the list by hand; false if left out."
    )


class ListMembersChangedSerializer(serializers.Serializer[Any]):
    added = serializers.IntegerField()
    removed = serializers.IntegerField()
    errors = ItemErrorSerializer(many=True)  # type: ignore[assignment]  # a field, whose name the base class uses


@extend_schema(tags=["lists"])
class ListViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.CreateModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    ApiViewSet,
):
    """Fixed lists of people, to be used in conditions."""

    serializer_class = ListSerializer
    queryset = ProfileList.objects.with_size()
    filterset_fields = {"name": ["exact", "icontains"]}
    ordering = ("name",)
    lookup_value_regex = "[0-9]{1,18}"

    def perform_create(self, serializer: serializers.BaseSerializer[ProfileList]) -> None:
        created = actions.create_list(actor=self.caller, **serializer.validated_data)
        serializer.instance = self.get_queryset().get(pk=created.pk)

    def perform_update(self, serializer: serializers.BaseSerializer[ProfileList]) -> None:
        assert serializer.instance is not None
        if serializer.validated_data:
            actions.rename_list(actor=self.caller, profile_list=serializer.instance, **serializer.validated_data)
        serializer.instance = self.get_queryset().get(pk=serializer.instance.pk)

    def perform_destroy(self, instance: ProfileList) -> None:
        try:
            actions.delete_list(actor=self.caller, profile_list=instance)
        except actions.ListInUse as error:
            raise Conflict(str(error)) from error

    @extend_schema(
        request=ListMembersSerializer,
        responses=ListMembersChangedSerializer,
        examples=[OpenApiExample("Both", request_only=True, value={"add": ["ana-1"], "remove": ["ben-2"]})],
    )
    @action(detail=True, methods=["post"], parser_classes=[BatchJSONParser], filterset_fields=None)
    def members(self, request: Request, pk: str) -> Response:
        """Put people on the list and take others off, up to 10,000 each.

        Those who were taken off by hand on the list's page come back as errors, unless "put_back" is true.
        """
        profile_list = self.get_object()
        given = _member_changes(request.data)
        changed = actions.change_members(actor=self.caller, profile_list=profile_list, **given)
        errors = [*reported(changed.add_errors, "add"), *reported(changed.remove_errors, "remove")]
        return Response({"added": changed.added, "removed": changed.removed, "errors": errors})


def _member_changes(data: object) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise Unprocessable([("", f'Expected an object with "add" and "remove", got {show(data)}.')])
    if unknown := [key for key in data if key not in {"add", "remove", "put_back"}]:
        raise Unprocessable(
            (step_into("", key), 'Unknown key. Allowed here: "add", "remove", "put_back".') for key in unknown[:100]
        )
    if not isinstance(put_back := data.get("put_back", False), bool):
        raise Unprocessable([("/put_back", f"Expected true or false, got {show(put_back)}.")])
    changes = {name: items_of({name: data[name]}, name) for name in ("add", "remove") if name in data}
    return {**changes, "put_back": put_back}


router = SimpleRouter()
router.register("lists", ListViewSet, basename="api-list")
urlpatterns = [
    path("profiles/bulk/", ProfileBulkView.as_view(), name="api-profiles-bulk"),
    path("profiles/<path:external_id>/", ProfileView.as_view(), name="api-profile"),
    *router.urls,
]
