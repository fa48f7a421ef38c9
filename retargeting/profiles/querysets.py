from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import apps
from django.db import connection, models
from django.db.models import Count, Exists, IntegerField, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, Upper

from retargeting.profiles.validation import is_external_id

if TYPE_CHECKING:
    from retargeting.profiles.models import (  # noqa: F401 - for the annotations below
        Address,
        ImportRejection,
        ListImport,
        ListMember,
        Profile,
        ProfileList,
    )

EXACT_UP_TO = 200_000


class ProfileQuerySet(models.QuerySet["Profile"]):
    def search(self, words: str) -> ProfileQuerySet:
        """People whose external id, or one of whose addresses, starts with `words`. Both are answered by an index."""
        words = words.strip().replace("\x00", "")
        if not words:
            return self
        addresses = apps.get_model("profiles", "Address")
        written = Q(address__startswith=words) | Q(address__startswith=words.lower())
        owners = addresses.objects.filter(written).values("profile_id")
        return self.filter(Q(external_id__istartswith=words) | Q(pk__in=owners))

    def named(self, words: str) -> ProfileQuerySet:
        """Who has this external id, or else this email address: several people may have one address."""
        words = words.strip()
        if not is_external_id(words):
            return self.none()
        if found := self.filter(external_id=words):
            return found
        addresses = apps.get_model("profiles", "Address").objects.filter(channel="email", address=words.lower())
        return self.filter(pk__in=addresses.values("profile_id"))

    def ids_of(self, external_ids: list[str]) -> dict[str, int]:
        """The ids of those that exist, by external id."""
        # One parameter, an array: Django and the database read ten thousand single ones ten times as long.
        found = self.extra(where=["external_id = ANY(%s)"], params=[external_ids])
        return dict(found.order_by().values_list("external_id", "id"))

    def about_how_many(self) -> int:
        """Everybody, exactly up to EXACT_UP_TO and else as the planner estimates: no count looks at a million rows."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [self.model._meta.db_table]
            )
            (estimate,) = cursor.fetchone()
        return estimate if estimate > EXACT_UP_TO else self.count()


class AddressQuerySet(models.QuerySet["Address"]):
    def on(self, channel: str) -> AddressQuerySet:
        return self.filter(channel=channel)

    def usable(self) -> AddressQuerySet:
        """Those that may be written to: subscribed, and suppressed for nobody."""
        suppressions = apps.get_model("profiles", "Suppression").objects
        same = suppressions.filter(channel=OuterRef("channel"), address=OuterRef("address"))
        return self.filter(~Exists(same), subscribed=True)


class ProfileListQuerySet(models.QuerySet["ProfileList"]):
    def named_like(self, words: str) -> ProfileListQuerySet:
        for word in words.replace("\x00", "").split():
            self = self.filter(name__icontains=word)
        return self

    def with_size(self) -> ProfileListQuerySet:
        """`size`: how many people are on each. Counted by list, so that a page of lists counts those of the page."""
        members = apps.get_model("profiles", "ListMember").objects.filter(list=OuterRef("pk")).order_by()
        counted = members.values("list").annotate(number=Count("pk")).values("number")
        return self.annotate(size=Coalesce(Subquery(counted, output_field=IntegerField()), 0))


class ListMemberQuerySet(models.QuerySet["ListMember"]):
    """Serves removals from a list, too: both are about one person and one list."""

    def search(self, words: str) -> ListMemberQuerySet:
        words = words.strip()
        people = apps.get_model("profiles", "Profile").objects
        return self.filter(profile__in=people.search(words).order_by().values("pk")) if words else self


class ListImportQuerySet(models.QuerySet["ListImport"]):
    def under_way(self) -> ListImportQuerySet:
        return self.filter(status="running")


class ImportRejectionQuerySet(models.QuerySet["ImportRejection"]):
    def about(self, names: list[str]) -> ImportRejectionQuerySet:
        """Lines whose value is one of `names`, external ids or addresses, however they are spelled."""
        return self.alias(upper=Upper("value")).filter(upper__in=[Upper(Value(name)) for name in names])
