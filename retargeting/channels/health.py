"""How each provider is doing, shared by all workers: a circuit breaker, a pace, and figures for admins.

A provider is left alone when it asks for that (Retry-After), and when several batches in a row came to nothing: then
for half a minute, and twice as long each time that the one batch let through afterwards fails as well.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, connection
from django.db.models import F, Sum
from django.db.models.functions import Greatest
from django.utils import timezone

from retargeting.channels.models import ChannelConfig, ProviderHealth, ProviderMinute

logger = logging.getLogger(__name__)

FAILED_BATCHES = 5
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=10)
LONGEST_HOLD = timedelta(hours=1)
TRIAL = timedelta(seconds=40)  # longer than a batch takes; then another worker may try
KEPT = timedelta(days=7)
COUNTED = ("accepted", "retry", "permanent", "unknown")


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing is sent for so many seconds."""

    seconds: float
    reason: str


@contextmanager
def without_loss() -> Iterator[None]:
    """Around figures that are written after a batch: a database that is gone must not cost us how the batch went."""
    try:
        yield
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        logger.warning("The database is gone: the figures of a batch are not counted.")
        connection.close()


def _row(config: ChannelConfig) -> ProviderHealth:
    row, _ = ProviderHealth.objects.get_or_create(channel=config.channel, provider=config.provider)
    return row


def closed(config: ChannelConfig) -> Closed | None:
    """Whether to leave the provider alone. After a pause of the breaker, one caller is let through to try."""
    row, now = _row(config), timezone.now()
    if row.closed_until is None:
        return None
    if row.closed_until <= now:
        free = ProviderHealth.objects.filter(pk=row.pk, closed_until=row.closed_until)
        if not row.pauses or free.update(closed_until=now + TRIAL, closed_reason="one batch is being tried"):
            return None
        row.refresh_from_db()
    seconds = ((row.closed_until or now) - now).total_seconds()
    return Closed(max(seconds, 1.0), row.closed_reason)


def hold(config: ChannelConfig, seconds: float, reason: str) -> None:
    """Leave the provider alone as long as it asked for."""
    until = timezone.now() + min(timedelta(seconds=seconds), LONGEST_HOLD)
    row = _row(config)
    if row.closed_until is None or row.closed_until < until:
        ProviderHealth.objects.filter(pk=row.pk).update(closed_until=until, closed_reason=reason[:300])


def reserve(config: ChannelConfig, number: int, rate: float) -> float:
    """Take `number` places in the queue of all workers; returns the seconds until the first.

    None is taken where that is long.
    """
    row, now = _row(config), timezone.now()
    taking = timedelta(seconds=number / rate)
    limit = now + timedelta(seconds=10)
    mine = ProviderHealth.objects.filter(pk=row.pk, next_slot_at__lte=limit)
    if mine.update(next_slot_at=Greatest(F("next_slot_at"), now) + taking):
        row.refresh_from_db(fields=["next_slot_at"])
        return max((row.next_slot_at - taking - now).total_seconds(), 0.0)
    row.refresh_from_db(fields=["next_slot_at"])
    return max((row.next_slot_at - now).total_seconds(), 0.0)


def record(config: ChannelConfig, counts: Mapping[str, int], said: str) -> None:
    """Note how a batch went; `counts` by result, `said` is what the first that went wrong was told."""
    numbers = {result: counts.get(result, 0) for result in COUNTED}
    if not any(numbers.values()):
        return
    now = timezone.now()
    row = _row(config)
    same = ProviderHealth.objects.filter(pk=row.pk)
    heard = numbers["accepted"] + numbers["permanent"]
    if said:
        same.update(last_failure_at=now, last_failure=said[:500])
    if heard:
        ok = {"last_success_at": now} if numbers["accepted"] else {}
        same.update(failed_batches=0, **ok)
        same.filter(pauses__gt=0).update(pauses=0, closed_until=None, closed_reason="")
    else:
        same.update(failed_batches=F("failed_batches") + 1)
        row.refresh_from_db()
        if row.failed_batches >= FAILED_BATCHES:
            pause = min(FIRST_PAUSE * 2**row.pauses, LONGEST_PAUSE)
            reason = f"paused after {row.failed_batches} batches in a row that came to nothing: {said}"
            same.update(pauses=F("pauses") + 1, closed_until=now + pause, closed_reason=reason[:300])
    _count(config, numbers)


def _count(config: ChannelConfig, numbers: Mapping[str, int]) -> None:
    minute = timezone.now().replace(second=0, microsecond=0)
    key: dict[str, Any] = {"channel": config.channel, "provider": config.provider, "minute": minute}
    ProviderMinute.objects.get_or_create(**key)
    ProviderMinute.objects.filter(**key).update(**{name: F(name) + number for name, number in numbers.items()})


def forget_old_minutes() -> None:
    """The clock's duty."""
    ProviderMinute.objects.filter(minute__lt=timezone.now() - KEPT).delete()


def start_afresh(config: ChannelConfig, parts: Collection[str] = ()) -> None:
    """Somebody has changed the settings: what was wrong may be right now."""
    ProviderHealth.objects.filter(channel=config.channel, provider__in=[config.provider, *parts]).update(
        failed_batches=0, pauses=0, closed_until=None, closed_reason=""
    )


@dataclass(frozen=True, slots=True)
class Summary:
    """What the page of a channel shows. `rates` are (name of the stretch, messages tried, share that went wrong)."""

    row: ProviderHealth
    rates: list[tuple[str, int, float]]

    @property
    def is_closed(self) -> bool:
        return self.row.closed_until is not None and self.row.closed_until > timezone.now()


def summary(config: ChannelConfig) -> Summary | None:
    row = ProviderHealth.objects.filter(channel=config.channel, provider=config.provider).first()
    if row is None:
        return None
    now = timezone.now()
    stretches = [("15 minutes", timedelta(minutes=15)), ("hour", timedelta(hours=1)), ("day", timedelta(days=1))]
    rates = []
    for name, stretch in stretches:
        minutes = ProviderMinute.objects.filter(
            channel=config.channel, provider=config.provider, minute__gte=now - stretch
        )
        found = {key: value or 0 for key, value in minutes.aggregate(**{key: Sum(key) for key in COUNTED}).items()}
        tried = sum(found.values())
        rates.append((name, tried, (tried - found["accepted"]) / tried if tried else 0.0))
    return Summary(row, rates)
