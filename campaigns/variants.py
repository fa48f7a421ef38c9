"""The variants of a draft: what they are, how they change, and the copy that a dispatch takes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from string import ascii_lowercase
from typing import Any

from django.db import transaction

from campaigns.actions import check_draft, described, locked
from campaigns.errors import CampaignError
from campaigns.models import Campaign, Variant
from retargeting.accounts.actions import Actor, note_changes
from retargeting.messaging.content import check, cleaned
from retargeting.messaging.models import Dispatch
from retargeting.messaging.variants import MOST, check_weights, even_weights

ORIGINAL = "a"


@dataclass(frozen=True, slots=True)
class Told:
    """One variant as somebody wants it. Without a key it is a new one and gets a letter."""

    name: str
    weight: int
    content: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""


def told_of(campaign: Campaign) -> list[Told]:
    """All variants, the original first; the original alone where there are no others."""
    others = [Told(row.name, row.weight, row.content, row.key) for row in campaign.variants.all()]
    left = 100 - sum(other.weight for other in others)
    return [Told(campaign.original_name, left, campaign.content, ORIGINAL), *others]


def frozen(campaign: Campaign) -> list[dict[str, Any]]:
    """What a dispatch keeps of them; empty where there is one message for all."""
    found = told_of(campaign)
    if len(found) == 1:
        return []
    return [{"key": t.key, "name": t.name, "weight": t.weight, "content": dict(t.content)} for t in found]


@transaction.atomic
def set_variants(*, actor: Actor, campaign: Campaign, variants: Sequence[Told], **settings: Any) -> Campaign:
    """Have exactly these variants, the original first. Raises CampaignError.

    `settings` are further fields of the campaign that go with them: how they are tried, and how the winner is found.
    """
    campaign = locked(campaign)
    check_draft(campaign)
    before = described(campaign)
    _check(variants)
    original, others = variants[0], _with_keys(campaign, variants[1:])
    campaign.original_name, campaign.content = original.name, cleaned(campaign.channel, original.content)
    for name, value in settings.items():
        setattr(campaign, name, value)
    campaign.save()
    campaign.variants.exclude(key__in=[other.key for other in others]).delete()
    for other in others:
        values = {"name": other.name, "weight": other.weight, "content": cleaned(campaign.channel, other.content)}
        Variant.objects.update_or_create(campaign=campaign, key=other.key, defaults=values)
    note_changes(actor=actor, instance=campaign, noun="campaign", before=before, after=described(campaign))
    return campaign


@transaction.atomic
def write_variant(*, actor: Actor, campaign: Campaign, key: str, content: Mapping[str, Any]) -> Campaign:
    """Change what one of the variants says. Raises CampaignError, and KeyError for a key that it does not have."""
    told = told_of(locked(campaign))
    if key not in {each.key for each in told}:
        raise KeyError(key)
    changed = [replace(each, content=content) if each.key == key else each for each in told]
    return set_variants(actor=actor, campaign=campaign, variants=changed)


def added(told: Sequence[Told], content: Mapping[str, Any], name: str) -> list[Told]:
    """One more, all with even weights. Raises CampaignError where there are as many as there can be."""
    if len(told) >= MOST:
        raise CampaignError(f"A message has {MOST} variants at most.")
    return evened([*told, Told(name, 1, content)])


def removed(told: Sequence[Told], key: str) -> list[Told]:
    """Without that one. The original stays, as what the others are compared with."""
    return with_rest([told[0], *(each for each in told[1:] if each.key != key)])


def with_rest(told: Sequence[Told]) -> list[Told]:
    """The original with the weight that the others leave."""
    return [replace(told[0], weight=100 - sum(each.weight for each in told[1:])), *told[1:]]


def evened(told: Sequence[Told]) -> list[Told]:
    return [replace(each, weight=weight) for each, weight in zip(told, even_weights(len(told)), strict=True)]


def problems_of(campaign: Campaign, told: Sequence[Told]) -> list[tuple[str, str]]:
    """(path, message) of what is wrong with a list that a program sent, the place in it first."""
    known, seen, found = {each.key for each in told_of(campaign)}, set[str](), []
    for place, each in enumerate(told):
        if each.key and (each.key not in known or each.key in seen):
            found.append((f"/{place}/key", "The campaign has no such variant." if each.key not in known else "Twice."))
        seen.add(each.key)
        found += [
            (f"/{place}/message/{error.field}".rstrip("/"), error.message)
            for error in check(campaign.channel, each.content, complete=False)
        ]
    if told and told[0].key != ORIGINAL:
        found.append(("/0/key", f"The original, {ORIGINAL}, comes first."))
    return found


def _check(variants: Sequence[Told]) -> None:
    if not 1 <= len(variants) <= MOST:
        raise CampaignError(f"A message has {MOST} variants at most.")
    if any(not each.name.strip() for each in variants):
        raise CampaignError("Every variant needs a name.")
    if wrong := check_weights([each.weight for each in variants]):
        raise CampaignError(f"{wrong[:1].upper()}{wrong[1:]}.")


def _with_keys(campaign: Campaign, others: Sequence[Told]) -> list[Told]:
    """A letter that an earlier run has used means another message there, and is not given again."""
    runs = Dispatch.objects.filter(orchestration=campaign.pk).values_list("variants", flat=True)
    used = {ORIGINAL, *(variant["key"] for variants in runs for variant in variants)}
    used |= {each.key for each in others}
    free = (letter for letter in ascii_lowercase if letter not in used)
    return [each if each.key else replace(each, key=next(free)) for each in others]
