"""What has been sent so far, to whom, and who can still be written to: the state of the story while it is told.

`send` is the one place where messages go out, for campaigns and automations alike: it skips whom the product would
skip, lets the others react, and remembers who has unsubscribed or bounced from then on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from retargeting.conditions.nodes import Channel, Interaction
from retargeting.demo.copying import copy_message_events
from retargeting.demo.habits import UNSUBSCRIBED, Closure, Reactions, react
from retargeting.demo.people import DAY, HISTORY_DAYS, NEVER, Ints, Mask, People
from retargeting.interactions.models import CHANNEL_CODES, EVENT_CODES
from retargeting.messaging.models import DeliveryStatus, SkipReason
from retargeting.profiles.models import SuppressionReason

FAILED = {Channel.PUSH: 0.004, Channel.EMAIL: 0.001, Channel.SMS: 0.011, Channel.IN_APP: 0.0}
"""Refused by the provider. A push that is refused has lost its device."""
PUSH_OPT_OUTS = 0.06
"""Of the people with a device, over the whole history: the telephone tells no event."""


class Outcome(NamedTuple):
    """How one delivery ended; `reason` as the product writes it."""

    status: DeliveryStatus
    reason: str = ""
    detail: str = ""
    suppress: str = ""


SENT = Outcome(DeliveryStatus.SENT)
NO_ADDRESS = Outcome(DeliveryStatus.SKIPPED, str(SkipReason.NO_ADDRESS))
UNSUBSCRIBED_SKIP = Outcome(DeliveryStatus.SKIPPED, str(SkipReason.UNSUBSCRIBED))
SUPPRESSED = Outcome(DeliveryStatus.SKIPPED, str(SkipReason.SUPPRESSED))
UNCERTAIN = Outcome(DeliveryStatus.UNCERTAIN, detail="The worker stopped between asking the provider and its answer.")
INVALID = str(SuppressionReason.INVALID)
REFUSED = {
    Channel.PUSH: Outcome(DeliveryStatus.FAILED, INVALID, "The device is not registered any more.", INVALID),
    Channel.EMAIL: Outcome(DeliveryStatus.FAILED, "permanent", "550 Message refused by the recipient's policy."),
    Channel.SMS: Outcome(DeliveryStatus.FAILED, "permanent", "The carrier does not know this subscriber."),
    Channel.IN_APP: Outcome(DeliveryStatus.FAILED, "permanent", "The installation is gone."),
}
OPEN, CLOSED_UNSUBSCRIBED, CLOSED_SUPPRESSED = range(3)


@dataclass
class Message:
    """What goes out: the ids its events carry, and how well it is made."""

    orchestration_id: int
    step_id: int
    channel: Channel
    appeal: float = 1.0
    pull: float = 1.0


@dataclass
class SendOut:
    """One outcome for each person written to, as positions in `outcomes`, and when their messages were opened."""

    outcomes: tuple[Outcome, ...]
    outcome: Ints
    first_open: Ints
    first_click: Ints


@dataclass
class Columns:
    """Events that wait to be written."""

    who: list[Ints] = field(default_factory=list)
    message: list[tuple[int, Message]] = field(default_factory=list)
    event: list[Ints] = field(default_factory=list)
    machine: list[Mask] = field(default_factory=list)
    at: list[Ints] = field(default_factory=list)


class History:
    def __init__(self, rng: np.random.Generator, people: People, ids: Ints, now: int) -> None:
        self.rng = rng
        self.people = people
        self.ids = ids
        self.now = now
        self.start = now - HISTORY_DAYS * DAY
        self.has = {channel: people.has(channel) for channel in Channel}
        self.closed_at = {channel: np.full(people.size, NEVER) for channel in Channel}
        self.closed_how = {channel: np.full(people.size, OPEN) for channel in Channel}
        self.suppressions: dict[tuple[Channel, int], tuple[str, int]] = {}
        self.last_open = np.full(people.size, -1)
        self.events_written = 0
        self._waiting = Columns()
        self._close_the_early_ones()

    def _close_the_early_ones(self) -> None:
        """Those who could not be written to before the history began, and pushes that will be switched off."""
        for channel in Channel:
            for mask, why in (
                (self.people.unsubscribed[channel], UNSUBSCRIBED),
                (self.people.suppressed[channel], str(SuppressionReason.MANUAL)),
            ):
                who = np.flatnonzero(mask)
                self._close(channel, Closure(who, np.full(len(who), self.start), why))
        opts_out = np.flatnonzero(self.has[Channel.PUSH] & (self.rng.random(self.people.size) < PUSH_OPT_OUTS))
        at = self.start + (self.rng.random(len(opts_out)) * HISTORY_DAYS * DAY).astype(np.int64)
        self._close(Channel.PUSH, Closure(opts_out, at, UNSUBSCRIBED))

    def _close(self, channel: Channel, closure: Closure) -> None:
        """Only the first closing counts, and only one that is not yet to come."""
        for person, at in zip(closure.who.tolist(), closure.at.tolist(), strict=True):
            if at > self.now:
                continue
            if closure.why != UNSUBSCRIBED:
                self.suppressions.setdefault((channel, person), (closure.why, at))
            if at < self.closed_at[channel][person]:
                self.closed_at[channel][person] = at
                unsubscribed = closure.why == UNSUBSCRIBED
                self.closed_how[channel][person] = CLOSED_UNSUBSCRIBED if unsubscribed else CLOSED_SUPPRESSED

    def send(self, message: Message, who: Ints, at: Ints, *, uncertain: int = 0) -> SendOut:
        """Send to each of `who` (each once) at its moment; `uncertain` deliveries in a row end without an answer."""
        channel, size = message.channel, len(who)
        closed = self.closed_at[channel][who] <= at
        how = self.closed_how[channel][who]
        outcomes = (SENT, NO_ADDRESS, UNSUBSCRIBED_SKIP, SUPPRESSED, REFUSED[channel], UNCERTAIN)
        outcome = np.zeros(size, dtype=np.int64)
        outcome[self.rng.random(size) < FAILED[channel]] = 4
        if uncertain:
            first = int(size * 0.43)
            outcome[first : first + uncertain] = 5
        outcome[closed & (how == CLOSED_SUPPRESSED)] = 3
        outcome[closed & (how == CLOSED_UNSUBSCRIBED)] = 2
        outcome[~self.has[channel][who]] = 1
        skipped = (outcome >= 1) & (outcome <= 3)
        self._note(message, Interaction.SKIPPED, who[skipped], at[skipped])
        refused = outcome == 4
        if suppress := REFUSED[channel].suppress:
            self._close(channel, Closure(who[refused], at[refused], suppress))
        sent = outcome == 0
        self._note(message, Interaction.SENT, who[sent], at[sent])
        reactions = react(self.rng, self.people, who[sent], at[sent], channel, message.appeal, message.pull)
        self._take(message, reactions)
        opens, clicks = np.full(size, NEVER), np.full(size, NEVER)
        opens[sent], clicks[sent] = reactions.first_open, reactions.first_click
        return SendOut(outcomes, outcome, opens, clicks)

    def _note(self, message: Message, event: Interaction, who: Ints, at: Ints) -> None:
        self._wait(message, who, np.full(len(who), EVENT_CODES[event]), np.zeros(len(who), dtype=bool), at)

    def _take(self, message: Message, reactions: Reactions) -> None:
        for who, event, machine, at in zip(
            reactions.who, reactions.event, reactions.machine, reactions.at, strict=True
        ):
            past = at <= self.now
            self._wait(message, who[past], event[past], machine[past], at[past])
            if event[0] == EVENT_CODES[Interaction.OPENED] and not machine[0]:
                np.maximum.at(self.last_open, who[past], at[past])
        for closure in reactions.closures:
            self._close(message.channel, closure)

    def _wait(self, message: Message, who: Ints, event: Ints, machine: Mask, at: Ints) -> None:
        if len(who):
            waiting = self._waiting
            waiting.who.append(who)
            waiting.message.append((len(who), message))
            waiting.event.append(event)
            waiting.machine.append(machine)
            waiting.at.append(at)

    def write(self) -> None:
        """Write what waits, so that conditions see it."""
        waiting, self._waiting = self._waiting, Columns()
        if not waiting.who:
            return
        sizes = np.array([size for size, _ in waiting.message])
        messages = [message for _, message in waiting.message]
        at = np.concatenate(waiting.at)
        self.events_written += len(at)
        copy_message_events(
            self.rng,
            profile_ids=self.ids[np.concatenate(waiting.who)],
            orchestration_ids=np.repeat([message.orchestration_id for message in messages], sizes),
            step_ids=np.repeat([message.step_id for message in messages], sizes),
            channels=np.repeat([CHANNEL_CODES[message.channel] for message in messages], sizes),
            events=np.concatenate(waiting.event),
            machine=np.concatenate(waiting.machine),
            at=at,
        )

    def existing(self, at: int) -> Mask:
        return np.asarray(self.people.joined <= at)
