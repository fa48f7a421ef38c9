"""Seeing a message before it goes out: filled in for one person, on the page or sent as a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from retargeting.accounts.actions import Actor, note
from retargeting.channels.adapter import Outcome, OutgoingMessage
from retargeting.channels.registry import config_of, provider_for
from retargeting.conditions.nodes import Channel
from retargeting.messaging.content import ContentError, check
from retargeting.messaging.eligibility import people
from retargeting.messaging.liquid import TemplateError
from retargeting.messaging.models import SkipReason
from retargeting.messaging.rendering import Rendered, render, values_for
from retargeting.profiles.models import Profile

MARK = "[Test] "
MARKED = {Channel.PUSH: "title", Channel.EMAIL: "subject", Channel.SMS: "text", Channel.IN_APP: "title"}
"""The field of each channel that says it is a test."""


class TestRefused(ValueError):
    """The test cannot be sent; the message says why, for whoever asked for it."""

    __test__ = False  # for pytest, which takes the name for a class of tests


@dataclass(frozen=True, slots=True)
class Preview:
    """`content` as `person` would see it; fields with `errors` are left empty. `sender` is who it is from."""

    channel: str
    content: dict[str, str]
    errors: list[ContentError]
    person: Profile | None
    sender: str


def preview(*, channel: str, content: Mapping[str, str], profile: Profile | None, campaign: str) -> Preview:
    """The message as far as it has been written; without a `profile`, for somebody of whom nothing is known."""
    errors = check(channel, content, complete=False)
    wrong = {error.field for error in errors}
    sound = {key: value for key, value in content.items() if key not in wrong}
    filled: dict[str, str] = {}
    try:
        filled = _filled(channel, sound, profile, campaign).content
    except TemplateError as error:
        errors = [*errors, ContentError("", f"For this person it cannot be filled in. {error}")]
    return Preview(channel, filled, errors, profile, config_of(channel).sender)


def _filled(channel: str, content: Mapping[str, str], profile: Profile | None, campaign: str) -> Rendered:
    attributes, external_id, language = (
        (profile.attributes, profile.external_id, profile.language) if profile else ({}, "", "")
    )
    return render(channel, content, values_for(attributes, external_id, language, campaign), None)


def send_test(
    *,
    actor: Actor,
    channel: str,
    content: Mapping[str, str],
    profile: Profile,
    address: str | None = None,
    campaign: str = "",
) -> Outcome:
    """Send the message, filled in for `profile`, to `address` or else to their own; call it outside a transaction.

    It is marked as a test and leaves no delivery and no events. Raises TestRefused.
    """
    if mistakes := check(channel, content):
        raise TestRefused(f"The message is not finished: {mistakes[0].message}.")
    to = address or _own_address(channel, profile)
    try:
        filled = _filled(channel, content, profile, campaign).content
    except TemplateError as error:
        raise TestRefused(f"For {profile} the message cannot be filled in. {error}") from error
    field = MARKED[Channel(channel)]
    filled[field] = MARK + filled.get(field, "")
    [outcome] = provider_for(channel).send([OutgoingMessage(profile_id=profile.pk, address=to, content=filled)])
    summary = f"Sent a test message of {campaign or channel} to {to}, filled in for {profile}: {outcome.result}."
    note(actor=actor, verb="test", instance=profile, summary=summary)
    return outcome


def _own_address(channel: str, profile: Profile) -> str:
    found = people([profile.pk], channel)
    if not found:
        raise TestRefused(f"{profile} is not there any more.")
    if found[0].skip is not None:
        raise TestRefused(
            f"{profile} cannot be written to: {SkipReason(found[0].skip).label.lower()}. Type an address."
        )
    return found[0].address
