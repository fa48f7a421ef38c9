"""What a provider is: a class that takes a batch of finished messages and says of each how it went."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from django import forms

from retargeting.channels.models import ChannelConfig
from retargeting.conditions.nodes import Channel
from retargeting.profiles.models import SuppressionReason


class Result(StrEnum):
    ACCEPTED = "accepted"
    RETRY = "retry"  # not now: the provider or the way to it has a problem
    PERMANENT = "permanent"  # not ever, with this message to this address
    UNKNOWN = "unknown"  # it may have gone out: the answer was lost


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A finished message to one address. `content` holds the channel's fields, filled in."""

    profile_id: int
    address: str
    content: Mapping[str, str]
    delivery_id: int | None = None
    orchestration_id: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went. `suppress` asks that the address is not used again; `detail` is for people who read reports.

    `retry_after` is how many seconds the provider asks to be left alone before a retry.
    """

    result: Result
    provider_id: str = ""
    detail: str = ""
    suppress: SuppressionReason | None = None
    retry_after: float | None = None


class NoSettings(forms.Form):
    """A provider that needs no settings."""


class Provider(ABC):
    """One way to send on a channel. Holds no state between batches; a retry is the caller's business.

    `send` must answer within half a lease (settings.LEASE_SECONDS) and must not raise for what a provider can do to
    us: time-outs, refusals and lost connections are outcomes. `batch_size` is how many may be uncertain at most
    after a worker is killed.
    """

    key: ClassVar[str]
    label: ClassVar[str]
    channels: ClassVar[frozenset[Channel]]
    batch_size: ClassVar[int]
    settings_form: ClassVar[type[forms.Form]] = NoSettings

    def __init__(self, config: ChannelConfig) -> None:
        self.config = config

    @abstractmethod
    def send(self, messages: Sequence[OutgoingMessage]) -> list[Outcome]:
        """Send `messages` and return one outcome for each, in their order."""
