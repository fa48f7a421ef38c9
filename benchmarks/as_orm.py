"""The same questions as a Django developer would ask them: QuerySets of profiles over the event rows.

Each is written the way that was found to be fastest of those that come to mind; the indexes they need are those of
the event tables. "Did not open" asks for a send first, since that is what the product means by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import chain
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet

from benchmarks.events import PURCHASED
from benchmarks.shapes import STEP, TOGETHER, Targets
from benchmarks.world import LIST_ID, World
from retargeting.conditions.nodes import Channel, Interaction
from retargeting.interactions.models import CHANNEL_CODES, EVENT_CODES, CustomEvent, MessageEvent
from retargeting.orchestrations.models import MessageStep, Orchestration
from retargeting.profiles.models import Address, ListMember, Profile

Answer = QuerySet[Any] | set[int]


class Orm:
    """One method a shape, named after it."""

    def __init__(self, world: World) -> None:
        self.on = Targets.of(world)
        self.now = world.until

    def ask(self, name: str) -> Answer:
        question: Callable[[], Answer] = getattr(self, name)
        return question()

    def ago(self, **length: int) -> Q:
        """In the last so many days or hours. Nothing lies after the present of the benchmark."""
        return Q(occurred_at__gt=self.now - timedelta(**length))

    def opened_campaign(self) -> Answer:
        return _people(_opens(orchestration_id=self.on.email))

    def not_opened(self) -> Answer:
        return _people(_sends(orchestration_id=self.on.email)).filter(_no(_opens(orchestration_id=self.on.email)))

    def opens_30_days(self) -> Answer:
        return _people(_often(_opens(channel=_EMAIL).filter(self.ago(days=30)), 3))

    def last_open_15_days(self) -> Answer:
        return _people(_opens(channel=_PUSH).filter(self.ago(days=15)))

    def sends_of_label(self) -> Answer:
        return _people(_often(_sends(orchestration_id__in=_labelled("promo")), 5))

    def opens_ever(self) -> Answer:
        return _people(_often(_opens(channel=_EMAIL), 10))

    def last_open_between(self) -> Answer:
        start, end = self.now - timedelta(days=62), self.now - timedelta(days=21)
        # What lies before the start does not matter to whose last one lies in between.
        opens = _opens(channel=_EMAIL, occurred_at__gte=start)
        return _people(opens.values("profile_id").annotate(last=Max("occurred_at")).filter(last__lt=end))

    def opens_36_hours(self) -> Answer:
        return _people(_often(_opens(channel=_EMAIL).filter(self.ago(hours=36)), 2))

    def three_labels(self) -> Answer:
        return _people(_often(_opens(orchestration_id__in=_labelled(*TOGETHER)), 4))

    def few_of_label(self) -> Answer:
        more = _often(_sends(orchestration_id__in=_labelled("promo")), 2)
        return Profile.objects.order_by().values("pk").difference(more.values("profile_id"))

    def step_not_opened(self) -> Answer:
        steps = _steps(self.on.automation, *STEP[:1])
        about = {"orchestration_id": self.on.automation, "step_id__in": steps}
        return _people(_sends(**about)).filter(_no(_opens(**about)))

    def step_opens(self) -> Answer:
        steps = _steps(self.on.automation, *STEP)
        return _people(_often(_opens(orchestration_id=self.on.automation, step_id__in=steps), 2))

    def dormant(self) -> Answer:
        last = _opens().values("profile_id").annotate(last=Max("occurred_at"))
        return _people(last.filter(last__lte=self.now - timedelta(days=45)))

    def any_sends(self) -> Answer:
        return _people(_often(_sends().filter(self.ago(days=30)), 20))

    def last_month(self) -> Answer:
        as_of = self.now - timedelta(days=31, hours=5)
        window = {"occurred_at__gt": as_of - timedelta(days=30), "occurred_at__lte": as_of}
        return _people(_often(_opens(channel=_EMAIL, **window), 3))

    def five_rows(self) -> Answer:
        return self._five_rows(30)

    def five_rows_changed(self) -> Answer:
        return self._five_rows(14)

    def two_of_five(self) -> Answer:
        """The ORM cannot group a union, and a sum of five subqueries takes minutes: the five are counted here."""
        rows = [
            _opens(orchestration_id=self.on.email),
            _opens(orchestration_id=self.on.push),
            _clicks(channel=_EMAIL).filter(self.ago(days=30)),
            _often(_opens(orchestration_id__in=_labelled("news")), 2),
            _sends(channel=_SMS).filter(self.ago(days=60)),
        ]
        hits = Counter(chain.from_iterable(row.values_list("profile_id", flat=True).distinct() for row in rows))
        return {id for id, count in hits.items() if count >= 2}

    def none_of(self) -> Answer:
        wanted = _often(_opens(orchestration_id__in=_labelled("promo")), 3).values_list("profile_id")
        listed = ListMember.objects.filter(list_id=LIST_ID).values_list("profile_id")
        usable = Address.objects.filter(channel=str(Channel.EMAIL)).usable()
        return Profile.objects.filter(
            Exists(usable.filter(profile_id=OuterRef("pk"))),
            _no(_events(Interaction.BOUNCED, channel=_EMAIL)),
            _no(_clicks().filter(self.ago(days=30))),
            _no(_sends(orchestration_id=self.on.recent)),
            pk__in=wanted.union(listed),
        )

    def bought_twice(self) -> Answer:
        return _people(_often(self._bought(40), 2))

    def _five_rows(self, days: int) -> Answer:
        return (
            _people(_often(_opens(channel=_EMAIL).filter(self.ago(days=days)), 2))
            .filter(pk__in=_sends(orchestration_id=self.on.recent).values("profile_id"))
            .filter(_no(_opens(orchestration_id=self.on.recent)))
            .filter(attributes__country__in=["FR", "DE", "ES"])
            .exclude(attributes__tags__contains=["vip"])
            .filter(pk__in=self._bought(20).values("profile_id"))
        )

    def _bought(self, value: int) -> QuerySet[Any]:
        events = CustomEvent.objects.filter(name=PURCHASED, properties__value__gte=value)
        return events.filter(self.ago(days=90)).order_by()


_EMAIL, _PUSH, _SMS = (CHANNEL_CODES[name] for name in (Channel.EMAIL, Channel.PUSH, Channel.SMS))


def _events(event: Interaction, **about: Any) -> QuerySet[MessageEvent]:
    return MessageEvent.objects.filter(event=EVENT_CODES[event], **about).order_by()


def _sends(**about: Any) -> QuerySet[MessageEvent]:
    return _events(Interaction.SENT, **about)


def _opens(**about: Any) -> QuerySet[MessageEvent]:
    return _events(Interaction.OPENED, machine=False, **about)


def _clicks(**about: Any) -> QuerySet[MessageEvent]:
    return _events(Interaction.CLICKED, machine=False, **about)


def _often(events: QuerySet[Any], times: int) -> QuerySet[Any]:
    return events.values("profile_id").annotate(n=Count("*")).filter(n__gte=times)


def _people(events: QuerySet[Any]) -> QuerySet[Any]:
    return Profile.objects.filter(pk__in=events.values("profile_id"))


def _no(events: QuerySet[Any]) -> Q:
    """NOT EXISTS, which the database can turn into a join; NOT IN it cannot."""
    return ~Q(Exists(events.filter(profile_id=OuterRef("pk"))))


def _labelled(*codes: str) -> list[int]:
    return list(
        Orchestration.objects.filter(labels__code__in=codes).order_by().values_list("id", flat=True).distinct()
    )


def _steps(automation: int, *keys: str) -> list[int]:
    return list(
        MessageStep.objects.filter(orchestration_id=automation, key__in=keys).order_by().values_list("id", flat=True)
    )
