"""A batch of people right before they are sent a message: looked up, judged, and their messages filled in."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils import timezone
from pyroaring import BitMap

from retargeting.bitmaps import unpack
from retargeting.channels.adapter import OutgoingMessage, Provider
from retargeting.messaging import variants
from retargeting.messaging.eligibility import Answer, Intent, Person, ask, people
from retargeting.messaging.journeys import journeys_in, journeys_of, mention_event, properties_for
from retargeting.messaging.languages import localized
from retargeting.messaging.liquid import TemplateError
from retargeting.messaging.models import Chunk, Dispatch, SkipReason
from retargeting.messaging.rendering import Rendered, render, values_for
from retargeting.messaging.stopwatch import timed
from retargeting.messaging.tracking import Recipient

logger = logging.getLogger(__name__)

PUT_OFF_AT_MOST = timedelta(days=3)
"""Counted from when the dispatch has its people, or until its deadline where that comes first: then it is a skip."""


class Line(NamedTuple):
    """What a delivery is written from."""

    profile_id: int
    address: str = ""
    reason: str = ""
    detail: str = ""
    retry_at: datetime | None = None
    variant: str = ""
    provider: str = ""


@dataclass(slots=True)
class Batch:
    """`ready` maps profile ids to those who will be sent it and their finished messages.

    `variants` maps them to the keys of theirs; it is empty where there is one message for all.
    """

    dispatch: Dispatch
    deadline: datetime | None
    intent: Intent
    ids: list[int]
    variants: Mapping[int, str]
    ready: dict[int, tuple[Person, Rendered]] = field(default_factory=dict)
    skips: list[Line] = field(default_factory=list)
    put_off: list[Line] = field(default_factory=list)

    def intents(self, provider: Provider) -> list[Line]:
        lines = [
            Line(id, person.address, provider=provider.name_for(person.address))
            for id, (person, _) in self.ready.items()
        ]
        return self.told_apart(lines)

    def told_apart(self, lines: list[Line]) -> list[Line]:
        """The lines with each person's variant."""
        if not self.variants:
            return lines
        return [line._replace(variant=self.variants[line.profile_id]) for line in lines]

    def known(self, written: Collection[int]) -> list[int]:
        """Of those whose skip was written, the ones of whom something may be recorded: not the erased."""
        return [
            line.profile_id for line in self.skips if line.reason != SkipReason.ERASED and line.profile_id in written
        ]

    def without_erased(self, live: Iterable[int]) -> None:
        """Drop whoever was erased since they were looked up."""
        gone = set(self.ids).difference(live)
        if not gone:
            return
        self.ready = {id: found for id, found in self.ready.items() if id not in gone}
        self.put_off = [line for line in self.put_off if line.profile_id not in gone]
        self.skips = [line for line in self.skips if line.profile_id not in gone]
        self.skips += [Line(id, reason=SkipReason.ERASED) for id in sorted(gone)]

    def ask_contested(self) -> None:
        """Apply the rules that depend on what others send right now."""
        self.apply(ask(BitMap(self.ready), self.intent, contested=True), self.ready)

    def apply(self, answer: Answer, found: dict[int, tuple[Person, Rendered]]) -> None:
        """Take those out of `found` who may not be written to now."""
        for reason, left_out in answer.skipped.items():
            self.skips += [Line(id, found.pop(id)[0].address, reason) for id in left_out]
        for reason, postponed, until in answer.put_off:
            lines = [Line(id, found.pop(id)[0].address, reason, retry_at=until) for id in postponed]
            if until > self.last_chance:
                self.skips += [line._replace(retry_at=None) for line in lines]
            else:
                self.put_off += lines

    @property
    def last_chance(self) -> datetime:
        begun = self.dispatch.open_until or self.dispatch.started_at or timezone.now()
        latest = begun + PUT_OFF_AT_MOST
        return min(latest, self.deadline) if self.deadline else latest

    def messages(self, started: dict[int, int]) -> list[OutgoingMessage]:
        """The messages of those whose intent was written; `started` maps them to their deliveries."""
        return [
            OutgoingMessage(
                profile_id=id,
                address=person.address,
                content=message.content,
                headers=message.headers,
                delivery_id=started[id],
                orchestration_id=self.dispatch.orchestration_id,
            )
            for id, (person, message) in self.ready.items()
            if id in started
        ]


def intent_of(dispatch: Dispatch) -> Intent:
    return Intent(
        channel=dispatch.channel,
        orchestration_id=dispatch.orchestration_id,
        priority=dispatch.priority,
        holdout=dispatch.holdout,
        duplicates=unpack(dispatch.duplicates) if dispatch.duplicates else BitMap(),
    )


def prepare(chunk: Chunk, ids: list[int]) -> Batch:
    """Look the people up and decide about each as things are now; caps are asked again when the intent is written."""
    dispatch = chunk.dispatch
    batch = Batch(
        dispatch,
        chunk.deadline or dispatch.deadline,
        intent_of(dispatch),
        ids,
        variants.assigned(dispatch, BitMap(ids)),
    )
    with timed("people"):
        found = people(ids, dispatch.channel)
        able = {person.profile_id: person for person in found if person.skip is None}
        batch.skips = [Line(person.profile_id, person.address, person.skip) for person in found if person.skip]
        gone = set(ids).difference(person.profile_id for person in found)
        batch.skips += [Line(id, reason=SkipReason.ERASED) for id in sorted(gone)]
        if batch.deadline is not None and timezone.now() >= batch.deadline:
            batch.skips += [Line(id, person.address, SkipReason.EXPIRED) for id, person in able.items()]
            return batch
        answer = ask(BitMap(able), batch.intent)
    with timed("render"):
        held_back = BitMap().union(answer.postponed, *answer.skipped.values())
        unfilled = {id: (able[id], NOTHING) for id in held_back}
        batch.apply(answer, unfilled)
        told = variants.contents(dispatch)
        events = _events(chunk, [id for id in able if id not in held_back], told.values() or [dispatch.content])
        for id, person in able.items():
            if id not in held_back:
                content = told[batch.variants[id]] if told else dispatch.content
                _fill(batch, person, content, events.get(id, {}))
    return batch


def _events(chunk: Chunk, ids: list[int], contents: Collection[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    """The properties of what began their journeys, where the message speaks of it."""
    if chunk.dispatch.open_until is None or not mention_event(contents):
        return {}
    known = journeys_in(chunk)
    if not known:
        # Those who are taken up again are in chunks that say nothing of their journeys: their deliveries do.
        return properties_for(journeys_of(chunk.dispatch, ids))
    return properties_for({id: known[id] for id in ids})


NOTHING = Rendered({}, {})


def _fill(batch: Batch, person: Person, content: Mapping[str, Any], event: Mapping[str, Any]) -> None:
    dispatch, id = batch.dispatch, person.profile_id
    try:
        name = dispatch.orchestration.name
        values = values_for(person.attributes, person.external_id, person.language, name, event)
        words = localized(dispatch.channel, content, person.language)
        batch.ready[id] = person, render(dispatch.channel, words, values, Recipient(dispatch.pk, id))
    except TemplateError as error:
        batch.skips.append(Line(id, person.address, SkipReason.RENDER_ERROR, str(error)))
    except Exception as error:  # what we did not foresee of one message must not hold up a chunk for ever
        logger.exception("The message of %s could not be filled in.", dispatch)
        batch.skips.append(Line(id, person.address, SkipReason.RENDER_ERROR, f"{type(error).__name__}: {error}"))
