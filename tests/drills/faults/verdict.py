"""The provider's book against ours."""

from __future__ import annotations

from collections import Counter

from campaigns.models import Run
from retargeting.conditions.nodes import Interaction
from retargeting.interactions.models import EVENT_CODES, MessageEvent
from retargeting.messaging.models import Chunk, ChunkStatus, Delivery, DeliveryStatus
from tests.drills.faults.cases import Case, person_of
from tests.drills.faults.ledger import Ledger

FINAL = {DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.UNCERTAIN}
BY_A_KILL = "The worker stopped"


class Verdict:
    def __init__(self, case: Case, ledger: Ledger, dispatch_id: int, *, kills: int, people: int) -> None:
        self.case, self.kills, self.dispatch_id = case, kills, dispatch_id
        self.everybody = {f"p{number}" for number in range(1, people + 1)}
        self.taken = Counter({person_of(address): number for address, number in case.taken(ledger).items()})
        self.lost_answers = {person_of(address) for address in ledger.lost}
        self.lied_about = {person_of(address) for address in ledger.lied}
        rows = Delivery.objects.filter(dispatch=dispatch_id).values_list("profile_id", "status", "detail")
        self.ours = {f"p{profile}": (status, detail) for profile, status, detail in rows}
        self.statuses = Counter(status for status, _ in self.ours.values())
        self.by_kill = self._uncertain(by_kill=True)
        self.by_answer = self._uncertain(by_kill=False)

    def _with(self, status: DeliveryStatus) -> set[str]:
        return {person for person, (ours, _) in self.ours.items() if ours == status}

    def _uncertain(self, *, by_kill: bool) -> set[str]:
        return {
            person for person, (status, detail) in self.ours.items()
            if status == DeliveryStatus.UNCERTAIN and detail.startswith(BY_A_KILL) == by_kill
        }  # fmt: skip

    def __str__(self) -> str:
        got = len(self.taken)
        return (
            f"the provider has {got:,} of {len(self.everybody):,}, {self._twice()} of them twice; ours: "
            + ", ".join(f"{number:,} {status}" for status, number in sorted(self.statuses.items()))
            + f"; uncertain by {self.kills} kills {len(self.by_kill):,} (allowed: {self.allowed:,}),"
            f" by lost answers {len(self.by_answer):,} of {len(self.lost_answers):,}"
        )

    def _twice(self) -> int:
        return sum(number > 1 for number in self.taken.values())

    @property
    def allowed(self) -> int:
        return self.kills * self.case.batch

    def problems(self) -> list[str]:
        without = self.everybody - self.taken.keys()
        run = Run.objects.select_related("dispatch", "campaign").get(dispatch=self.dispatch_id)
        open_chunks = Chunk.objects.filter(dispatch=self.dispatch_id).exclude(status=ChunkStatus.DONE)
        failed = self._with(DeliveryStatus.FAILED)
        silent = {person for person in failed if not self.ours[person][1]}
        found = {
            "got it twice": self._twice(),
            "have no delivery": len(self.everybody - self.ours.keys()),
            "count as sent but got nothing": len(without & self._with(DeliveryStatus.SENT)),
            "failed without a reason": len(silent),
            "got it and count as failed": len((failed & self.taken.keys()) - self.lied_about),
            "are in a state that is not final": sum(self.statuses[s] for s in self.statuses.keys() - FINAL),
            "are uncertain through kills, above what is allowed": max(0, len(self.by_kill) - self.allowed),
            "are uncertain, though an answer came": len(self.by_answer - self.lost_answers),
            "chunks are open": open_chunks.count(),
            "differ between sent events and deliveries": self._without_event(),
            "campaign is not completed": int(run.campaign.status != "completed"),
        }
        return [f"{number:,} {words}" for words, number in found.items() if number]

    def _without_event(self) -> int:
        """A message inside an app is sent when a device has asked for it."""
        if self.case.channel == "in_app":
            return 0
        events = MessageEvent.objects.filter(event=EVENT_CODES[Interaction.SENT]).values_list("profile_id", flat=True)
        told = Counter(f"p{profile}" for profile in events)
        sent = Counter(person for person, (status, _) in self.ours.items() if status == DeliveryStatus.SENT)
        return sum(((told - sent) + (sent - told)).values())
