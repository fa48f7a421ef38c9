"""Everything that moves a campaign from one state to the next. Pages, API, clock and tasks call these."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from campaigns.actions import check_draft, locked
from campaigns.errors import CampaignError, NotReady
from campaigns.models import Campaign, CampaignStatus, Run, WinnerBy
from campaigns.progress import Progress
from campaigns.readiness import problems
from campaigns.timing import begins_at, clock_words, deadline, last_moment, own_zones
from campaigns.trial import can_choose, decision_words, last_trial
from campaigns.variants import frozen
from retargeting.accounts.actions import Actor, note
from retargeting.audiences import references
from retargeting.conditions import codec
from retargeting.conditions.wording import sentence
from retargeting.messaging import dispatches
from retargeting.messaging.models import Dispatch, DispatchStatus
from retargeting.messaging.recurring import first_run, next_run, repeat_words, wall_of
from retargeting.queue import enqueue

PREPARE_TASK = "campaigns.tasks.prepare_run"
LATEST_START = timedelta(hours=6)
"""How late a scheduled campaign may still start, after an outage say. Later than that nobody expects it any more."""


@transaction.atomic
def launch(*, actor: Actor, campaign: Campaign, grace: int = 0) -> Run:
    """Send now: the audience is computed by a worker, as of the moment it starts. Raises NotReady or CampaignError.

    For `grace` seconds nothing happens, and `undo` makes it a draft again as if it had not been launched.
    The fields of `campaign` that this changes are set on it; so are those that somebody else changed meanwhile.
    """
    # As it is stored, not as the caller saw it last, and kept so until it has been started.
    _check_ready(locked(campaign), now=True)
    sources = [CampaignStatus.DRAFT, CampaignStatus.SCHEDULED]
    return _start(actor=actor, campaign=campaign, sources=sources, grace=grace)


def _start(*, actor: Actor, campaign: Campaign, sources: list[CampaignStatus], grace: int = 0) -> Run:
    now = timezone.now()
    # Somebody who launches by hand wants it to go out now, whatever time it has.
    by_hand = CampaignStatus.DRAFT in sources
    if not Campaign.STATES.transition(
        campaign, CampaignStatus.RUNNING, sources=[str(state) for state in sources], launched_at=now
    ):
        raise CampaignError(_moved_on(campaign))
    campaign.refresh_from_db()
    tree = codec.decode(campaign.audience)
    dispatch = Dispatch.objects.create(
        orchestration_id=campaign.pk,
        step=campaign.message_steps.get(key=""),
        channel=campaign.channel,
        content=campaign.content,
        priority=campaign.priority,
        variants=frozen(campaign),
        test_share=campaign.test_share,
        holdout=campaign.holdout,
        pace=campaign.pace,
        deadline=deadline(campaign, now, by_hand=by_hand),
        held_until=now + timedelta(seconds=grace) if grace else None,
    )
    run = Run.objects.create(
        campaign=campaign,
        own_zones=None if by_hand else own_zones(campaign),
        number=campaign.runs.count() + 1,
        dispatch=dispatch,
        audience=campaign.audience,
        sentence=str(sentence(tree, references.look_up(tree))),
    )
    if not grace:
        enqueue(PREPARE_TASK, run.pk)
    note(actor=actor, verb="launch", instance=campaign, summary=f"Launched {campaign.name}: {run.sentence}")
    return run


@transaction.atomic
def undo(*, actor: Actor, campaign: Campaign) -> None:
    """Take a launch back within its grace: the campaign is a draft again, and nobody was written to."""
    held = Dispatch.objects.select_for_update(no_key=True).filter(
        orchestration=campaign.pk, status__in=[DispatchStatus.PREPARING, DispatchStatus.PAUSED], started_at=None
    )
    dispatch = held.exclude(held_until=None).first()
    if dispatch is None:
        raise CampaignError(f"It is too late to undo the launch of {campaign.name}: pause or cancel it instead.")
    Run.objects.filter(dispatch=dispatch).delete()
    dispatch.delete()
    first = None if not campaign.runs.exists() else campaign.launched_at
    sources = [CampaignStatus.RUNNING, CampaignStatus.PAUSED]
    if not Campaign.STATES.transition(campaign, CampaignStatus.DRAFT, sources=sources, launched_at=first):
        raise CampaignError(_moved_on(campaign))
    note(actor=actor, verb="undo", instance=campaign, summary=f"Undid the launch of {campaign.name} before it began.")


def _moved_on(campaign: Campaign) -> str:
    campaign.refresh_from_db(fields=["status"])
    return f"{campaign.name} is {campaign.get_status_display().lower()} already."


def _check_ready(campaign: Campaign, *, now: bool = False) -> None:
    if found := problems(campaign, now=now):
        raise NotReady(found)


@transaction.atomic
def schedule(*, actor: Actor, campaign: Campaign, send_at: datetime | None = None) -> Campaign:
    """Have the campaign go out by itself at `send_at`, or at the time it has. Raises NotReady or CampaignError."""
    campaign = locked(campaign)
    check_draft(campaign)
    asked = send_at or campaign.send_at
    zone = ZoneInfo(campaign.time_zone)
    campaign.send_at = first_run(campaign.repeat, asked, zone) if asked else None
    if asked and campaign.send_at is None:
        raise NotReady([("when", "It would end before its first run.")])
    if campaign.send_at is None or last_moment(campaign, campaign.send_at) <= timezone.now():
        raise NotReady([("when", "Choose a time in the future, or launch it now.")])
    _check_ready(campaign)
    _await(campaign, campaign.send_at, clock=wall_of(asked or campaign.send_at, zone).time())
    again = f", {repeat_words(campaign.repeat)}" if campaign.repeat else ""
    own = " in each person's own zone" if campaign.own_zones else ""
    summary = f"Scheduled {campaign.name} for {clock_words(campaign)}{own}{again}."
    note(actor=actor, verb="schedule", instance=campaign, summary=summary)
    return campaign


def _await(campaign: Campaign, send_at: datetime, **values: Any) -> bool:
    starts_at = begins_at(campaign, send_at)
    return Campaign.STATES.transition(
        campaign, CampaignStatus.SCHEDULED, send_at=send_at, starts_at=starts_at, **values
    )


@transaction.atomic
def unschedule(*, actor: Actor, campaign: Campaign) -> None:
    """Make a scheduled campaign a draft again."""
    if not Campaign.STATES.transition(campaign, CampaignStatus.DRAFT):
        raise CampaignError(_moved_on(campaign))
    note(actor=actor, verb="unschedule", instance=campaign, summary=f"Took {campaign.name} back to a draft.")


@transaction.atomic
def pause(*, actor: Actor, campaign: Campaign) -> None:
    """Stop sending. Messages that are with the provider at this moment still go out, nothing after them."""
    _hold_dispatches(campaign)
    if not Campaign.STATES.transition(campaign, CampaignStatus.PAUSED):
        raise CampaignError(_moved_on(campaign))
    for dispatch in _open_dispatches(campaign):
        dispatches.pause(dispatch=dispatch)
    note(actor=actor, verb="pause", instance=campaign, summary=f"Paused {campaign.name}: {how_far(campaign)}.")


@transaction.atomic
def resume(*, actor: Actor, campaign: Campaign) -> None:
    """Go on where the campaign was paused."""
    _hold_dispatches(campaign)
    if not Campaign.STATES.transition(campaign, CampaignStatus.RUNNING, sources=[CampaignStatus.PAUSED]):
        raise CampaignError(_moved_on(campaign))
    for dispatch in _open_dispatches(campaign):
        dispatches.resume(dispatch=dispatch)
        if dispatch.status == DispatchStatus.PREPARING:
            enqueue(PREPARE_TASK, dispatch.run.pk)
    note(actor=actor, verb="resume", instance=campaign, summary=f"Resumed {campaign.name}.")


@transaction.atomic
def cancel(*, actor: Actor, campaign: Campaign) -> None:
    """Stop for good. What has been sent stays sent."""
    _hold_dispatches(campaign)
    if not Campaign.STATES.transition(campaign, CampaignStatus.CANCELED):
        raise CampaignError(_moved_on(campaign))
    for dispatch in _open_dispatches(campaign):
        dispatches.cancel(dispatch=dispatch)
    note(actor=actor, verb="cancel", instance=campaign, summary=f"Canceled {campaign.name}: {how_far(campaign)}.")


def how_far(campaign: Campaign) -> str:
    """“1,204 sent, 8,796 stopped”. What is with a provider at this moment is counted when its answer is there."""
    progress = Progress.of(campaign)
    if progress.matched is None:
        return "nothing was sent"
    with_provider = f", {progress.sending:,} with the provider" if progress.sending else ""
    return f"{progress.sent:,} sent, {progress.stopped:,} stopped{with_provider}"


def _open_dispatches(campaign: Campaign) -> QuerySet[Dispatch]:
    final = [DispatchStatus.COMPLETED, DispatchStatus.CANCELED]
    return Dispatch.objects.filter(orchestration=campaign.pk).exclude(status__in=final).order_by("pk")


def _hold_dispatches(campaign: Campaign) -> None:
    """Lock them before the campaign, in the order in which a worker that completes the two takes them."""
    list(_open_dispatches(campaign).select_for_update(no_key=True))


@transaction.atomic
def choose_winner(*, actor: Actor, campaign: Campaign, key: str | None = None) -> str:
    """Send a variant to those of the last run who wait for the winner; returns how it came, in words.

    Without a `key` the numbers decide. Of two who choose at once one does: raises CampaignError for the other, and
    KeyError for a variant that the run does not have.
    """
    _hold_dispatches(campaign)
    found = last_trial(campaign)
    if found is None or not can_choose(found.run):
        raise CampaignError(f"Nobody of {campaign.name} waits for a winner.")
    winner = found.best if key is None else {result.key: result for result in found.results}[key]
    words = decision_words(found, winner, by_hand=key is not None)
    if not dispatches.choose_winner(dispatch=found.run.dispatch, key=winner.key):
        raise CampaignError(f"The winner of {campaign.name} was chosen already.")
    Run.objects.filter(pk=found.run.pk).update(decision=words)
    note(actor=actor, verb="choose", instance=campaign, summary=f"{campaign.name}: {words}")
    return words


def choose_due_winners(*, now: datetime | None = None) -> None:
    """The clock's duty: when the test messages of a run are out its time begins to run; at its end it has a winner."""
    now = now or timezone.now()
    waiting = dispatches.awaiting_winner().filter(dispatch__status=DispatchStatus.SENDING, dispatch__winner="")
    runs = Run.objects.filter(dispatch__in=waiting.values("dispatch")).exclude(campaign__winner_by=WinnerBy.HAND)
    for run in runs.select_related("campaign", "dispatch"):
        if run.decides_at is None and not dispatches.is_trying(run.dispatch):
            decides_at = now + timedelta(minutes=run.campaign.winner_after)
            Run.objects.filter(pk=run.pk, decides_at=None).update(decides_at=decides_at)
        elif run.decides_at is not None and run.decides_at <= now:
            with suppress(CampaignError):  # somebody paused, canceled or chose it meanwhile
                choose_winner(actor=None, campaign=run.campaign)


@transaction.atomic
def start_due(*, now: datetime | None = None) -> int:
    """Start the scheduled campaigns whose time has come; returns how many. One that is far too late is taken back."""
    now = now or timezone.now()
    due = Campaign.objects.select_for_update(of=("self",), skip_locked=True).filter(
        status=CampaignStatus.SCHEDULED, starts_at__lte=now
    )
    started = 0
    for campaign in due:
        reasons = [text for _, text in problems(campaign)]
        if campaign.send_at is not None and now - last_moment(campaign, campaign.send_at) > LATEST_START:
            reasons.append(f"its time was more than {LATEST_START.total_seconds() / 3600:.0f} hours ago")
        if reasons:
            Campaign.STATES.transition(campaign, CampaignStatus.DRAFT)
            summary = f"Did not start {campaign.name}, which is a draft again: {'; '.join(reasons)}."
            note(actor=None, verb="refuse", instance=campaign, summary=summary)
        else:
            _start(actor=None, campaign=campaign, sources=[CampaignStatus.SCHEDULED])
            started += 1
    return started


def complete(dispatch: Dispatch) -> None:
    """Told by messaging, in its transaction, that a dispatch is through. Recurring ones wait for their next run."""
    run = Run.objects.select_related("campaign").filter(dispatch=dispatch).first()
    if run is None or run.campaign.status != CampaignStatus.RUNNING or _open_dispatches(run.campaign).exists():
        return
    campaign = run.campaign
    following = next_run(
        campaign.repeat,
        campaign.send_at or run.created_at,
        ZoneInfo(campaign.time_zone),
        runs=campaign.runs.count(),
        now=timezone.now(),
        clock=campaign.clock,
    )
    if following is not None and _await(campaign, following):
        note(
            actor=None,
            verb="complete",
            instance=campaign,
            summary=f"Run {run.number} of {campaign.name} is completed; the next one is due {clock_words(campaign)}.",
        )
    elif Campaign.STATES.transition(campaign, CampaignStatus.COMPLETED, sources=[CampaignStatus.RUNNING]):
        note(actor=None, verb="complete", instance=campaign, summary=f"{campaign.name} is completed.")
