"""What a provider is: a class that takes a batch of finished messages and says of each how it went."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from django import forms
from django.http import HttpRequest, HttpResponse

from retargeting.channels import health
from retargeting.channels.models import ChannelConfig
from retargeting.conditions.nodes import Channel
from retargeting.profiles.models import SuppressionReason

LONGEST_BATCH = 20.0
"""Seconds a batch may take by the pace that the admin has set; what does not fit waits for its turn elsewhere."""


class Result(StrEnum):
    ACCEPTED = "accepted"
    RETRY = "retry"  # not now: the provider or the way to it has a problem
    PERMANENT = "permanent"  # not ever, with this message to this address
    UNKNOWN = "unknown"  # it may have gone out: the answer was lost


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A finished message to one address. `content` holds the channel's fields, filled in.

    `headers` travel beside the content: those of a mail, and for push and in-app `report`, the address to which a
    device tells what became of the message.
    """

    profile_id: int
    address: str
    content: Mapping[str, str]
    delivery_id: int | None = None
    orchestration_id: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went. `suppress` asks that the address is not used again; `detail` is for people who read reports.

    `retry_after` are seconds that the provider asks us to wait. `attempted` is false where nobody was asked at all,
    because it is known that it would be in vain. `handed_over` is false where the provider keeps an accepted message
    until the device asks for it: that it was sent is then told by a receipt.
    """

    result: Result
    provider_id: str = ""
    detail: str = ""
    suppress: SuppressionReason | None = None
    retry_after: float | None = None
    attempted: bool = True
    handed_over: bool = True


class NoSettings(forms.Form):
    """A provider that needs no settings."""


class PacedSettings(forms.Form):
    """For providers that allow only so much. Put last what the subclass declares first."""

    rate = forms.FloatField(
        label="At most messages a second",
        required=False,
        min_value=0.01,
        help_text="Over all campaigns and workers together. Empty: as fast as it goes.",
    )


class Provider(ABC):
    """One way to send on a channel. Holds no state between batches; a retry is the caller's business.

    A subclass says how a batch is delivered; that a provider is left alone while it is down, and gets no more than it
    takes, is seen to here. `send` answers within half a lease (settings.LEASE_SECONDS) and does not raise for what a
    provider can do to us: time-outs, refusals and lost connections are outcomes. `batch_size` is how many may be
    uncertain at most after a worker is killed.
    """

    key: ClassVar[str]
    label: ClassVar[str]
    channels: ClassVar[frozenset[Channel]]
    batch_size: ClassVar[int]
    settings_form: ClassVar[type[forms.Form]] = NoSettings
    watched: ClassVar[bool] = True
    """Whether it can be down: then its health is kept."""
    parts: ClassVar[tuple[type[Provider], ...]] = ()
    """Providers that it sends through, each with a health of its own."""

    def __init__(self, config: ChannelConfig) -> None:
        self.config = config

    def send(self, messages: Sequence[OutgoingMessage]) -> list[Outcome]:
        """Send `messages`, outside of any transaction, and return one outcome for each, in their order."""
        if not messages or not self.watched:
            return self.deliver(messages) if messages else []
        if closed := health.closed(self.config):
            return _put_off(len(messages), closed.reason, closed.seconds)
        taken = messages[: self._fitting(len(messages))]
        if self.rate and (wait := health.reserve(self.config, len(taken), self.rate)) > 0:
            if wait > LONGEST_BATCH / 2:
                return _put_off(len(messages), "the pace of the channel is used up", wait)
            time.sleep(wait)
        outcomes = self.deliver(taken)
        with health.without_loss():
            health.record(
                self.config,
                Counter(str(outcome.result) for outcome in outcomes if outcome.attempted),
                next((o.detail for o in outcomes if o.attempted and o.result is not Result.ACCEPTED), ""),
            )
        return outcomes + _put_off(len(messages) - len(taken), "waits for its turn by the pace of the channel", 1)

    def name_for(self, address: str) -> str:
        """The key of who really sends to `address`: of several that share a channel, the one that reaches it."""
        return self.key

    @property
    def rate(self) -> float | None:
        """Messages a second at most."""
        return self.config.settings.get("rate") or None

    def _fitting(self, number: int) -> int:
        return min(number, max(int(self.rate * LONGEST_BATCH), 1)) if self.rate else number

    @abstractmethod
    def deliver(self, messages: Sequence[OutgoingMessage]) -> list[Outcome]:
        """Hand `messages`, at least one, to the provider and return one outcome for each, in their order."""


class Refused(Exception):
    """A call that does not prove where it comes from, or makes no sense."""


class Receiver(ABC):
    """Mixed into a provider that calls back."""

    hook_belongs: ClassVar[str] = ""
    """For admins: where in the provider's settings our address goes. Empty where each message carries its own."""

    @abstractmethod
    def receive(self, request: HttpRequest, token: str) -> HttpResponse:
        """Take what the provider says, checked. Raises Refused, or BadSignature for a `token` that is not ours."""


def _put_off(number: int, detail: str, seconds: float) -> list[Outcome]:
    return [Outcome(Result.RETRY, detail=detail, retry_after=seconds, attempted=False)] * number
