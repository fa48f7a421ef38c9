"""How the variants of a run did, and which of them won.

Compared are those who tried them, drawn by lot: whoever gets the winner later has had less time, and was not drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyroaring import BitMap

from campaigns.models import Campaign, Run, WinnerBy
from campaigns.outcomes import OUTCOMES
from retargeting.audiences.engine import evaluate
from retargeting.bitmaps import binary_cursor, bitmap_of_ids, ids_of_array
from retargeting.chances import Rate, chance_to_beat, interval
from retargeting.conditions.nodes import (
    CampaignTarget,
    Channel,
    Count,
    CountOperator,
    CountSince,
    Group,
    Interaction,
    Match,
    MessageCondition,
    Opens,
)
from retargeting.conditions.operators import INTERACTIONS
from retargeting.messaging import dispatches, variants
from retargeting.messaging.models import Dispatch, DispatchStatus

ENOUGH = 100
"""People with a variant below whom its chance is not shown: it would say more about luck."""
MEASURES = (Interaction.OPENED, Interaction.CLICKED)

BY_VARIANT = """
    SELECT variant, array_send(array_agg(profile_id)) FROM messaging_delivery
    WHERE dispatch_id = %s AND status = 'sent' AND variant <> '' GROUP BY variant
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one variant among those who tried it. `chances` are to beat the original, by measure."""

    key: str
    name: str
    weight: int
    sent: int
    rates: Mapping[str, Rate]
    chances: Mapping[str, float | None]
    is_winner: bool

    def span(self, measure: str) -> tuple[float, float]:
        return interval(self.rates[measure])


@dataclass(frozen=True, slots=True)
class Trial:
    """`waiting` are those who get the winner and have not been given it; `measure` is what decides."""

    run: Run
    results: list[Result]
    measure: str
    waiting: int

    @property
    def winner(self) -> Result | None:
        return next((result for result in self.results if result.is_winner), None)

    @property
    def measures(self) -> list[str]:
        return list(self.results[0].rates)

    @property
    def has_few(self) -> bool:
        """Whether a chance is not shown for want of people."""
        return any(result.chances[self.measure] is None for result in self.results[1:])

    @property
    def enough(self) -> int:
        return ENOUGH

    @property
    def best(self) -> Result:
        """The highest rate; of equal ones the original, or whichever comes first."""
        return max(self.results, key=lambda result: result.rates[self.measure].share)


def trial(run: Run, *, opens: Opens = Opens.HUMAN) -> Trial | None:
    """None for a run with one message for all."""
    dispatch = run.dispatch
    if not dispatch.variants:
        return None
    measure = Interaction.CLICKED if run.campaign.winner_by == WinnerBy.HAND else Interaction(run.campaign.winner_by)
    sent, reacted = tried(dispatch), _reacted(run, opens)
    found: list[Result] = []
    for variant in dispatch.variants:
        people = sent.get(variant["key"], BitMap())
        rates = {
            str(event): Rate(members.intersection_cardinality(people), len(people))
            for event, members in reacted.items()
        }
        original = found[0] if found else None
        chances = {key: _chance(original.rates[key], rate) if original else None for key, rate in rates.items()}
        won = dispatch.winner == variant["key"]
        found.append(Result(variant["key"], variant["name"], variant["weight"], len(people), rates, chances, won))
    return Trial(run, found, str(measure), dispatches.number_awaiting_winner(dispatch))


def _chance(original: Rate, rate: Rate) -> float | None:
    return chance_to_beat(original, rate) if min(original.people, rate.people) >= ENOUGH else None


def tried(dispatch: Dispatch) -> dict[str, BitMap]:
    """Who tried which variant and was sent it."""
    with binary_cursor() as cursor:
        cursor.execute(BY_VARIANT, [dispatch.pk], binary=True)
        found = {key: bitmap_of_ids(ids_of_array(ids)) for key, ids in cursor.fetchall()}
    return {key: variants.testers(dispatch, people) for key, people in found.items()}


def _reacted(run: Run, opens: Opens) -> dict[Interaction, BitMap]:
    """Who opened and who clicked since this run began, as far as its channel knows."""
    events = [event for event in MEASURES if Channel(run.campaign.channel) in INTERACTIONS[event].channels]
    target, once = CampaignTarget((run.campaign_id,)), Count(CountOperator.AT_LEAST, 1)
    test = CountSince(once, since=run.dispatch.started_at or run.created_at)
    conditions = tuple(MessageCondition(event, target, test, opens=opens) for event in events)
    nodes = evaluate(Group(Match.ANY, conditions)).nodes
    return {event: nodes[f"/conditions/{index}"] for index, event in enumerate(events)}


def can_choose(run: Run) -> bool:
    """Whether somebody waits for a winner."""
    open_ones = {DispatchStatus.SENDING, DispatchStatus.PAUSED}
    dispatch = run.dispatch
    return dispatch.status in open_ones and not dispatch.winner and dispatches.number_awaiting_winner(dispatch) > 0


def decision_words(found: Trial, winner: Result, *, by_hand: bool) -> str:
    """“B Short subject won by clicks: 4.2 % against 3.1 % of the original”."""
    rates = ", ".join(f"{r.key.upper()} {_percent(r.rates[found.measure])}" for r in found.results)
    noun = OUTCOMES[found.measure].label
    name = f"{winner.key.upper()} {winner.name}"
    if by_hand:
        return f"{name} was chosen by hand; {noun}: {rates}."
    if not any(result.rates[found.measure].hits for result in found.results):
        return f"{name} goes on: nobody has {noun} yet, and then the original wins."
    return f"{name} won, {noun}: {rates}."


def _percent(rate: Rate) -> str:
    return f"{100 * rate.share:.1f} % of {rate.people:,}"


def last_run(campaign: Campaign) -> Run | None:
    return Run.objects.filter(campaign=campaign.pk).select_related("dispatch", "campaign").order_by("-number").first()


def last_trial(campaign: Campaign, *, opens: Opens = Opens.HUMAN) -> Trial | None:
    """Of the last run."""
    run = last_run(campaign)
    return trial(run, opens=opens) if run is not None else None
