"""A few people with a short history: all but Dan were sent the sale, Ana opened it, Cleo's machine did."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

from django.core.cache import cache
from django.utils import timezone

from retargeting.interactions import actions as interactions
from retargeting.orchestrations.models import Kind, Label, MessageStep, Orchestration
from retargeting.profiles import actions as profiles

PEOPLE = {"ana": "FR", "ben": "BE", "cleo": "FR", "dan": None}


class Cast(NamedTuple):
    sale: Orchestration
    news: Orchestration
    welcome: Orchestration
    promo: Label


def campaign(name: str, channel: str, **fields: Any) -> Orchestration:
    made = Orchestration.objects.create(kind=Kind.CAMPAIGN, name=name, **fields)
    MessageStep.objects.create(orchestration=made, key="", channel=channel)
    return made


def set_up() -> Cast:
    cache.clear()  # what the builder offers is remembered for some minutes
    welcome = Orchestration.objects.create(kind=Kind.AUTOMATION, name="Welcome series")
    MessageStep.objects.create(orchestration=welcome, key="hello", name="Hello", channel="email")
    cast = Cast(
        campaign("Spring sale", "push"),
        campaign("Newsletter", "email"),
        welcome,
        Label.objects.create(code="promo", name="Promo", colour="orange"),
    )
    cast.sale.labels.add(cast.promo)
    people = [
        {
            "external_id": name,
            "attributes": {"country": country} if country else {},
            "addresses": [{"channel": "email", "address": f"{name}@example.org"}],
        }
        for name, country in PEOPLE.items()
    ]
    assert not profiles.upsert_profiles(actor=None, items=people).errors
    happened("sent", cast.sale, "ana", "ben", "cleo", ago=timedelta(days=2))
    happened("opened", cast.sale, "ana", ago=timedelta(days=1))
    happened("opened", cast.sale, "cleo", ago=timedelta(days=2), machine=True)
    did("added_to_cart", "ben", {"value": 60})
    did("added_to_cart", "dan", {"value": 20})
    return cast


def happened(event: str, what: Orchestration, *people: str, ago: timedelta, machine: bool = False) -> None:
    items = [
        {
            "id": f"{event}-{what.pk}-{name}-{ago}",
            "profile": name,
            "event": event,
            "campaign": what.pk,
            "occurred_at": (timezone.now() - ago).isoformat(),
            "machine": machine,
        }
        for name in people
    ]
    accepted = interactions.accept_interactions(actor=None, items=items)
    assert accepted.accepted == len(people), accepted


def did(event: str, person: str, properties: dict[str, Any]) -> None:
    item = {"id": f"{event}-{person}", "profile": person, "event": event, "properties": properties}
    accepted = interactions.accept_events(actor=None, items=[item])
    assert accepted.accepted == 1, accepted
