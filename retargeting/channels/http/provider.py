"""The base of providers over HTTP: a request for each message, many at once, and what every answer means.

A subclass makes the request of a message and reads the answers that its documentation lists. Time-outs, lost
connections, Retry-After, giving up on a provider that is down, and the pace are seen to here.
"""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import ClassVar

from django.utils import timezone

from retargeting.channels import health
from retargeting.channels.adapter import Outcome, OutgoingMessage, Provider, Result
from retargeting.channels.http.transport import Answer, Call, Failure, Limits, Reply, exchange
from retargeting.profiles.models import SuppressionReason

FAILURES_IN_A_ROW = 25
"""After so many without one answer the rest of a batch is not tried."""
WITHOUT_RETRY_AFTER = 60.0
"""Seconds to wait where a provider says "too many" but not for how long."""
FIXED_BY_AN_ADMIN = 300.0
"""Seconds after which to look again whether something was put right that only people can."""


class NotReady(Exception):
    """Nothing can be sent now; the message says why: settings are wrong, a token cannot be had."""


class Unsendable(Exception):
    """This message cannot be made into a request."""

    def __init__(self, detail: str, suppress: SuppressionReason | None = None) -> None:
        super().__init__(detail)
        self.suppress = suppress


class HttpProvider(Provider):
    batch_size = 500
    limits: ClassVar[Limits] = Limits()
    one_service: ClassVar[bool] = True
    """Whether "too many" of one answer holds for all messages; not where each address has a server of its own."""

    def prepare(self) -> None:
        """Have what every request needs, such as an access token. Raises NotReady."""

    @abstractmethod
    def call(self, message: OutgoingMessage) -> Call:
        """The request for `message`. Raises Unsendable."""

    @abstractmethod
    def read(self, answer: Answer, message: OutgoingMessage) -> Outcome:
        """What an answer means; `by_status` has the usual reading of what the documentation says nothing about."""

    def deliver(self, messages: Sequence[OutgoingMessage]) -> list[Outcome]:
        try:
            self.prepare()
        except NotReady as error:
            return [Outcome(Result.RETRY, detail=str(error))] * len(messages)
        return _Batch(self, messages).deliver()


class _Batch:
    def __init__(self, provider: HttpProvider, messages: Sequence[OutgoingMessage]) -> None:
        self.provider = provider
        self.messages = messages
        self.outcomes: list[Outcome | None] = [None] * len(messages)
        self.failures = 0
        self.wait: float | None = None

    def deliver(self) -> list[Outcome]:
        calls, places = [], []
        for place, message in enumerate(self.messages):
            try:
                calls.append(self.provider.call(message))
                places.append(place)
            except Unsendable as error:
                self.outcomes[place] = Outcome(Result.PERMANENT, detail=str(error), suppress=error.suppress)

        def heard(index: int, reply: Reply) -> bool:
            return self._heard(places[index], reply)

        if calls:
            limits = self.provider.limits
            if self.provider.rate:
                limits = _paced(limits, self.provider.rate)
            exchange(calls, limits, heard)
        if self.wait is not None:
            with health.without_loss():
                health.hold(self.provider.config, self.wait, "the provider asked us to wait")
        left = Outcome(Result.RETRY, detail="the provider could not take more", retry_after=self.wait, attempted=False)
        return [outcome or left for outcome in self.outcomes]

    def _heard(self, place: int, reply: Reply) -> bool:
        """Note the outcome; whether to go on."""
        if isinstance(reply, Failure):
            self.failures += 1
            result = Result.UNKNOWN if reply.sent else Result.RETRY
            self.outcomes[place] = Outcome(result, detail=reply.detail)
            return self.failures < FAILURES_IN_A_ROW
        self.failures = 0
        outcome = self.outcomes[place] = self.provider.read(reply, self.messages[place])
        if self.provider.one_service and outcome.result is Result.RETRY and outcome.retry_after:
            self.wait = max(self.wait or 0.0, outcome.retry_after)
        return self.wait is None


def _paced(limits: Limits, rate: float) -> Limits:
    return Limits(limits.concurrency, limits.timeout, limits.total, rate, limits.http2, limits.public_only)


def by_status(answer: Answer) -> Outcome:
    """What an answer means that the documentation of a provider says nothing about.

    Behind 502 and 504 stands a server of which nobody knows whether it took the message; 429 and 503 say that nothing
    was done, and so does 500 of all services that we know.
    """
    status, words = answer.status, answer.words
    if 200 <= status < 300:
        return Outcome(Result.ACCEPTED)
    if status in {429, 503}:
        return Outcome(Result.RETRY, detail=words, retry_after=retry_after(answer) or WITHOUT_RETRY_AFTER)
    if status in {502, 504}:
        return Outcome(Result.UNKNOWN, detail=words)
    if status in {401, 403, 407, 408, 421, 425} or status >= 500:
        # Mostly about us and not about the message: a key that was revoked is put right, and the message then goes.
        return Outcome(Result.RETRY, detail=words, retry_after=retry_after(answer))
    return Outcome(Result.PERMANENT, detail=words)


def retry_after(answer: Answer) -> float | None:
    """Seconds of a Retry-After header, which may also be a date (RFC 9110, 10.2.3)."""
    value = answer.headers.get("retry-after", "")
    if value.isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return max((moment - timezone.now()).total_seconds(), 1.0)
