"""Everything that changes what a campaign is: its draft, its name and labels. See `moves` for what it does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain, count
from typing import Any

from django.db import transaction
from django.utils import timezone

from campaigns.breakdown import Slice
from campaigns.errors import CampaignError
from campaigns.models import Campaign, CampaignStatus, Variant
from campaigns.outcomes import outcomes_of
from retargeting.accounts.actions import Actor, note, note_changes
from retargeting.accounts.models import User
from retargeting.audiences import references
from retargeting.bitmaps import fetch_bitmap
from retargeting.conditions import codec
from retargeting.conditions.nodes import EVERYONE, Group, ListCondition
from retargeting.conditions.wording import sentence
from retargeting.interactions.models import MessageEvent
from retargeting.messaging import languages
from retargeting.messaging.content import cleaned
from retargeting.messaging.recurring import repeat_words
from retargeting.orchestrations.models import Kind, Label, MessageStep
from retargeting.profiles import lists
from retargeting.profiles.actions import create_list
from retargeting.profiles.erasure import hold_off_erasure
from retargeting.profiles.models import CHANNEL_CHOICES, MemberSource, ProfileList

SETTINGS = {
    "send_at": "time",
    "time_zone": "time zone",
    "own_zones": "at that time in each zone",
    "if_past": "where that time is past",
    "repeat": "repeat",
    "pace": "messages a minute",
    "expires_after": "minutes until it expires",
    "priority": "priority",
    "holdout": "holdout percent",
    "test_share": "percent who try the variants",
    "winner_by": "winner by",
    "winner_after": "minutes until the winner is chosen",
    "goal_event": "goal",
    "goal_days": "days in which the goal counts",
}
"""What a draft has besides audience and message, with the name that Activity gives it."""


@transaction.atomic
def create_campaign(
    *,
    actor: Actor,
    name: str,
    channel: str,
    audience: Group = EVERYONE,
    content: Mapping[str, Any] | None = None,
    labels: Iterable[Label] = (),
    follow_up_of: Campaign | None = None,
    original_name: str = "Original",
    **settings: Any,
) -> Campaign:
    """A new draft. `settings` are some of SETTINGS. Raises ConditionErrors for an audience that cannot be."""
    references.check(audience, path="/audience")
    _check_known(settings)
    campaign = Campaign.objects.create(
        kind=Kind.CAMPAIGN,
        name=name,
        channel=channel,
        audience=codec.encode(audience),
        content=cleaned(channel, content or {}),
        follow_up_of=follow_up_of,
        original_name=original_name,
        **settings,
        created_by=actor if isinstance(actor, User) else None,
    )
    MessageStep.objects.create(orchestration=campaign, key="", name=name, channel=channel)
    campaign.labels.set(labels)
    note(actor=actor, verb="create", instance=campaign, summary=f"Created the campaign {name}.")
    return campaign


@transaction.atomic
def update_campaign(
    *,
    actor: Actor,
    campaign: Campaign,
    name: str | None = None,
    channel: str | None = None,
    audience: Group | None = None,
    content: Mapping[str, Any] | None = None,
    labels: Iterable[Label] | None = None,
    **settings: Any,
) -> Campaign:
    """Change what is given. Name and labels can always be changed, the rest while the campaign is a draft.

    `settings` are some of SETTINGS; `send_at=None` means at launch. Raises CampaignError, and ConditionErrors for an
    audience that cannot be.
    """
    _check_known(settings)
    campaign = locked(campaign)
    before = described(campaign)
    if (channel, audience, content) != (None, None, None) or settings:
        check_draft(campaign)
    if name is not None:
        campaign.name = name
    if channel is not None:
        campaign.channel = channel
    if audience is not None:
        references.check(audience, path="/audience")
        campaign.audience = codec.encode(audience)
    if content is not None or channel is not None:
        campaign.content = cleaned(campaign.channel, campaign.content if content is None else content)
    if channel is not None:
        for variant in campaign.variants.all():
            variant.content = cleaned(channel, variant.content)
            variant.save(update_fields=["content"])
    for key, value in settings.items():
        setattr(campaign, key, value)
    campaign.save()
    campaign.message_steps.update(channel=campaign.channel, name=campaign.name)
    if labels is not None:
        campaign.labels.set(labels)
    note_changes(actor=actor, instance=campaign, noun="campaign", before=before, after=described(campaign))
    return campaign


def _check_known(settings: Mapping[str, Any]) -> None:
    if unknown := settings.keys() - SETTINGS.keys():
        raise TypeError(f"A campaign has no {', '.join(sorted(unknown))}.")


def locked(campaign: Campaign) -> Campaign:
    return Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)


def check_draft(campaign: Campaign) -> None:
    if campaign.status != CampaignStatus.DRAFT:
        raise CampaignError(
            f"{campaign.name} is {campaign.get_status_display().lower()}: only a draft can be changed."
            " Take it back to a draft, or duplicate it."
        )


def described(campaign: Campaign) -> dict[str, str]:
    """The campaign in words, for the old and new values of its Activity."""
    tree = codec.decode(campaign.audience)
    return {
        "name": campaign.name,
        "channel": dict(CHANNEL_CHOICES)[campaign.channel],
        "audience": str(sentence(tree, references.look_up(tree))),
        "message": _message_words(campaign.content),
        "variants": "; ".join(map(_variant_words, campaign.variants.all())) or "none",
        **{name: _setting_words(getattr(campaign, key)) for key, name in SETTINGS.items()},
        "time": campaign.send_at.isoformat(" ", "minutes") if campaign.send_at else "at launch",
        "labels": ", ".join(campaign.labels.values_list("name", flat=True)) or "none",
    }


def _message_words(content: Mapping[str, Any]) -> str:
    told = [
        f"{code} {key}".strip() + f" “{value[:60]}”"
        for code, words in languages.each(content)
        for key, value in words.items()
    ]
    return ", ".join(told) or "empty"


def _variant_words(variant: Variant) -> str:
    return f"{variant} {variant.weight} %: {_message_words(variant.content)}"


def _setting_words(value: Any) -> str:
    if isinstance(value, dict):
        return repeat_words(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


@transaction.atomic
def duplicate(*, actor: Actor, campaign: Campaign) -> Campaign:
    """A new draft with the same audience, messages and labels."""
    copy = create_campaign(
        actor=actor,
        name=f"{campaign.name}, copy"[:200],
        channel=campaign.channel,
        audience=codec.decode(campaign.audience),
        content=campaign.content,
        labels=campaign.labels.all(),
        original_name=campaign.original_name,
        **{key: getattr(campaign, key) for key in SETTINGS if key != "send_at"},
    )
    for variant in campaign.variants.all():
        variant.pk, variant.campaign = None, copy
        variant.save(force_insert=True)
    return copy


@transaction.atomic
def follow_up(*, actor: Actor, campaign: Campaign, outcome: str, among: Slice | None = None) -> Campaign:
    """A draft on the same channel to the people of one outcome of `campaign`. Raises KeyError for no such outcome.

    Of a slice alone: these people become a fixed list, which the audience names beside the outcome.
    """
    chosen = {known.key: known for known in outcomes_of(campaign.channel)}[outcome]
    audience, name = chosen.tree(campaign), f"{campaign.name[:160]}, {chosen.name}"
    if among is not None:
        profile_list = _list_of(actor, campaign, among)
        audience = replace(audience, conditions=(ListCondition(profile_list.pk), *audience.conditions))
        name = f"{campaign.name[:120]}, {among.name[:40]}, {chosen.name}"
    return create_campaign(
        actor=actor,
        name=name,
        channel=campaign.channel,
        audience=audience,
        labels=campaign.labels.all(),
        follow_up_of=campaign,
    )


@transaction.atomic
def archive(*, actor: Actor, campaign: Campaign) -> None:
    """Put the campaign out of the way. It stays a target of conditions, with all its events."""
    if campaign.status in {CampaignStatus.RUNNING, CampaignStatus.PAUSED, CampaignStatus.SCHEDULED}:
        raise CampaignError(f"{campaign.name} is under way. Cancel it first.")
    Campaign.objects.filter(pk=campaign.pk, archived_at=None).update(archived_at=timezone.now())
    note(actor=actor, verb="archive", instance=campaign, summary=f"Archived {campaign.name}.")


@transaction.atomic
def unarchive(*, actor: Actor, campaign: Campaign) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(archived_at=None)
    note(actor=actor, verb="unarchive", instance=campaign, summary=f"Brought {campaign.name} back.")


def _list_of(actor: Actor, campaign: Campaign, among: Slice) -> ProfileList:
    base = f"{campaign.name[:120]}, {among.trait.label.lower()} {among.name[:40]}"
    taken = set(ProfileList.objects.filter(name__startswith=base).values_list("name", flat=True))
    names = chain([base], (f"{base} ({number})" for number in count(2)))
    name = next(name for name in names if name not in taken)
    profile_list = create_list(actor=actor, name=name)
    hold_off_erasure()
    there = fetch_bitmap("SELECT id FROM profiles_profile WHERE id = ANY(%s)", [list(among.people)])
    lists.add(lists.lock(profile_list.pk).pk, list(there), MemberSource.API)
    return profile_list


@transaction.atomic
def delete_campaign(*, actor: Actor, campaign: Campaign) -> bool:
    """Delete a campaign that nothing has happened to; True. One with events or runs is archived instead; False."""
    campaign = locked(campaign)
    if campaign.runs.exists() or MessageEvent.objects.filter(orchestration_id=campaign.pk).exists():
        archive(actor=actor, campaign=campaign)
        return False
    if campaign.status == CampaignStatus.SCHEDULED:
        raise CampaignError(f"{campaign.name} is scheduled. Take it back to a draft first.")
    note(actor=actor, verb="delete", instance=campaign, summary=f"Deleted the campaign {campaign.name}.")
    campaign.delete()
    return True
