"""Campaigns of the past: each with the run it made, and with whom that reached, skipped and lost.

The audience of each is what the product's own evaluation gives for the moment of its launch, on the history written so
far. So the numbers that a marketer sees when building the same audience again are those of the run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from pyroaring import BitMap

from campaigns.models import Campaign, CampaignStatus, Run
from retargeting.accounts.models import User
from retargeting.audiences import references
from retargeting.audiences.engine import evaluate
from retargeting.bitmaps import pack
from retargeting.conditions import codec
from retargeting.conditions.wording import sentence
from retargeting.demo.campaigns import CampaignPlan
from retargeting.demo.copying import copy_lines
from retargeting.demo.diary import Diary
from retargeting.demo.history import History, Message, SendOut
from retargeting.demo.people import DAY, HOUR, SECOND, Ints, moment_of
from retargeting.demo.trees import resolved
from retargeting.messaging.content import cleaned
from retargeting.messaging.dispatches import CHUNK_SIZE
from retargeting.messaging.models import Chunk, ChunkStatus, Delivery, Dispatch, DispatchStatus
from retargeting.orchestrations.models import Kind, Label, MessageStep, Orchestration

BATCH = 100
BATCH_TIME = SECOND // 2
DISPATCH_STATUS = {
    CampaignStatus.COMPLETED: DispatchStatus.COMPLETED,
    CampaignStatus.PAUSED: DispatchStatus.PAUSED,
    CampaignStatus.CANCELED: DispatchStatus.CANCELED,
}
STOPPED = (CampaignStatus.PAUSED, CampaignStatus.CANCELED)
STOPPED_AT = 0.42
STOPPED_CHUNKS = 12
"""How far a run came that was paused or canceled, and in how many chunks it was cut at least."""

DELIVERY_COLUMNS = (
    "dispatch_id", "chunk_id", "profile_id", "address", "status", "reason", "detail", "provider_id", "attempt",
    "created_at", "updated_at",
)  # fmt: skip


@dataclass
class Teller:
    """Writes campaigns down. `ids` gives the id of whatever trees refer to by key, and gets those of campaigns."""

    history: History
    author: User
    labels: Mapping[str, Label]
    ids: dict[str, int]
    diary: Diary
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    deliveries: int = 0

    def moment(self, plan: CampaignPlan) -> int:
        """When it goes out, in microseconds."""
        return self.history.now // DAY * DAY + int(plan.day) * DAY + int(plan.hour * HOUR)

    def create(self, plan: CampaignPlan) -> Campaign:
        """The campaign as it stands today. Drafts were begun lately, the others a day or two before they went out."""
        sent = plan.status in {CampaignStatus.COMPLETED, *STOPPED}
        at = self.moment(plan)
        created = at - 27 * HOUR if sent else self.history.now - (5 + 9 * len(plan.key) % 90) * HOUR
        campaign = Campaign.objects.create(
            kind=Kind.CAMPAIGN,
            name=plan.name,
            channel=plan.channel,
            status=plan.status,
            audience=codec.encode(codec.decode(resolved(plan.audience, self.ids))),
            content=cleaned(plan.channel, plan.content),
            send_at=moment_of(at) if plan.status == CampaignStatus.SCHEDULED else None,
            starts_at=moment_of(at) if plan.status == CampaignStatus.SCHEDULED else None,
            follow_up_of=self.campaigns.get(plan.follow_up_of),
            created_by=self.author,
            launched_at=moment_of(at) if sent else None,
            archived_at=moment_of(at + 30 * DAY) if plan.archived else None,
        )
        Orchestration.objects.filter(pk=campaign.pk).update(
            created_at=moment_of(created), updated_at=moment_of(at - HOUR if sent else created + HOUR)
        )
        MessageStep.objects.create(orchestration=campaign, key="", name=plan.name, channel=plan.channel)
        campaign.labels.set(self.labels[code] for code in plan.labels)
        self.campaigns[plan.key], self.ids[plan.key] = campaign, campaign.pk
        self.diary.note(created, "create", campaign, f"Created the campaign {plan.name}.")
        if plan.archived:
            self.diary.note(at + 30 * DAY, "archive", campaign, f"Archived {plan.name}.")
        if plan.status == CampaignStatus.SCHEDULED:
            when = f"{moment_of(at):%-d %b %Y %H:%M} UTC"
            self.diary.note(created + HOUR, "schedule", campaign, f"Scheduled {plan.name} for {when}.")
        return campaign

    def launch(self, plan: CampaignPlan) -> None:
        """Create it, evaluate its audience as of its moment, and send."""
        campaign = self.create(plan)
        at = self.moment(plan)
        tree = codec.decode(campaign.audience)
        words = str(sentence(tree, references.look_up(tree)))
        members = evaluate(tree, as_of=moment_of(at)).members & self._there(at)
        who = np.searchsorted(self.history.ids, np.array(members, dtype=np.int64))
        size, done = self._chunks(plan, len(who))
        reached = min(len(who), size * done)
        sent_at = at + SECOND + np.arange(reached) // BATCH * BATCH_TIME
        finished = int(sent_at[-1]) + SECOND if reached else at + SECOND
        step = campaign.message_steps.get(key="")
        dispatch = self._dispatch(plan, campaign, step, at, finished)
        run = Run.objects.create(
            campaign=campaign,
            dispatch=dispatch,
            audience=campaign.audience,
            sentence=words,
            as_of=moment_of(at),
            members=pack(members),
            matched=len(members),
        )
        Run.objects.filter(pk=run.pk).update(created_at=moment_of(at))
        chunks = self._cut(dispatch, members, size, done, moment_of(at))
        message = Message(campaign.pk, step.pk, plan.channel, plan.appeal, plan.pull)
        outcome = self.history.send(message, who[:reached], sent_at, uncertain=min(plan.uncertain, reached // 50))
        self._write_deliveries(plan, dispatch.pk, chunks, size, who[:reached], sent_at, outcome)
        self._tell(plan, campaign, at, finished, words)

    def _there(self, at: int) -> BitMap:
        """Whoever had joined by then: an evaluation in the past is of the people there are today."""
        return BitMap(self.history.ids[self.history.existing(at)].astype(np.uint32))

    def _chunks(self, plan: CampaignPlan, total: int) -> tuple[int, int]:
        """The size of the chunks and how many of them are done."""
        if plan.status not in STOPPED:
            return CHUNK_SIZE, math.ceil(total / CHUNK_SIZE)
        size = max(1, min(CHUNK_SIZE, math.ceil(total / STOPPED_CHUNKS)))
        return size, math.floor(math.ceil(total / size) * STOPPED_AT)

    def _dispatch(self, plan: CampaignPlan, campaign: Campaign, step: MessageStep, at: int, finished: int) -> Dispatch:
        dispatch = Dispatch.objects.create(
            orchestration_id=campaign.pk,
            step=step,
            channel=plan.channel,
            content=campaign.content,
            status=DISPATCH_STATUS[plan.status],
            started_at=moment_of(at),
            finished_at=None if plan.status == CampaignStatus.PAUSED else moment_of(finished),
        )
        Dispatch.objects.filter(pk=dispatch.pk).update(created_at=moment_of(at))
        return dispatch

    def _cut(self, dispatch: Dispatch, members: BitMap, size: int, done: int, at: datetime) -> list[int]:
        """The chunks of the run; returns their ids in order."""
        ids = list(members)
        chunks = Chunk.objects.bulk_create(
            Chunk(
                dispatch=dispatch,
                number=number,
                profiles=pack(BitMap(ids[first : first + size])),
                status=ChunkStatus.DONE if number < done else ChunkStatus.PENDING,
                woken_at=at,
            )
            for number, first in enumerate(range(0, len(ids), size))
        )
        return [chunk.pk for chunk in chunks]

    def _write_deliveries(
        self, plan: CampaignPlan, dispatch_id: int, chunks: list[int], size: int, who: Ints, at: Ints, sent: SendOut
    ) -> None:
        endings = [f"{ending.status}\t{ending.reason}\t{ending.detail}\t\t1\t" for ending in sent.outcomes]
        with_address = [ending.reason != "no_address" for ending in sent.outcomes]
        addresses, profile_ids = self.history.people.addresses[plan.channel], self.history.ids[who].tolist()
        times = {
            moment: f"{moment_of(moment - SECOND // 5).isoformat()}\t{moment_of(moment).isoformat()}\n"
            for moment in np.unique(at).tolist()
        }
        rows = zip(who.tolist(), profile_ids, sent.outcome.tolist(), at.tolist(), strict=True)
        lines = [
            f"{dispatch_id}\t{chunks[i // size]}\t{profile_id}\t"
            f"{addresses[person] if with_address[ending] else ''}\t{endings[ending]}{times[moment]}"
            for i, (person, profile_id, ending, moment) in enumerate(rows)
        ]
        copy_lines(Delivery, DELIVERY_COLUMNS, lines)
        self.deliveries += len(lines)

    def _tell(self, plan: CampaignPlan, campaign: Campaign, at: int, finished: int, words: str) -> None:
        self.diary.note(at - HOUR, "update", campaign, f"Changed the campaign {plan.name}: message to its final form.")
        self.diary.note(at, "launch", campaign, f"Launched {plan.name}: {words}")
        ends = {
            CampaignStatus.COMPLETED: ("complete", f"{plan.name} is completed."),
            CampaignStatus.PAUSED: ("pause", f"Paused {plan.name}."),
            CampaignStatus.CANCELED: ("cancel", f"Canceled {plan.name}."),
        }
        verb, summary = ends[plan.status]
        self.diary.note(finished, verb, campaign, summary, by_system=verb == "complete")


def in_order(plans: Iterable[CampaignPlan]) -> list[CampaignPlan]:
    return sorted(plans, key=lambda plan: timedelta(days=plan.day, hours=plan.hour))
